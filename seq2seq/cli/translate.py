"""seq2seq translate."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seq2seq.cli.ensembles import WeightsOption, WithOption
from seq2seq.cli.options import (
    Device,
    DeviceOption,
    EngineOption,
    MbrOption,
    ModelArgument,
    SetOption,
    ThreadsOption,
    num_candidates,
)
from seq2seq.engines.names import EngineName
from seq2seq.registry import SEARCHES

if TYPE_CHECKING:
    from seq2seq.launch import Launch
    from seq2seq.pipeline.parts import Part

EXAMPLES = (
    ('echo "I drink milk." | seq2seq translate runs/demo', "one sentence"),
    ("seq2seq translate runs/mine new.en -o new.de", "a file, with progress"),
    ("seq2seq translate runs/mine new.en -o new.de --resume", "go on with it after an interruption"),
    ("seq2seq translate runs/mine --nbest 3 < new.en", "number, score and translation, tabs between"),
    ("seq2seq translate runs/mine --temperature 0.7 --top-p 0.9 < new.en", "draw instead of search"),
    ("seq2seq translate runs/mine --mbr 20 new.en -o new.de", "of 20 candidates the one most like the others"),
    ("seq2seq translate runs/mine --glossary terms.tsv < new.en", "with the translations of terms laid down"),
    ("seq2seq translate runs/mine --json < new.en", "one JSON object a line, for programs"),
    ("seq2seq translate runs/mine --with runs/other < new.en", "two models as one, usually better than either"),
    ("seq2seq translate runs/mine new.en --shard 2/8 > new.de.2", "the second of eight parts, on any machine"),
    ("torchrun --nproc-per-node 2 -m seq2seq translate runs/mine new.en -o new.de", "two processes, one file"),
)
_PATIENCE_SECONDS = 3.0
"""How long a process that failed waits for the first one to tell of the same error, before it tells itself."""
_SEARCH, _WORDS, _LARGE = "How to search", "Which words", "Large files"


def translate(
    model: ModelArgument,
    source: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="What to translate, a sentence a line; plain or compressed.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write here instead of standard output.")
    ] = None,
    beam: Annotated[
        int | None,
        typer.Option(
            "--beam", min=1, help="Hypotheses a sentence in beam search. Without --mbr the likeliest is taken."
        ),
    ] = None,
    nbest: Annotated[
        int, typer.Option("--nbest", min=1, help="Alternatives a sentence: number, score, translation a line.")
    ] = 1,
    scores: Annotated[bool, typer.Option("--scores", help="Put the score before each translation.")] = False,
    attention: Annotated[
        bool, typer.Option("--attention", help="Add the alignment, as source-target pairs of pieces from 0.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with tokens and scores.")] = False,
    engine: EngineOption = EngineName.AUTO,
    device: DeviceOption = Device.AUTO,
    threads: ThreadsOption = 0,
    settings: SetOption = None,
    glossary: Annotated[
        Path | None,
        typer.Option(
            "--glossary",
            metavar="FILE",
            help="Terms that must be translated so: a source term, a tab and the target term a line. Where the source "
            "holds the one, the translation holds the other, as it is written there: it is not inflected.",
            rich_help_panel=_WORDS,
        ),
    ] = None,
    prefix: Annotated[
        str,
        typer.Option("--prefix", help="Text that every translation must begin with.", rich_help_panel=_WORDS),
    ] = "",
    ban: Annotated[
        list[str] | None,
        typer.Option(
            "--ban",
            metavar="WORD",
            help="A word that no translation may hold. May be given several times.",
            show_default=False,
            rich_help_panel=_WORDS,
        ),
    ] = None,
    ban_file: Annotated[
        Path | None,
        typer.Option("--ban-file", metavar="FILE", help="A file of such words, one a line.", rich_help_panel=_WORDS),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on after the last line that an interrupted run has written. Give the same command as then.",
            rich_help_panel=_LARGE,
        ),
    ] = False,
    shard: Annotated[
        str,
        typer.Option(
            "--shard",
            metavar="I/N",
            help="Translate the I-th of N parts of FILE only. What is written for 1/N to N/N, one after the other, is "
            "what is written for FILE. Parts are whole windows of up to 4 MB or 20 times search.batch_sentences lines, "
            "which is usually 1,280: a shorter FILE is all in the first part, and the others are empty.",
            show_default=False,
            rich_help_panel=_LARGE,
        ),
    ] = "",
    others: WithOption = None,
    weights: WeightsOption = "",
    search: Annotated[
        str | None,
        typer.Option(
            "--search", metavar="NAME", help=f"How to search: {', '.join(SEARCHES)}.", rich_help_panel=_SEARCH
        ),
    ] = None,
    min_length: Annotated[
        int | None,
        typer.Option("--min-length", min=0, help="Tokens of a translation, at least.", rich_help_panel=_SEARCH),
    ] = None,
    no_repeat_ngram: Annotated[
        int | None,
        typer.Option(
            "--no-repeat-ngram",
            min=0,
            metavar="N",
            help="No N tokens stand twice in a translation in the same order; 0 allows it.",
            rich_help_panel=_SEARCH,
        ),
    ] = None,
    mbr: MbrOption = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            "--temperature", help="Of sampling: below 1 is safer, above 1 more varied.", rich_help_panel=_SEARCH
        ),
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option("--top-k", min=0, help="Sample from the k likeliest tokens.", rich_help_panel=_SEARCH),
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(
            "--top-p", help="Sample from the likeliest tokens that make up this share.", rich_help_panel=_SEARCH
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Of sampling.", rich_help_panel=_SEARCH)] = None,
) -> None:
    """Translate a file or standard input.

    A line in is a line out, in order; a blank line stays blank. From a pipe, each line is answered as it comes. Tabs
    stand between the columns: the number of the input line (--nbest), the score (--nbest, --scores), the translation,
    the alignment (--attention).

    Ctrl-C keeps what was written so far, in OUTPUT.part; --resume goes on from there, and the result is the same to the
    byte. Several machines can each take a part of a file (--shard), or torchrun starts several processes, which put
    their parts together themselves.

    A term of a glossary is found as whole words and in its own case; one in small letters is also found with a capital
    at the start of a line. Of terms that overlap the longest counts. Lines that begin with # are comments.
    """
    from seq2seq import console
    from seq2seq.cli.ensembles import open_models
    from seq2seq.errors import Seq2SeqError
    from seq2seq.launch import launched
    from seq2seq.pipeline.translate.banned import banned_words
    from seq2seq.pipeline.translate.formats import Format
    from seq2seq.pipeline.translate.translate import Task, check_places, translate_lines
    from seq2seq.recipe.overrides import apply_overrides
    from seq2seq.translator import read_glossary

    launch = launched()
    try:
        part = _part(shard, source, output, launch)
        files = [path for path in (glossary, ban_file) if path]
        check_places(source, output, others=files, part=part if launch.is_several else None)
        terms = read_glossary(glossary) if glossary else None
        task = Task(
            source=source,
            target=output,
            form=Format(nbest=nbest, scores=scores, attention=attention, as_json=as_json, terms=terms is not None),
            prefix=prefix,
            glossary=terms,
            banned=banned_words(ban or [], ban_file),
            part=part,
            resume=resume or (launch.is_several and launch.restarts > 0),
            shared=launch.is_several,
        )
        _check_resume(task.resume, can_resume=task.can_resume, source=source, output=output)
        models = open_models(model, others, weights)
        drawing = {"--temperature": temperature, "--top-k": top_k, "--top-p": top_p, "--seed": seed}
        drawn = [name for name, value in drawing.items() if value is not None]
        name = _search_name(search, drawn, with_beam=beam is not None)
        chosen = {
            "search.name": name,
            "search.beam": beam,
            "search.min_length": min_length,
            "search.no_repeat_ngram": no_repeat_ngram,
            "search.mbr": num_candidates(mbr, settings or [], otherwise=name is not None),
            "search.temperature": temperature,
            "search.top_k": top_k,
            "search.top_p": top_p,
            "search.seed": seed,
        }
        # Options are overrides with a shorter name, and so are checked by the same rules.
        assignments = [f"{key}={value}" for key, value in chosen.items() if value is not None]
        recipe = apply_overrides(models.first.recipe, [*(settings or []), *assignments])
        place, cores = _machine(engine, device, threads, launch)
        translator = models.translator(engine=engine.value, device=place, threads=cores)
        translator.evaluation = recipe.evaluation  # by which candidates are compared
        if source is None and sys.stdin.isatty():
            console.say("Type a sentence a line; Ctrl-D ends. More comfortable: seq2seq repl")
        translate_lines(translator, recipe.search, task, models={**models.facts(), "--engine": engine.value})
    except Seq2SeqError:
        if launch.rank:  # most errors all processes meet, and torchrun ends this one when the first has told it
            time.sleep(_PATIENCE_SECONDS)
        raise


def _part(shard: str, source: Path | None, output: Path | None, launch: Launch) -> Part:
    """Returns the part of the input that this process translates.

    Raises:
        UserError: There is none that could be found in it, or what all parts make has no place.
    """
    from seq2seq.errors import UserError
    from seq2seq.pipeline.parts import Part
    from seq2seq.pipeline.translate.streams import is_replaced

    if not launch.is_several:
        part = Part.parse(shard) if shard else Part()
        if shard and source is None:
            raise UserError("--shard needs a FILE: standard input is read by one process alone.", hint="Name the file.")
        return part
    if shard:
        raise UserError(
            f"torchrun started {launch.size} processes, which divide the file themselves.", hint="Leave out --shard."
        )
    if source is None or output is None or not is_replaced(output):
        missing = "a FILE to divide" if source is None else "a file to write, with -o"
        raise UserError(f"torchrun started {launch.size} processes, which need {missing}.", hint="See --help.")
    return Part(launch.rank + 1, launch.size)


def _check_resume(resume: bool, *, can_resume: bool, source: Path | None, output: Path | None) -> None:
    """Refuses to go on where nothing can be gone on with."""
    from seq2seq.errors import UserError

    if not resume or can_resume:
        return
    if output is None:
        raise UserError("--resume needs -o: only what is in a file can be gone on with.", hint="Give -o, as before.")
    if source is None:
        raise UserError(
            "--resume needs a FILE: standard input cannot be compared with what was read before.",
            hint="Save it in a file first.",
        )
    raise UserError(f"--resume needs a file, and {output} is none.", hint="Give -o the name of a file.")


def _machine(engine: EngineName, device: Device, threads: int, launch: Launch) -> tuple[str, int]:
    """Returns where to compute and with how many cores: each of several processes has a GPU, or cores, of its own."""
    if not launch.is_several:
        return device.value, threads
    from seq2seq.device import share_of_cores
    from seq2seq.engines.choose import gpu_found

    cores = share_of_cores(threads, launch.local_size)
    can_have_gpu = device is Device.AUTO and engine in (EngineName.AUTO, EngineName.TORCH) and gpu_found()
    if device is Device.CUDA or can_have_gpu:
        return f"cuda:{launch.local_rank}", cores
    return "cpu", cores


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
