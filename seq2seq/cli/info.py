"""seq2seq info."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seq2seq.cli.options import JsonOption, SetOption

if TYPE_CHECKING:
    from rich.table import Table

    from seq2seq.pipeline.models.summary import Summary

EXAMPLES = (
    ("seq2seq info runs/mine", "the layers, shapes, parameters and scores of a model"),
    ("seq2seq info multi30k-en-de", "the network that a recipe describes"),
    ("seq2seq info multi30k-en-de --set model.cell=gru", "and what a change makes of it"),
)


def info(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A run, a bundle, or a recipe's name or .toml.")],
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a run or a bundle holds: layers, shapes, parameters, memory, scores."""
    from seq2seq import console
    from seq2seq.pipeline.models.summary import summarise

    summary = summarise(model, settings or [])
    if as_json:
        console.emit_json(summary.to_dict())
        return
    if console.output().is_terminal:
        console.output().print(_table(summary))
    else:
        for layer in summary.layers:
            console.emit(f"{layer.name}\t{layer.kind}\t{layer.shape}\t{layer.parameters}")
    for line in _facts(summary):
        console.emit(line)


def _table(summary: Summary) -> Table:
    from rich.table import Table

    table = Table("layer", "kind", "output", "parameters", box=None, title=summary.name, title_justify="left")
    table.columns[3].justify = "right"
    for layer in summary.layers:
        table.add_row(layer.name, layer.kind, layer.shape, f"{layer.parameters:,}")
    return table


def _facts(summary: Summary) -> list[str]:
    kept = "weights, gradients, moments and average" if summary.averages else "weights, gradients and moments"
    lines = [
        f"{summary.parameters:,} parameters, {summary.parameters * 4 / 1e6:.1f} MB in 32 bits",
        f"trains at about {summary.training_bytes / 1e6:,.0f} MB of {kept}",
        f"recurrent kernel: {summary.kernel}",
    ]
    if told := summary.refined:
        before, now = told["before"], told["development"]
        shown = [(name, key) for name, key in (("BLEU", "bleu"), ("chrF", "chrf")) if key in before and key in now]
        changes = ", ".join(f"{name} {before[key]:.2f} -> {now[key]:.2f}" for name, key in shown)
        lines.append(f"refined for minimum risk, {told['updates']:,} updates: development {changes or 'unknown'}")
    for split, scores in summary.scores.items():
        for score in scores:
            lines.append(f"{split}: {_score(score)}")
    return lines


def _score(score: dict[str, Any]) -> str:
    return f"{score['name']} {score['value']:.2f} ({score['signature']})"
