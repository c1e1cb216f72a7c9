"""Corpora for the tests of the data doctor: the phrasebook, made-up languages, and ways to damage them on purpose."""

from __future__ import annotations

import random
from functools import cache

from seq2seq.corpus.doctor.batch import batches
from seq2seq.corpus.doctor.examination import Brief, Severity
from seq2seq.corpus.doctor.examine import examine
from seq2seq.corpus.doctor.table import EXAMINATIONS
from seq2seq.corpus.pair import Pair
from seq2seq.corpus.phrasebook.split import pairs


@cache
def phrases(count, start=0):
    """English and French sentences, in the phrasebook's shuffled order."""
    return tuple(pairs("train")[start : start + count])


def sides(count, start=0):
    chosen = phrases(count, start)
    return [source for source, _ in chosen], [target for _, target in chosen]


@cache
def short_sentences(count, seed=1):
    """Two to four words of a made-up language and their translations word for word, of which none looks alike."""
    draw = random.Random(seed)
    words = [f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in "lmnrst"]
    found = []
    for _ in range(count):
        chosen = draw.choices(range(len(words)), weights=[1 / (n + 3) for n in range(len(words))], k=draw.randint(2, 4))
        found.append((" ".join(words[n] for n in chosen), " ".join(f"xo{words[-n - 1][::-1]}q" for n in chosen)))
    return tuple(found)


def slipped(source, target, start, shift):
    """The pairs where from line `start` (from 1) on the target is `shift` lines late; negative: early."""
    at = start - 1
    if shift > 0:
        target = [*target[:at], *(f"Une ligne de trop, la {number}e." for number in range(shift)), *target[at:]]
    else:
        target = [*target[:at], *target[at - shift :]]
    size = min(len(source), len(target))
    return source[:size], target[:size]


def numbered(source, target):
    return [Pair(line, *pair) for line, pair in enumerate(zip(source, target, strict=True), start=1)]


def diagnose(source, target, *, said=("en", "fr"), only=EXAMINATIONS, size=4096, **more):
    """What the doctor says of two lists of sentences."""
    brief = Brief(source_language=said[0], target_language=said[1], **more)
    return examine(batches([("", numbered(source, target))], size=size), brief, examinations=only)


def of_kind(diagnosis, kind):
    """The only finding of this kind."""
    (found,) = (finding for finding in diagnosis.findings if finding.kind == kind)
    return found


def kinds(diagnosis, *severities):
    return {f.kind for f in diagnosis.findings if f.severity in (severities or tuple(Severity))}
