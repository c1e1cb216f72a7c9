"""How a training went: the loss of both sets above, the development scores below."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seq2seq.errors import UserError
from seq2seq.plots.figure import BLUE, GREEN, GREY, VERMILION, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Points = tuple[list[int], list[float]]
_SMOOTHED_FROM = 40  # with fewer rows the line is readable as it is


def learning_curve(metrics: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draws the learning curve of a run as a PNG.

    Args:
        metrics: Rows of metrics.jsonl. Of kind "train": `update`, `loss`; of kind "validation": `update`, `loss`,
            `bleu`, `chrf`. Other keys and kinds are passed over, and so are values that are missing or not finite.
            A row of kind "stage" marks with its `update` where another stage of the training begins, which is `called`
            something. Where an update occurs twice (training went back to a checkpoint) the later row counts.
        path: Where to; replaced at once when the picture is complete.

    Raises:
        UserError: No row has anything to draw, or the file cannot be written.
    """
    train = points(metrics, "train", "loss")
    development = {key: points(metrics, "validation", key) for key in ("loss", "bleu", "chrf")}
    if not train[0] and not any(updates for updates, _ in development.values()):
        raise UserError("There is nothing to draw yet: no training loss and no validation.", hint="Train first.")
    figure = new_figure(8, 6.4)
    above, below = figure.subplots(2, 1, sharex=True)
    _losses(above, train, development["loss"])
    _scores(below, development["bleu"], development["chrf"])
    for row in metrics:
        if row.get("kind") == "stage":
            _mark_stage((above, below), row)
    below.set_xlabel("updates")
    save(figure, path)


def points(metrics: Sequence[Mapping[str, Any]], kind: str, key: str) -> Points:
    """Returns the updates and the finite values of `key` in the rows of `kind`, by update, the later row winning."""
    found = {
        int(row["update"]): float(row[key])
        for row in metrics
        if row.get("kind") == kind and isinstance(row.get(key), int | float) and math.isfinite(row[key])
    }
    return sorted(found), [found[update] for update in sorted(found)]


def running_mean(values: Sequence[float], width: int) -> list[float]:
    """Returns the mean of the `width` values around each.

    At the beginning, where a loss falls steeply, fewer and as many on both sides; at the end, where it is level, those
    that there are.
    """
    means = []
    for i in range(len(values)):
        reach = min(width // 2, i)
        window = values[i - reach : i + reach + 1]
        means.append(math.fsum(window) / len(window))
    return means


def _losses(axes: Axes, train: Points, development: Points) -> None:
    updates, losses = train
    if len(updates) >= _SMOOTHED_FROM:
        axes.plot(updates, losses, color=BLUE, alpha=0.25, linewidth=0.8)
        losses = running_mean(losses, max(5, len(updates) // 40))
    axes.plot(updates, losses, color=BLUE, linewidth=1.6, label="training")
    axes.plot(*development, color=VERMILION, linewidth=1.6, marker="o", markersize=4, label="development")
    # The value is written on the side where the training loss is not: with much dropout that is above the other.
    over = not losses or not development[1] or losses[-1] < min(development[1])
    _mark_best(axes, development, lowest=True, over=over)
    _tidy(axes, "loss (nats a token)")


def _scores(axes: Axes, bleu: Points, chrf: Points) -> None:
    if not bleu[0] and not chrf[0]:
        axes.text(0.5, 0.5, "not validated yet", color=GREY, ha="center", va="center", transform=axes.transAxes)
    axes.plot(*chrf, color=GREEN, linewidth=1.6, marker="s", markersize=4, linestyle="--", label="chrF")
    axes.plot(*bleu, color=VERMILION, linewidth=1.6, marker="o", markersize=4, label="BLEU")
    # One value above and one below: near 100 both lines meet.
    _mark_best(axes, chrf, lowest=False, over=True)
    _mark_best(axes, bleu, lowest=False, over=False)
    _tidy(axes, "development score")
    axes.set_ylim(bottom=0)


def _mark_best(axes: Axes, series: Points, *, lowest: bool, over: bool) -> None:
    """Circles the best point and writes its value over or under it."""
    updates, values = series
    if not updates:
        return
    best = values.index(min(values) if lowest else max(values))
    axes.plot(updates[best], values[best], "o", markersize=10, markerfacecolor="none", markeredgecolor="black")
    axes.annotate(
        f"{values[best]:.3f}" if lowest else f"{values[best]:.1f}",
        (updates[best], values[best]),
        xytext=(0, 9 if over else -9),
        textcoords="offset points",
        ha="center",
        va="bottom" if over else "top",
        fontweight="bold",
        fontsize=9,
    )


def _mark_stage(both: Sequence[Axes], row: Mapping[str, Any]) -> None:
    """Draws a line where another stage begins, and writes what it is called beside it."""
    for axes in both:
        axes.axvline(row["update"], color=GREY, linewidth=1.0, linestyle=":")
    place = (row["update"], 1.0)
    both[0].annotate(
        str(row["called"]),
        place,
        xycoords=("data", "axes fraction"),
        xytext=(-3, 2),
        textcoords="offset points",
        ha="right",
        va="bottom",
        color=GREY,
        fontsize=9,
    )


def _tidy(axes: Axes, label: str) -> None:
    axes.set_ylabel(label)
    axes.margins(x=0.03, y=0.16)
    axes.grid(True, color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_formatter(lambda update, _: f"{update:,.0f}")
    drawn = [line for line in axes.lines if np.size(line.get_xdata()) and not str(line.get_label()).startswith("_")]
    if drawn:
        axes.legend(handles=drawn, frameon=False, loc="best")
