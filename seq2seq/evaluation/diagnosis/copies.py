"""Flag: parts of the source that were not translated.

They are the whole source, several of its words in a row, or a word that the target side of the training text never has,
where all of that was counted; and the reference must not have them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from seq2seq.evaluation.diagnosis.evidence import Evidence
from seq2seq.evaluation.diagnosis.line import Flag, Line
from seq2seq.evaluation.diagnosis.words import is_as_long, is_unspaced, joined

_RUN: Final = 4  # words in a row, or as many characters as are as long
_MOST_CELLS: Final = 1_000_000  # words of the source times words of the output, or nothing is looked for
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
    run = longest_run(source, hypothesis)
    if is_as_long(run, _RUN) and not _contains(reference, run):
        yield joined(run)
    elif evidence.origin == "training" and evidence.whole:
        yield from dict.fromkeys(word for word in hypothesis if _is_foreign(word, source, reference, evidence))


def _is_foreign(word: str, source: Sequence[str], reference: Sequence[str], evidence: Evidence) -> bool:
    if word not in source or word in reference or len(word) < _LETTERS or not word.isalpha() or is_unspaced(word[0]):
        return False
    return not evidence.target_counts.get(word) and bool(evidence.source_counts.get(word))


def longest_run(source: Sequence[str], hypothesis: Sequence[str]) -> list[str]:
    """Returns the longest run of words that both have, of several the first in the hypothesis.

    Of very long texts none: a table of words by words would be too large.
    """
    if len(source) * len(hypothesis) > _MOST_CELLS:
        return []
    longest, end = 0, 0
    above = [0] * (len(hypothesis) + 1)
    for word in source:
        # The length of the run that ends with this word of the source and each word of the hypothesis.
        current = [0] * (len(hypothesis) + 1)
        for place, other in enumerate(hypothesis, start=1):
            if word == other:
                current[place] = above[place - 1] + 1
                if (current[place], -place) > (longest, -end):
                    longest, end = current[place], place
        above = current
    return list(hypothesis[end - longest : end])


def _contains(words: Sequence[str], run: Sequence[str]) -> bool:
    return any(list(words[i : i + len(run)]) == list(run) for i in range(len(words) - len(run) + 1))


FLAGS: Final = (
    Flag("copied", "Words of the source stand in the output as they are, and not in the reference.", _copied),
)
