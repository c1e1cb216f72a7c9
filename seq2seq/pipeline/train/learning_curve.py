"""The picture of a training: the learning curve, drawn now and then and at its end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from seq2seq import console
from seq2seq.bundle import RunFolder
from seq2seq.errors import UserError
from seq2seq.pipeline.train.refine import refined_rows
from seq2seq.training.metrics_log import MetricsLog
from seq2seq.training.protocols import Reporter

SECONDS_BETWEEN_PICTURES = 60.0


def draw_learning_curve(run: RunFolder) -> None:
    """Draws `pictures/learning-curve.png` from the metrics so far."""
    from seq2seq.plots.learning_curve import learning_curve

    rows = [row for row in MetricsLog(run.metrics).rows() if row["kind"] in ("train", "validation")]
    rows += refined_rows(run, after=max((row["update"] for row in rows), default=0))
    if rows:
        learning_curve(rows, run.pictures / "learning-curve.png")


def draw_last(run: RunFolder) -> None:
    """Draws the learning curve, or says why not: the model is there, and more is to be done with it."""
    try:
        draw_learning_curve(run)
    except UserError as error:
        console.warn(f"The learning curve is not drawn: {error.message}")


class Pictures:
    """Draws the learning curve now and then while another reporter is told everything.

    Args:
        inner: The other reporter.
        run: The run, which is trained.
    """

    def __init__(self, inner: Reporter, run: RunFolder) -> None:
        self._inner, self._run, self._drawn = inner, run, time.monotonic()
        self.started, self.updated, self.said = inner.started, inner.updated, inner.said

    def validated(self, row: Mapping[str, Any], *, best: bool) -> None:
        """See `Reporter.validated`."""
        self._inner.validated(row, best=best)
        # A picture takes half a second; a short training gets its own at the end.
        if time.monotonic() - self._drawn > SECONDS_BETWEEN_PICTURES:
            with suppress(UserError):  # on a full disk training goes on
                draw_learning_curve(self._run)
            self._drawn = time.monotonic()
