"""Flag: parts of the source that were not translated.

They are the whole source, several of its words in a row, or a word that the target side of the training text never has;
and the reference must not have them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Final

from seq2seq.evaluation.diagnosis.evidence import Evidence
from seq2seq.evaluation.diagnosis.line import Flag, Line
from seq2seq.evaluation.diagnosis.words import is_unspaced

_RUN: Final = 4  # words in a row
_LETTERS: Final = 4  # of a single word: shorter ones are in both languages by chance


def _copied(line: Line, evidence: Evidence) -> Iterator[str]:
    source, hypothesis, reference = (
        [word.casefold() for word in words]
        for words in (line.source_words, line.hypothesis_words, line.reference_words)
    )
    if not any(word.isalpha() for word in hypothesis):
        return
    if hypothesis == source:
        if reference != source:
            yield "all of it"
        return
    run = _longest_run(source, hypothesis)
    if len(run) >= _RUN and not _contains(reference, run):
        yield " ".join(run)
    elif evidence.origin == "training":
        yield from dict.fromkeys(word for word in hypothesis if _is_foreign(word, source, reference, evidence))


def _is_foreign(word: str, source: Sequence[str], reference: Sequence[str], evidence: Evidence) -> bool:
    if word not in source or word in reference or len(word) < _LETTERS or not word.isalpha() or is_unspaced(word[0]):
        return False
    return not evidence.target_counts.get(word) and bool(evidence.source_counts.get(word))


def _longest_run(source: Sequence[str], hypothesis: Sequence[str]) -> list[str]:
    """Returns the longest run of words that both have, the first of several."""
    best: list[str] = []
    places: dict[str, list[int]] = {}
    for place, word in enumerate(source):
        places.setdefault(word, []).append(place)
    for begin, word in enumerate(hypothesis):
        for place in places.get(word, ()):
            pairs = zip(source[place:], hypothesis[begin:], strict=False)
            run = [left for left, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]
            best = max(best, run, key=len)
    return best


def _contains(words: Sequence[str], run: Sequence[str]) -> bool:
    return any(list(words[i : i + len(run)]) == list(run) for i in range(len(words) - len(run) + 1))


FLAGS: Final = (
    Flag("copied", "Words of the source stand in the output as they are, and not in the reference.", _copied),
)
