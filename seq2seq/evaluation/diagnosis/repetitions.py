"""Flag: the translation says something again that should be said once, as a decoder that runs in circles does.

Three things count: the same words at once again; a phrase that comes again later, where neither source nor reference
repeat any; and a word that repeats a part of itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from seq2seq.evaluation.diagnosis.evidence import Evidence
from seq2seq.evaluation.diagnosis.line import Flag, Line
from seq2seq.evaluation.diagnosis.words import is_as_long, is_unspaced, is_word, joined

_LONGEST: Final = 8  # words of what is looked for at once again
# Letters of a word that is wrong twice in a row, and characters of a script without spaces; shorter ones, as "die die"
# or "商量商量", three times.
_SHORTEST_TWICE: Final = 4
_PHRASE: Final = 3  # words of what comes again later, or as many characters as are as long
_INSIDE: Final = re.compile(r"([^\W\d_]{2,}?)\1{2,}|([^\W\d_])\2{4,}")  # letters: 100000 is a number


def _repeated(line: Line, evidence: Evidence) -> Iterator[str]:
    del evidence
    source, hypothesis, reference = map(_folded, (line.source_tokens, line.hypothesis_tokens, line.reference_tokens))
    wrong = _at_once(hypothesis, _SHORTEST_TWICE) - _at_once(reference)
    if wrong and not _at_once(source):
        yield max(wrong, key=lambda words: (len(words), words))
        return
    inside = [word for word in line.hypothesis_words if _INSIDE.search(word.casefold())]
    if inside and not _INSIDE.search(f"{line.source} {line.reference}".casefold()):
        yield inside[0]
        return
    again = _again(_phrases(hypothesis))
    excused = _again(_runs(source, _PHRASE - 1)) or _again(_runs(reference, _PHRASE))
    if again and not excused:
        yield again[0]


def _folded(tokens: Sequence[str]) -> list[str]:
    return [token.casefold() for token in tokens]


def _at_once(tokens: Sequence[str], unspaced: int = 2) -> set[str]:
    """Returns the runs of words that follow upon themselves.

    Args:
        tokens: Words and punctuation.
        unspaced: Characters of a script without spaces that count where they come but twice; fewer are enough as an
            excuse than as an error.
    """
    found = set()
    for length in range(1, min(_LONGEST, len(tokens) // 2) + 1):
        for begin in range(len(tokens) - 2 * length + 1):
            run = tokens[begin : begin + length]
            if run != tokens[begin + length : begin + 2 * length] or not is_word(run[0]) or _is_repeated(run):
                continue
            thrice = tokens[begin + 2 * length : begin + 3 * length] == run
            if thrice or _counts_twice(run, unspaced):
                found.add(joined(run))
    return found


def _counts_twice(run: Sequence[str], unspaced: int) -> bool:
    if all(is_unspaced(token[0]) for token in run):
        return len(run) >= unspaced
    return len(run) > 1 or len(run[0]) >= _SHORTEST_TWICE


def _is_repeated(run: Sequence[str]) -> bool:
    """Whether a run is itself a shorter one several times, which is what repeats then."""
    return any(list(run) == list(run[:part]) * (len(run) // part) for part in range(1, len(run) // 2 + 1))


def _again(runs: Iterable[Sequence[str]]) -> list[str]:
    """Returns the runs that come more than once."""
    counts = Counter(joined(run) for run in runs if all(map(is_word, run)))
    return [run for run, count in counts.items() if count > 1]


def _runs(tokens: Sequence[str], length: int) -> Iterator[Sequence[str]]:
    return (tokens[i : i + length] for i in range(len(tokens) - length + 1))


def _phrases(tokens: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yields the shortest run from each place that is as long as a phrase."""
    end = 0
    for begin in range(len(tokens)):
        while end < len(tokens) and not is_as_long(tokens[begin:end], _PHRASE):
            end += 1
        if is_as_long(tokens[begin:end], _PHRASE):
            yield tokens[begin:end]


FLAGS: Final = (Flag("repetition", "The output says something again that should be said once.", _repeated),)
