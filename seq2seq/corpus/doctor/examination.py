"""The contract that every examination keeps, and what it hands in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Final

from seq2seq.corpus.doctor.batch import Batch
from seq2seq.corpus.pair import Pair

SNIPPET_CHARACTERS: Final = 120


class Severity(StrEnum):
    """What a finding asks of a person.

    Serious: training on this corpus as it is would be time lost. Warning: worth a look before training. Note: worth
    knowing, and nothing need be done; corpora that nobody damaged have some.
    """

    SERIOUS = "serious"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Example:
    """One pair that a finding speaks of, cut to a snippet.

    Attributes:
        line: Its line in its file, from 1.
        source: Its source side.
        target: Its target side.
        note: What is the matter with this one; empty where the finding's message says it.
        origin: The file or corpus, where there are several.
    """

    line: int
    source: str
    target: str
    note: str = ""
    origin: str = ""


@dataclass(frozen=True)
class Finding:
    """One thing that a person must know.

    Attributes:
        kind: A name for it, the same in every report.
        severity: How much it matters.
        count: How many pairs it concerns; an estimate where the message says "about".
        total: Out of how many.
        message: What was found.
        advice: What to do.
        examples: Some of those pairs.
    """

    kind: str
    severity: Severity
    count: int
    total: int
    message: str
    advice: str
    examples: tuple[Example, ...] = ()

    @property
    def share(self) -> float:
        """Returns count of total; 0 of nothing."""
        return self.count / self.total if self.total else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Returns the finding as JSON values."""
        return {**asdict(self), "share": self.share, "severity": self.severity.value}


@dataclass(frozen=True)
class Brief:
    """What is said of a corpus before it is looked at.

    Attributes:
        source_language: Code of the language it is said to be translated from; any word where nobody knows.
        target_language: And into.
        num_examples: How many examples a finding shows.
        held_out: The development and test sets, by name.
        pretokenised: Whether the recipe says that tokens stand between spaces.
        cleaned: Whether `prepare` was here: what its rules drop is gone.
    """

    source_language: str = ""
    target_language: str = ""
    num_examples: int = 3
    held_out: Mapping[str, Iterable[Pair]] = field(default_factory=dict)
    pretokenised: bool = False
    cleaned: bool = False


class Examination(ABC):
    """Looks at a corpus batch by batch, once, in memory that does not grow with it.

    To add one: write its class in a file here, and its line in `table`.

    Args:
        brief: What is said of the corpus.
    """

    kind: ClassVar[str]

    def __init__(self, brief: Brief) -> None:
        self.brief = brief
        self.num_pairs = 0

    def look(self, batch: Batch) -> None:
        """Observes the next pairs, and counts them."""
        self.num_pairs += len(batch)
        self.observe(batch)

    @abstractmethod
    def observe(self, batch: Batch) -> None:
        """Takes in the next pairs."""

    @abstractmethod
    def findings(self) -> list[Finding]:
        """Returns what there is to say of all pairs so far; called once, at the end."""

    def figures(self) -> dict[str, Any]:
        """Returns measurements that are no finding, as JSON values."""
        return {}


class Collected:
    """Counts pairs, and keeps the first few as examples.

    Args:
        limit: How many are kept.
    """

    def __init__(self, limit: int) -> None:
        self.limit, self.count = limit, 0
        self.examples: list[Example] = []

    def add(self, batch: Batch, rows: Sequence[int] | Any, note: str = "") -> None:  # noqa: ANN401 - arrays too
        """Counts the pairs at `rows` of the batch."""
        self.count += len(rows)
        for row in rows[: max(0, self.limit - len(self.examples))]:
            self.examples.append(example(batch, int(row), note))

    def finding(self, kind: str, severity: Severity, total: int, message: str, advice: str) -> Finding:
        """Returns the finding about what was collected."""
        return Finding(kind, severity, self.count, total, message, advice, tuple(self.examples))


def example(batch: Batch, row: int, note: str = "") -> Example:
    """Returns the pair at `row` of a batch as an example."""
    source, target = snippet(batch.source.texts[row]), snippet(batch.target.texts[row])
    return Example(int(batch.lines[row]), source, target, note, batch.origin)


def snippet(text: str) -> str:
    """Returns the beginning of a sentence."""
    return text if len(text) <= SNIPPET_CHARACTERS else text[: SNIPPET_CHARACTERS - 1] + "…"


def counted(count: int, noun: str) -> str:
    """Returns a number and its noun: 1 pair, 2,000 pairs."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def percent(share: float) -> str:
    """Returns a share as a person says it: 8 %, 0.4 %, <0.1 %."""
    if share and share < 0.001:
        return "<0.1 %"
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"
