"""seq2seq translate."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from seq2seq.cli.options import Device, DeviceOption, ModelArgument, SetOption, ThreadsOption
from seq2seq.registry import SEARCHES

EXAMPLES = (
    ('echo "I drink milk." | seq2seq translate runs/demo', "one sentence"),
    ("seq2seq translate runs/mine new.en -o new.de", "a file, with progress"),
    ("seq2seq translate runs/mine --nbest 3 < new.en", "number, score and translation, tabs between"),
    ("seq2seq translate runs/mine --temperature 0.7 --top-p 0.9 < new.en", "draw instead of search"),
    ("seq2seq translate runs/mine --glossary terms.tsv < new.en", "with the translations of terms laid down"),
    ("seq2seq translate runs/mine --json < new.en", "one JSON object a line, for programs"),
)


def translate(
    model: ModelArgument,
    source: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="What to translate, a sentence a line; plain or .gz.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write here instead of standard output.")
    ] = None,
    search: Annotated[
        str | None, typer.Option("--search", metavar="NAME", help=f"How to search: {', '.join(SEARCHES)}.")
    ] = None,
    beam: Annotated[int | None, typer.Option("--beam", min=1, help="Hypotheses a sentence in beam search.")] = None,
    nbest: Annotated[
        int, typer.Option("--nbest", min=1, help="Alternatives a sentence: number, score, translation a line.")
    ] = 1,
    scores: Annotated[bool, typer.Option("--scores", help="Put the score before each translation.")] = False,
    attention: Annotated[
        bool, typer.Option("--attention", help="Add the alignment, as source-target pairs of pieces from 0.")
    ] = False,
    prefix: Annotated[str, typer.Option("--prefix", help="Text that every translation must begin with.")] = "",
    glossary: Annotated[
        Path | None,
        typer.Option(
            "--glossary",
            metavar="FILE",
            help="Terms that must be translated so: a source term, a tab and the target term a line. Where the source "
            "holds the one, the translation holds the other, as it is written there: it is not inflected.",
        ),
    ] = None,
    temperature: Annotated[
        float | None, typer.Option("--temperature", help="Of sampling: below 1 is safer, above 1 more varied.")
    ] = None,
    top_k: Annotated[int | None, typer.Option("--top-k", min=0, help="Sample from the k likeliest tokens.")] = None,
    top_p: Annotated[
        float | None, typer.Option("--top-p", help="Sample from the likeliest tokens that make up this share.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Of sampling.")] = None,
    device: DeviceOption = Device.AUTO,
    threads: ThreadsOption = 0,
    settings: SetOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with tokens and scores.")] = False,
) -> None:
    """Translate a file or standard input.

    A line in is a line out, in order; a blank line stays blank. From a pipe, each line is answered as it comes. Tabs
    stand between the columns: the number of the input line (--nbest), the score (--nbest, --scores), the translation,
    the alignment (--attention).

    A term of a glossary is found as whole words and in its own case; one in small letters is also found with a capital
    at the start of a line. Of terms that overlap the longest counts. Lines that begin with # are comments.
    """
    from seq2seq import console
    from seq2seq.bundle import open_bundle
    from seq2seq.pipeline.translate import Format, check_places, translate_lines
    from seq2seq.recipe.overrides import apply_overrides
    from seq2seq.translator import from_bundle, read_glossary

    check_places(source, output, others=(glossary,) if glossary else ())
    terms = read_glossary(glossary) if glossary else None
    bundle = open_bundle(model)
    drawing = {"--temperature": temperature, "--top-k": top_k, "--top-p": top_p, "--seed": seed}
    drawn = [name for name, value in drawing.items() if value is not None]
    chosen = {
        "search.name": _search_name(search, drawn, with_beam=beam is not None),
        "search.beam": beam,
        "search.temperature": temperature,
        "search.top_k": top_k,
        "search.top_p": top_p,
        "search.seed": seed,
    }
    # Options are overrides with a shorter name, and so are checked by the same rules.
    assignments = [f"{key}={value}" for key, value in chosen.items() if value is not None]
    recipe = apply_overrides(bundle.recipe, [*(settings or []), *assignments])
    translator = from_bundle(bundle, device=device.value, threads=threads)
    if source is None and sys.stdin.isatty():
        console.say("Type a sentence a line; Ctrl-D ends. More comfortable: seq2seq repl")
    form = Format(nbest=nbest, scores=scores, attention=attention, as_json=as_json, terms=terms is not None)
    translate_lines(translator, recipe.search, source=source, target=output, form=form, prefix=prefix, glossary=terms)


def _search_name(search: str | None, drawn: list[str], *, with_beam: bool) -> str | None:
    """Returns the search that the options ask for, by name or by what only it has; None: the model's own.

    Raises:
        UserError: They ask for two.
    """
    from seq2seq.errors import UserError

    asked = {"--search " + search: search} if search else {}
    asked |= {"--beam": "beam"} if with_beam else {}
    asked |= dict.fromkeys(drawn, "sampling")
    if len(set(asked.values())) > 1:
        raise UserError(
            f"{' and '.join(asked)} contradict each other.",
            hint="--beam is for beam search; --temperature, --top-k, --top-p and --seed are for sampling.",
        )
    return next(iter(asked.values()), None)
