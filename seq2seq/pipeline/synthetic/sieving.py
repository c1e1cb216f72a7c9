"""Which of the pairs that a model made are worth training on. Workers sift, and so this file needs no network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from seq2seq import console
from seq2seq.corpus.cleaning import Report, in_batches
from seq2seq.corpus.filters import Filter
from seq2seq.corpus.filters.copied import Copied
from seq2seq.corpus.filters.empty import Empty
from seq2seq.corpus.filters.ratio import Ratio
from seq2seq.corpus.filters.repeated import Repeated
from seq2seq.corpus.pair import Pair
from seq2seq.errors import UserError
from seq2seq.pipeline.synthetic.files import new_files, sides_of
from seq2seq.pipeline.synthetic.left_out import left_out
from seq2seq.pipeline.workers import Workers, available_cores

_BLOCK: Final = 1024  # pairs that a worker sieves at once


@dataclass(frozen=True)
class Sieve:
    """Which synthetic pairs are worth training on.

    What a model writes fails in few ways, and these tell them: it says nothing, or the same over and over; it stops
    early or does not stop (`ratio`); it gives up and copies what it reads (`copied`).

    Attributes:
        max_ratio: Words of the longer side for each of the shorter, at most.
        max_copied: Share of the words that both sides have, at most.
    """

    max_ratio: float = 3.0
    max_copied: float = 0.5

    def filters(self) -> list[Filter]:
        """Returns the rules, in their order."""
        return [Empty(), Repeated(), Ratio(maximum=self.max_ratio), Copied(maximum=self.max_copied)]


@dataclass(frozen=True)
class Sift:
    """Sifts a block.

    Attributes:
        filters: The rules, in their order; the first that objects gives the reason.
        pairs_of: Makes the pairs of a block of whatever is given; None: it holds pairs.
    """

    filters: Sequence[Filter]
    pairs_of: Callable[[list[Any]], list[Pair]] | None = None

    def __call__(self, block: list[Any]) -> tuple[list[Pair], Report]:
        """Returns the pairs that are left, and what was dropped."""
        kept, report = [], Report()
        for pair in block if self.pairs_of is None else self.pairs_of(block):
            report.read += 1
            reason = next((rule.reason for rule in self.filters if rule.rejects(pair)), "")
            if reason:
                report.drop(reason, pair)
            else:
                report.kept += 1
                kept.append(pair)
        return kept, report


def sieved(
    given: Iterable[Any],
    folder: Path,
    name: str,
    sieve: Sieve,
    *,
    total: int,
    threads: int = 0,
    pairs_of: Callable[[list[Any]], list[Pair]] | None = None,
) -> Report:
    """Writes the synthetic pairs that are worth training on, as `name`.source and `name`.target.

    Args:
        given: The pairs, or what `pairs_of` makes them of.
        folder: Where to.
        name: What the corpus is called.
        sieve: Which pairs are worth it.
        total: How many there are.
        threads: How many processes may share the work; 0: one a core.
        pairs_of: Makes pairs of a block of what is given; None: it is pairs.

    Raises:
        UserError: None is.
    """
    report, job = Report(), Sift(sieve.filters(), pairs_of)
    with (
        new_files(*(folder / file for file in sides_of(name))) as (source, target),
        Workers(threads or available_cores()) as workers,
        console.Progress("choosing", total, unit="pairs") as progress,
    ):
        for kept, of_block in workers.map(job, in_batches(given, _BLOCK)):
            report.add(of_block)
            for pair in kept:
                source.write(pair.source + "\n")
                target.write(pair.target + "\n")
            progress.update(report.read)
    if not report.kept:
        raise UserError(
            f"Of {report.read:,} pairs that the model made none is worth training on. {left_out(report)}",
            hint=f"Look at what it writes, in {folder / name}.written. {_mending(report)}",
        )
    return report


def _mending(report: Report) -> str:
    """Says what can be done where nothing passes the sieve: only two of its rules have a limit that can be set."""
    limits = {Ratio.reason: "--max-ratio", Copied.reason: "--max-copied"}
    told = [option for reason, option in limits.items() if reason in report.dropped]
    return f"If that is good, set {' and '.join(told)} higher." if told else "It takes a better model."
