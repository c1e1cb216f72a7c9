"""What was dropped of blocks that come in no order, told as if they came in theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from seq2seq.corpus.cleaning import Drops, Example
from seq2seq.sections import Section


class BlockExample(Section, frozen=True, kw_only=True):
    """The beginning of a pair that was dropped, and where it stands.

    Unlike a manifest's `ExamplePair`, its corpus is written where it is empty too, as it always was.

    Attributes:
        block: The pair's block.
        corpus: Its corpus' name; empty where there is only one.
        line: Where it stands in its file, from 1.
        source: How its source begins.
        target: How its target begins.
    """

    block: int
    corpus: str
    line: int
    source: str
    target: str

    @property
    def example(self) -> Example:
        """What a report would say of it."""
        return Example(self.corpus, self.line, self.source, self.target)


class BlockDrops(Section, frozen=True, kw_only=True):
    """The pairs that one rule dropped.

    Attributes:
        count: How many there are.
        first: The block where the rule dropped first, and its rank among the rules there.
        examples: The first few.
    """

    count: int
    first: tuple[int, int]
    examples: tuple[BlockExample, ...]

    @classmethod
    def of(cls, drops: Drops, block: int, rank: int) -> Self:
        """Returns what was dropped of one block, by a rule of this rank there."""
        examples = tuple(BlockExample(block=block, **one._asdict()) for one in drops.examples)
        return cls(count=drops.count, first=(block, rank), examples=examples)

    def joined(self, other: BlockDrops) -> BlockDrops:
        """Returns them together with what the rule dropped of other blocks, or of these at a later rank."""
        examples = sorted((*self.examples, *other.examples), key=lambda one: one.block)  # in a block, they are in order
        return BlockDrops(
            count=self.count + other.count,
            first=min(self.first, other.first),
            examples=tuple(examples[: Drops.NUM_EXAMPLES]),
        )


@dataclass
class Ledger:
    """What was dropped of blocks, whatever the order they come in.

    Attributes:
        drops: By reason; in the order in which they came here.
    """

    drops: dict[str, BlockDrops] = field(default_factory=dict)

    def add(self, block: int, dropped: Mapping[str, Drops], rank: int = 0) -> None:
        """Takes in what was dropped of a block, reasons in their order; the first of them has this rank."""
        ranked = enumerate(dropped.items(), start=rank)
        self.join({reason: BlockDrops.of(drops, block, number) for number, (reason, drops) in ranked})

    def join(self, drops: Mapping[str, BlockDrops]) -> None:
        """Takes in what another ledger holds."""
        for reason, more in drops.items():
            known = self.drops.get(reason)
            self.drops[reason] = known.joined(more) if known else more

    def dropped(self) -> dict[str, Drops]:
        """Returns what a report would say."""
        ordered = sorted(self.drops.items(), key=lambda item: item[1].first)
        return {reason: Drops(drops.count, [one.example for one in drops.examples]) for reason, drops in ordered}
