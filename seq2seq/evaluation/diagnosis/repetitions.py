"""Flag: the translation says something again that should be said once, as a decoder that runs in circles does.

Three things count: the same words at once again; a phrase that comes again later, where neither source nor reference
repeat any; and a word that repeats a part of itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from seq2seq.evaluation.diagnosis.evidence import Evidence
from seq2seq.evaluation.diagnosis.line import Flag, Line
from seq2seq.evaluation.diagnosis.words import is_unspaced, is_word

_LONGEST: Final = 8  # words of what is looked for at once again
_SHORTEST_TWICE: Final = 4  # letters of a word that is wrong twice in a row; shorter ones, as "die die", three times
_PHRASE: Final = 3  # words of what comes again later
_INSIDE: Final = re.compile(r"(\w{2,}?)\1{2,}|(\w)\2{4,}")


def _repeated(line: Line, evidence: Evidence) -> Iterator[str]:
    del evidence
    hypothesis = _folded(line.hypothesis_tokens)
    wrong = _at_once(hypothesis) - _at_once(_folded(line.reference_tokens))
    excused = _at_once(_folded(line.source_tokens))
    if wrong and not excused:
        yield max(wrong, key=lambda words: (len(words), words))
        return
    inside = [word for word in line.hypothesis_words if _INSIDE.search(word.casefold())]
    if inside and not _INSIDE.search(f"{line.source} {line.reference}".casefold()):
        yield inside[0]
        return
    again = _again(hypothesis, _PHRASE)
    if again and not _again(_folded(line.source_tokens), _PHRASE - 1) and not _again(_folded(line.reference_tokens)):
        yield again[0]


def _folded(tokens: Sequence[str]) -> list[str]:
    return [token.casefold() for token in tokens]


def _at_once(tokens: Sequence[str]) -> set[str]:
    """Returns the runs of words that follow upon themselves."""
    found = set()
    for length in range(1, min(_LONGEST, len(tokens) // 2) + 1):
        for begin in range(len(tokens) - 2 * length + 1):
            run = tokens[begin : begin + length]
            if run != tokens[begin + length : begin + 2 * length] or not is_word(run[0]) or _is_repeated(run):
                continue
            thrice = tokens[begin + 2 * length : begin + 3 * length] == run
            if length > 1 or thrice or len(run[0]) >= _SHORTEST_TWICE:
                found.add(_joined(run))
    return found


def _is_repeated(run: Sequence[str]) -> bool:
    """Whether a run is itself a shorter one several times, which is what repeats then."""
    return any(list(run) == list(run[:part]) * (len(run) // part) for part in range(1, len(run) // 2 + 1))


def _joined(run: Sequence[str]) -> str:
    return ("" if all(is_unspaced(word[0]) for word in run) else " ").join(run)


def _again(tokens: Sequence[str], length: int = _PHRASE) -> list[str]:
    """Returns the runs of `length` words that come more than once."""
    runs = (tokens[i : i + length] for i in range(len(tokens) - length + 1))
    counts = Counter(_joined(run) for run in runs if all(map(is_word, run)))
    return [run for run, count in counts.items() if count > 1]


FLAGS: Final = (Flag("repetition", "The output says something again that should be said once.", _repeated),)
