"""seq2seq export."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seq2seq.cli.options import JsonOption, ModelArgument

if TYPE_CHECKING:
    from seq2seq.pipeline.models.export import Exported

EXAMPLES = (
    ("seq2seq export runs/mine", "make the fast engine's files anew, in the run's own bundle"),
    ("seq2seq export runs/mine mine-int8", "a bundle that translates without torch, a quarter of the size"),
)


class Precision(StrEnum):
    """Bits of the weights."""

    INT8 = "int8"
    FP32 = "fp32"


def export(
    model: ModelArgument,
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FOLDER]",
            help="A new bundle that translates without torch. Without it the files go into MODEL itself.",
            show_default=False,
        ),
    ] = None,
    precision: Annotated[
        Precision, typer.Option("--precision", help="What the new bundle multiplies with: 8 bits, or 32.")
    ] = Precision.INT8,
    as_json: JsonOption = False,
) -> None:
    """Write a model as ONNX graphs, which translate fast on a plain CPU and without torch.

    Training does this at its end. The command is for models from before, and for a small bundle to give away. The
    graphs are compared with torch, sentence by sentence, before they are kept.
    """
    from seq2seq import console
    from seq2seq.pipeline.models.export import export as write

    done = write(model, folder, precision=precision.value)
    if as_json:
        console.emit_json(
            {"path": str(done.path), "bytes": done.bytes, "sample": done.sample, "precisions": _told(done)}
        )
        return
    console.say(f"Wrote {done.path / 'onnx'}: {done.bytes / 1e6:.1f} MB. Compared with torch on {done.sample}:")
    for name, found in _told(done).items():
        console.say(
            f"{name}: log-probabilities of tokens differ by {found['mean']:.2g} on average and {found['largest']:.2g} "
            f"at most; {found['beam']} of {found['sentences']} translations differ"
        )


def _told(done: Exported) -> dict[str, dict[str, float]]:
    return {name: facts["differences"] for name, facts in done.precisions.items()}
