"""What the texts at hand say of the words of a test set: how often they were seen, and which are names.

Of the training text only what the test set asks about is kept, so memory does not grow with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from statistics import median
from typing import Final, Literal

from seq2seq.evaluation.diagnosis.line import Line
from seq2seq.evaluation.diagnosis.words import words_of_chunk

Origin = Literal["training", "references"]
_AROUND: Final = ".,;:!?\"'()[]«»„“”‘’…"  # punctuation that clings to words
_ALIKE: Final = 0.5  # of the times that one side has a name, the other has it too
_WINDOW: Final = 4096  # pairs whose words are counted together: a word is cut once for all its occurrences there


@dataclass(frozen=True)
class Evidence:
    """What is known of the words.

    Attributes:
        origin: What they were counted in: the "training" text, or the sources and "references" of the test set itself.
        num_pairs: How many pairs that is.
        source_counts: How often each word of the test set, in lower case, was seen on the source side.
        target_counts: Likewise of references and translations, on the target side.
        names: Words that both sides of a pair write alike and with a capital, and that nowhere stand in lower case.
        shared_names: Those of them that both sides have about as often.
        ratio: Median of words of the reference for a word of the source.
        languages: The codes of source and target.
        whole: Whether all of the training text was counted, and not a part that stands for it.
    """

    origin: Origin
    num_pairs: int
    source_counts: Mapping[str, int]
    target_counts: Mapping[str, int]
    names: frozenset[str] = frozenset()
    shared_names: frozenset[str] = frozenset()
    ratio: float = 1.0
    languages: tuple[str, str] = ("", "")
    whole: bool = True


@dataclass
class _Count:
    """A side's words that are asked about, as far as they were counted."""

    wanted: frozenset[str]
    counts: Counter[str] = field(default_factory=Counter)
    lower: set[str] = field(default_factory=set)  # those that were seen in lower case

    def add(self, texts: Iterable[str]) -> None:
        for chunk, count in Counter(chain.from_iterable(map(str.split, texts))).items():
            for word in words_of_chunk(chunk):
                folded = word.casefold()
                if folded in self.wanted:
                    self.counts[folded] += count
                    if word == word.lower():
                        self.lower.add(folded)


def gather(
    lines: Sequence[Line],
    training: Iterable[tuple[str, str]] | None = None,
    *,
    languages: tuple[str, str] = ("", ""),
    whole: bool = True,
) -> Evidence:
    """Returns what is known of the words of `lines`.

    Args:
        lines: The test set with its translations.
        training: Sources and targets the model was trained on; None: the test set itself is counted, without the
            translations.
        languages: The codes of source and target.
        whole: Whether `training` is all that the model was trained on.
    """
    asked = frozenset(
        word.casefold()
        for line in lines
        for word in chain(line.source_words, line.hypothesis_words, line.reference_words)
    )
    own = [(line.source, line.reference) for line in lines]
    source, target = _Count(asked), _Count(asked)
    source.add(pair[0] for pair in own)
    target.add(pair[1] for pair in own)
    lower = source.lower | target.lower
    capitals = {
        word for line in lines for word in chain(line.source_words, line.hypothesis_words) if _may_be_name(word)
    }
    candidates = {word for line in lines for word in capitals.intersection(line.source_words, line.reference_words)}
    num_pairs = len(own)
    if training is not None:
        source, target = _Count(asked), _Count(asked)
        num_pairs = 0
        for window in _windows(training):
            num_pairs += len(window)
            source.add(pair[0] for pair in window)
            target.add(pair[1] for pair in window)
            candidates.update(*(_alike(left, right) & capitals for left, right in window))
        lower |= source.lower | target.lower
    names = frozenset(word for word in candidates if word.casefold() not in lower)
    shared = frozenset(name for name in names if _is_alike(name.casefold(), source, target))
    ratios = [len(line.reference_words) / len(line.source_words) for line in lines if line.source_words]
    return Evidence(
        "references" if training is None else "training",
        num_pairs,
        source.counts,
        target.counts,
        names,
        shared,
        median(ratios) if ratios else 1.0,
        languages,
        whole,
    )


def _windows(pairs: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    iterator = iter(pairs)
    while window := list(islice(iterator, _WINDOW)):
        yield window


def _is_alike(word: str, source: _Count, target: _Count) -> bool:
    """Whether both sides have a word about as often."""
    least, most = sorted((source.counts[word], target.counts[word]))
    return least >= _ALIKE * most


def _alike(left: str, right: str) -> set[str]:
    """Returns what both sides have between two spaces; quick rather than thorough, for long texts."""
    return set(map(_bare, left.split())).intersection(map(_bare, right.split()))


def _bare(chunk: str) -> str:
    return chunk.strip(_AROUND)


def _may_be_name(word: str) -> bool:
    return len(word) > 1 and word != word.lower() and any(character.isalpha() for character in word)
