"""The words that a translator gets wrong most often: which stands for which, which are missing, which are too many.

Output and reference are compared as lists of words in lower case. A word is missing as often as the reference has it
more often than the output, and one too many likewise, wherever they stand: order is not counted against it. A missing
word and one too many are taken for each other where the cheapest edits of the output into the reference (Levenshtein
1966) put one in the place of the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from seq2seq.evaluation.diagnosis.line import Line

_MOST_CELLS: Final = 250_000  # of the table of edits; longer sentences are counted and not aligned
_EXAMPLES: Final = 5


@dataclass(frozen=True)
class Confusion:
    """A word that stands where another should.

    Attributes:
        reference: What it should be.
        output: What it is.
        count: How often.
        lines: Some lines where it is so.
    """

    reference: str
    output: str
    count: int
    lines: list[int]


@dataclass(frozen=True)
class Miscount:
    """A word that is missing, or one too many.

    Attributes:
        word: It, in lower case.
        count: How often.
        total: How often the references have it, where it is missing; else the outputs.
        lines: Some lines where it is so.
    """

    word: str
    count: int
    total: int
    lines: list[int]


@dataclass(frozen=True)
class WrongWords:
    """The most frequent of each kind, the most frequent first.

    Attributes:
        confused: Words that stand for others.
        missing: Words of the references that the outputs lack.
        extra: Words of the outputs that the references lack.
    """

    confused: list[Confusion] = field(default_factory=list)
    missing: list[Miscount] = field(default_factory=list)
    extra: list[Miscount] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as plain values, ready for JSON."""
        return asdict(self)


@dataclass
class _Tally:
    """How often something was seen, and some lines where."""

    counts: Counter[Any] = field(default_factory=Counter)
    lines: dict[Any, list[int]] = field(default_factory=dict)

    def add(self, what: object, count: int, line: int) -> None:
        self.counts[what] += count
        seen = self.lines.setdefault(what, [])
        if len(seen) < _EXAMPLES and line not in seen:
            seen.append(line)

    def most_common(self, most: int) -> list[tuple[Any, int]]:
        # Equal counts in alphabetical order: the list must not depend on the order of the lines.
        return sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:most]


def wrong_words(lines: Sequence[Line], *, most: int = 50) -> WrongWords:
    """Returns the words that are wrong most often, at most `most` of each kind."""
    confused, missing, extra = _Tally(), _Tally(), _Tally()
    in_references: Counter[str] = Counter()
    in_outputs: Counter[str] = Counter()
    for line in lines:
        reference = [word.casefold() for word in line.reference_words]
        output = [word.casefold() for word in line.hypothesis_words]
        wanted, given = Counter(reference), Counter(output)
        in_references.update(wanted)  # += would go through all words so far
        in_outputs.update(given)
        lacking, surplus = wanted - given, given - wanted
        for word, count in lacking.items():
            missing.add(word, count, line.number)
        for word, count in surplus.items():
            extra.add(word, count, line.number)
        if lacking and surplus:
            for pair in substitutions(reference, output):
                if lacking[pair[0]] and surplus[pair[1]]:
                    lacking[pair[0]] -= 1
                    surplus[pair[1]] -= 1
                    confused.add(pair, 1, line.number)
    return WrongWords(
        [Confusion(pair[0], pair[1], count, confused.lines[pair]) for pair, count in confused.most_common(most)],
        [Miscount(w, count, in_references[w], missing.lines[w]) for w, count in missing.most_common(most)],
        [Miscount(w, count, in_outputs[w], extra.lines[w]) for w, count in extra.most_common(most)],
    )


def substitutions(reference: Sequence[str], output: Sequence[str]) -> list[tuple[str, str]]:
    """Returns the words of the reference and of the output that the fewest edits put in each other's place.

    Nothing is returned for very long sentences, whose table of edits would be too large.
    """
    first = 0
    while first < min(len(reference), len(output)) and reference[first] == output[first]:
        first += 1
    last = 0
    while last < min(len(reference), len(output)) - first and reference[-1 - last] == output[-1 - last]:
        last += 1
    left, right = reference[first : len(reference) - last], output[first : len(output) - last]
    if len(left) * len(right) > _MOST_CELLS:
        return []
    table = [list(range(len(right) + 1))]
    for row, word in enumerate(left, start=1):
        above, current = table[-1], [row]
        for column, other in enumerate(right):
            current.append(min(above[column] + (word != other), above[column + 1] + 1, current[column] + 1))
        table.append(current)
    pairs = []
    row, column = len(left), len(right)
    while row and column:
        here, differs = table[row][column], left[row - 1] != right[column - 1]
        if here == table[row - 1][column - 1] + differs:
            if differs:
                pairs.append((left[row - 1], right[column - 1]))
            row, column = row - 1, column - 1
        elif here == table[row - 1][column] + 1:
            row -= 1
        else:
            column -= 1
    return pairs[::-1]
