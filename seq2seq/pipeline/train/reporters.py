"""Who watches a training: a bar on stderr, and TensorBoard beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seq2seq import console
from seq2seq.evaluation.names import METRIC_NAMES
from seq2seq.pipeline.prepare.basis import OLD_SCORES


class ConsoleReporter:
    """Shows a training on stderr: a bar with speed, loss, development score and time left.

    Args:
        stop_on: The development score that is shown with the bar.
    """

    def __init__(self, stop_on: str = "bleu") -> None:
        self._stop_on = stop_on
        self._progress: console.Progress | None = None
        self._score, self._work = "", "training"

    def begin_stage(self, work: str) -> None:
        """Another stage of the training begins, with a bar of its own that is called `work`."""
        self.close()
        self._score, self._work = "", work

    def started(self, *, update: int, total: int | None) -> None:
        """See `Reporter.started`."""
        if self._progress is None:
            self._progress = console.Progress(self._work, total, unit="updates").__enter__()
        self._progress.total = total
        self._progress.start_from(update)

    def updated(self, row: Mapping[str, Any]) -> None:
        """See `Reporter.updated`."""
        assert self._progress is not None
        note = f"loss {row['loss']:.2f}, {row['tokens_per_second']:,.0f} tokens/s{self._score}"
        self._progress.update(row["update"], note=note)

    def validated(self, row: Mapping[str, Any], *, best: bool) -> None:
        """See `Reporter.validated`."""
        self._score = f", {self._stop_on} {row[self._stop_on]:.2f}"
        perplexity = math.exp(min(row["loss"], 50.0))
        old = f"; old text: BLEU {row['old_bleu']:.2f}, chrF {row['old_chrf']:.2f}" if "old_bleu" in row else ""
        console.say(
            f"update {row['update']:,}: development loss {row['loss']:.3f} (perplexity {perplexity:.1f}), "
            f"BLEU {row['bleu']:.2f}, chrF {row['chrf']:.2f}{old}{self._tried(row)}{'  best so far' if best else ''}"
        )

    def _tried(self, row: Mapping[str, Any]) -> str:
        """Tells of the mean over the last looks, where it was tried, and of what it was better than or not."""
        if "average_looks" not in row:
            return ""
        tried = row["average_looks"]
        name = METRIC_NAMES.get(self._stop_on, self._stop_on)
        if tried["better"]:
            return f"; the mean of {tried['looks']} looks, this one alone {name} {tried['alone'][self._stop_on]:.2f}"
        return f"; the mean of {tried['looks']} looks {name} {tried['mean'][self._stop_on]:.2f}"

    def said(self, message: str) -> None:
        """See `Reporter.said`."""
        console.say(message)

    def close(self) -> None:
        """Takes the bar away."""
        if self._progress is not None:
            self._progress.__exit__(None, None, None)
            self._progress = None


class TensorBoardReporter:
    """Writes what another reporter is told to TensorBoard as well (the extra `tensorboard`).

    Args:
        inner: The other reporter.
        folder: Where TensorBoard looks.
    """

    def __init__(self, inner: ConsoleReporter, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._inner = inner
        self._writer: Any = SummaryWriter(str(folder))
        self._prefix = ""

    def begin_stage(self, work: str) -> None:
        """See `ConsoleReporter.begin_stage`; what is written from here on has names of its own."""
        self._prefix = f"{work}/"
        self._inner.begin_stage(work)

    def started(self, *, update: int, total: int | None) -> None:
        """See `Reporter.started`."""
        self._inner.started(update=update, total=total)

    def updated(self, row: Mapping[str, Any]) -> None:
        """See `Reporter.updated`."""
        self._write("train", row, ("loss", "rate", "gradient_norm", "tokens_per_second"))
        self._inner.updated(row)

    def validated(self, row: Mapping[str, Any], *, best: bool) -> None:
        """See `Reporter.validated`."""
        of_old_text = tuple(name for name in row if name.startswith(OLD_SCORES))
        self._write("development", row, ("loss", "bleu", "chrf", *of_old_text))
        self._inner.validated(row, best=best)

    def said(self, message: str) -> None:
        """See `Reporter.said`."""
        self._inner.said(message)

    def close(self) -> None:
        """Closes the file and the inner reporter."""
        self._writer.close()
        self._inner.close()

    def _write(self, group: str, row: Mapping[str, Any], keys: tuple[str, ...]) -> None:
        for key in keys:
            self._writer.add_scalar(f"{self._prefix}{group}/{key}", row[key], row["update"])


def start_stage(reporter: object, work: str) -> None:
    """Calls the reporter's `begin_stage`, if it has one."""
    begin: Callable[[str], None] | None = getattr(reporter, "begin_stage", None)
    if begin is not None:
        begin(work)


@contextmanager
def closing(reporter: object) -> Iterator[None]:
    """Calls the reporter's `close`, if it has one, whatever happens."""
    try:
        yield
    finally:
        close: Callable[[], None] | None = getattr(reporter, "close", None)
        if close is not None:
            close()
