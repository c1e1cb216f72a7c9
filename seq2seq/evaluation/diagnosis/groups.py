"""Scores of groups of sentences: what by_length and by_rarity share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from seq2seq.evaluation.diagnosis.line import Line
from seq2seq.evaluation.metrics import score


@dataclass(frozen=True)
class Group:
    """Some sentences of a test set and how well they were translated.

    Attributes:
        label: What they have in common, for instance "6-10".
        sentences: How many they are.
        bleu: BLEU of them as a corpus; of few sentences it says little.
        chrf: Mean of their chrF.
        length_ratio: Words of the outputs for a word of the references.
    """

    label: str
    sentences: int
    bleu: float
    chrf: float
    length_ratio: float

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as plain values, ready for JSON."""
        return asdict(self)


def grouped(
    lines: Sequence[Line],
    chrf: Sequence[float],
    bounds: Sequence[int],
    value: Callable[[Line], int],
    *,
    tokenize: str,
    lowercase: bool,
) -> list[Group]:
    """Returns the scores of the lines, by the range of `bounds` that their value is in; empty ranges are left out.

    Args:
        lines: The sentences.
        chrf: The chrF of each.
        bounds: The least value of each range, ascending.
        value: What decides.
        tokenize: sacreBLEU's tokenizer.
        lowercase: Whether case is folded.
    """
    places: list[list[int]] = [[] for _ in bounds]
    for place, line in enumerate(lines):
        places[place_of(value(line), bounds)].append(place)
    found = []
    for label, own in zip(labels(bounds), places, strict=True):
        if not own:
            continue
        some = [lines[place] for place in own]
        outputs, references = [line.hypothesis for line in some], [line.reference for line in some]
        (bleu,) = score(outputs, references, metrics=["bleu"], tokenize=tokenize, lowercase=lowercase)
        written = sum(len(line.hypothesis_words) for line in some)
        wanted = sum(len(line.reference_words) for line in some)
        mean = sum(chrf[place] for place in own) / len(own)
        found.append(Group(label, len(some), bleu.value, mean, written / max(1, wanted)))
    return found


def place_of(value: int, bounds: Sequence[int]) -> int:
    """Returns the place of the range that a value is in; what is below the first counts there."""
    return max(0, sum(value >= bound for bound in bounds) - 1)


def labels(bounds: Sequence[int]) -> list[str]:
    """Returns what the ranges are called: "0", "1-2", "3 or more"."""
    found = []
    for least, following in zip(bounds, [*bounds[1:], None], strict=True):
        if following is None:
            found.append(f"{least:,} or more")
        else:
            found.append(f"{least:,}" if following == least + 1 else f"{least:,}-{following - 1:,}")
    return found
