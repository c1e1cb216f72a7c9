"""seq2seq score."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seq2seq.cli.ensembles import WeightsOption, WithOption
from seq2seq.cli.options import Device, DeviceOption, EngineOption, ModelArgument, ThreadsOption
from seq2seq.engines.names import EngineName

EXAMPLES = (
    ("seq2seq score runs/mine new.en new.de", "log-probability and mean a token of each line, a tab between"),
    ("seq2seq score runs/mine new.en new.de --tokens", "and of each piece"),
    ("seq2seq score runs/mine new.en theirs.de | sort -g -k 2 | head", "the lowest scores first"),
    ("seq2seq score runs/mine new.en new.de --json", "one JSON object a line, for programs"),
)


def score(
    model: ModelArgument,
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="Sentences, one a line; plain or compressed.", show_default=False)
    ],
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="Their translations, line by line.", show_default=False)
    ],
    tokens: Annotated[
        bool,
        typer.Option(
            "--tokens", help="Add the log-probability of each piece, spaces between, and behind a tab the pieces."
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line; null stands for a probability of 0.")
    ] = False,
    others: WithOption = None,
    weights: WeightsOption = "",
    engine: EngineOption = EngineName.AUTO,
    device: DeviceOption = Device.AUTO,
    threads: ThreadsOption = 0,
) -> None:
    """Say how likely a model holds given translations, line by line.

    A line for each pair: the natural logarithm of the translation's probability, a tab, and its mean a token (the end
    of the sentence counted). What translate itself wrote has the mean that its --scores printed, where
    search.length_penalty is 1 and the text is cut into the pieces that it was written in. Higher is likelier; -inf is
    what the model could never write. The perplexity of the whole comes last, on standard error: 1 is certainty.
    """
    from seq2seq import console
    from seq2seq.cli.ensembles import open_models
    from seq2seq.pipeline.evaluate.score import check_lines, score_lines
    from seq2seq.pipeline.translate.translate import window_size

    check_lines(source, target)
    opened = open_models(model, others, weights)
    translator = opened.translator(engine=engine.value, device=device.value, threads=threads)
    size = window_size(opened.first.recipe.search)
    totals = score_lines(translator, source, target, size=size, tokens=tokens, as_json=as_json)
    if totals.tokens:
        lines = f"{totals.lines:,} line{'' if totals.lines == 1 else 's'}"
        console.say(f"perplexity {totals.perplexity:.4g} over {totals.tokens:,} tokens in {lines}")
    if totals.impossible:
        console.warn(f"{totals.impossible:,} of the translations hold what this model can never write")
