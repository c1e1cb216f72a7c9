"""seq2seq repl."""

from __future__ import annotations

from typing import Annotated

import typer

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

EXAMPLES = (
    ("seq2seq repl runs/demo", "translate as you type; :help lists what you can say"),
    ('printf ":beam 1\\nI drink milk.\\n" | seq2seq repl runs/demo', "without a terminal: a line for a line"),
)


def repl(
    model: ModelArgument,
    beam: Annotated[
        int | None, typer.Option("--beam", min=1, help="Hypotheses a sentence. Without --mbr the likeliest is taken.")
    ] = None,
    mbr: MbrOption = None,
    nbest: Annotated[int, typer.Option("--nbest", min=1, help="Alternatives to show.")] = 1,
    attention: Annotated[bool, typer.Option("--attention", help="Show what each piece looked at.")] = False,
    scores: Annotated[bool, typer.Option("--scores", help="Colour each piece by how sure the model is.")] = False,
    prefix: Annotated[str, typer.Option("--prefix", help="Text that every translation must begin with.")] = "",
    engine: EngineOption = EngineName.AUTO,
    device: DeviceOption = Device.AUTO,
    threads: ThreadsOption = 0,
    settings: SetOption = None,
) -> None:
    """Translate as you type.

    Commands begin with a colon (:beam, :mbr, :nbest, :attention, :scores, :prefix, :glossary, :help); everything else
    is translated. The history is kept for the next time. Ctrl-D leaves.
    """
    from dataclasses import replace

    from seq2seq.bundle import open_bundle
    from seq2seq.recipe.overrides import apply_overrides
    from seq2seq.serving.session import talk
    from seq2seq.translator import from_bundle

    bundle = open_bundle(model)
    candidates = num_candidates(mbr, settings or [], otherwise=beam is not None)
    chosen = [] if candidates is None else [f"search.mbr={candidates}"]
    own = apply_overrides(bundle.recipe, settings or [], rules=False).search
    if mbr and own.name == "greedy":  # which gives one candidate
        chosen.append("search.name=beam")
    bundle = replace(bundle, recipe=apply_overrides(bundle.recipe, [*(settings or []), *chosen]))
    opened = from_bundle(bundle, engine=engine.value, device=device.value, threads=threads)
    code = talk(
        opened,
        beam=beam or {"beam": opened.settings.beam, "greedy": 1}.get(opened.settings.name),
        nbest=nbest,
        attention=attention,
        scores=scores,
        prefix=prefix,
        mbr=opened.settings.mbr,
    )
    raise typer.Exit(code)
