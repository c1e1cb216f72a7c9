"""What was dropped of blocks that come in no order, told as if they came in theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seq2seq.corpus.cleaning import Drops, Example


@dataclass
class Ledger:
    """What was dropped of blocks, whatever the order they come in.

    Attributes:
        counts: By reason.
        firsts: By reason, the block where it came first, and its rank among the reasons there.
        examples: By reason, the first few, each with its block.
    """

    counts: dict[str, int] = field(default_factory=dict)
    firsts: dict[str, tuple[int, int]] = field(default_factory=dict)
    examples: dict[str, list[tuple[int, Example]]] = field(default_factory=dict)

    def add(self, block: int, dropped: Mapping[str, Drops], rank: int = 0) -> None:
        """Takes in what was dropped of a block, reasons in their order; the first of them has this rank."""
        for number, (reason, drops) in enumerate(dropped.items(), start=rank):
            self.counts[reason] = self.counts.get(reason, 0) + drops.count
            self._meet(reason, (block, number), [(block, example) for example in drops.examples])

    def _meet(self, reason: str, first: tuple[int, int], examples: list[tuple[int, Example]]) -> None:
        self.firsts[reason] = min(first, self.firsts.get(reason, first))
        known = self.examples.setdefault(reason, [])
        known += examples
        known.sort(key=lambda one: one[0])  # in a block, they are in order
        del known[Drops.NUM_EXAMPLES :]

    def dropped(self) -> dict[str, Drops]:
        """Returns what a report would say."""
        return {
            reason: Drops(self.counts[reason], [example for _, example in self.examples[reason]])
            for reason in sorted(self.firsts, key=self.firsts.__getitem__)
        }

    def to_dict(self) -> dict[str, Any]:
        """Returns it ready for JSON."""
        return {
            reason: {
                "count": count,
                "first": self.firsts[reason],
                "examples": [{"block": block, **one._asdict()} for block, one in self.examples[reason]],
            }
            for reason, count in self.counts.items()
        }

    def join(self, told: Mapping[str, Any]) -> None:
        """Takes in what another ledger wrote."""
        for reason, drops in told.items():
            self.counts[reason] = self.counts.get(reason, 0) + drops["count"]
            examples = [(one["block"], Example(**{k: one[k] for k in Example._fields})) for one in drops["examples"]]
            block, rank = drops["first"]
            self._meet(reason, (block, rank), examples)
