"""All questions asked of one test set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from seq2seq.evaluation.diagnosis import copies, length_ratio, names, numbers, repetitions
from seq2seq.evaluation.diagnosis.by_length import by_length
from seq2seq.evaluation.diagnosis.by_rarity import WordGroup, by_rarity, words_by_rarity
from seq2seq.evaluation.diagnosis.evidence import Origin, gather
from seq2seq.evaluation.diagnosis.groups import Group
from seq2seq.evaluation.diagnosis.line import Finding, Flag, Line
from seq2seq.evaluation.diagnosis.wrong_words import WrongWords, wrong_words
from seq2seq.evaluation.worst import Sentence

FLAGS: Final[tuple[Flag, ...]] = (
    *numbers.FLAGS,
    *names.FLAGS,
    *repetitions.FLAGS,
    *length_ratio.FLAGS,
    *copies.FLAGS,
)


@dataclass(frozen=True)
class Diagnosis:
    """Where a translator goes wrong on a test set.

    Attributes:
        num_sentences: Of the test set.
        origin: What words were counted in: the "training" text, or the test set's own sources and "references".
        num_counted: Pairs they were counted in.
        findings: All that was flagged, by line and then in the order of `FLAGS`.
        by_length: Scores by words of the source.
        words_by_rarity: How well words are found, by how often they were seen.
        by_rarity: Scores by how often the rarest word of the source was seen.
        wrong: The words that are wrong most often.
    """

    num_sentences: int
    origin: Origin
    num_counted: int
    findings: list[Finding] = field(default_factory=list)
    by_length: list[Group] = field(default_factory=list)
    words_by_rarity: list[WordGroup] = field(default_factory=list)
    by_rarity: list[Group] = field(default_factory=list)
    wrong: WrongWords = field(default_factory=WrongWords)

    @cached_property
    def lines(self) -> dict[str, list[int]]:
        """The lines that each flag was put on, ascending; every flag is there."""
        found: dict[str, dict[int, None]] = {flag.name: {} for flag in FLAGS}
        for finding in self.findings:
            found[finding.flag][finding.line] = None
        return {name: list(lines) for name, lines in found.items()}

    def summary(self) -> dict[str, Any]:
        """Returns how many sentences each flag was put on: nothing of their text."""
        return {"sentences": self.num_sentences, "flags": {name: len(lines) for name, lines in self.lines.items()}}

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as plain values, ready for JSON."""
        return {
            **self.summary(),
            "findings": [finding.to_dict() for finding in self.findings],
            "by_length": [group.to_dict() for group in self.by_length],
            "rarity": {"counted_in": self.origin, "pairs": self.num_counted},
            "words_by_rarity": [group.to_dict() for group in self.words_by_rarity],
            "by_rarity": [group.to_dict() for group in self.by_rarity],
            "wrong_words": self.wrong.to_dict(),
        }


def diagnose(
    sentences: Sequence[Sentence],
    training: Iterable[tuple[str, str]] | None = None,
    *,
    whole: bool = True,
    languages: tuple[str, str] = ("", ""),
    tokenize: str = "13a",
    lowercase: bool = False,
) -> Diagnosis:
    """Finds out where a translator goes wrong.

    Args:
        sentences: The test set with its translations, each with its chrF, in order.
        training: Sources and targets the model was trained on, read once; None where they are not at hand.
        whole: Whether these are all of them, so that a word which is not among them was never seen.
        languages: The codes of source and target: numbers in words are known in English, German and French.
        tokenize: sacreBLEU's tokenizer for BLEU.
        lowercase: Whether case is folded before counting.
    """
    lines = [Line(s.line, s.source, s.hypothesis, s.reference) for s in sentences]
    chrf = [sentence.chrf for sentence in sentences]
    evidence = gather(lines, training, languages=languages, whole=whole)
    findings = [
        Finding(line.number, flag.name, detail)
        for line in lines
        for flag in FLAGS
        for detail in flag.find(line, evidence)
    ]
    return Diagnosis(
        num_sentences=len(lines),
        origin=evidence.origin,
        num_counted=evidence.num_pairs,
        findings=findings,
        by_length=by_length(lines, chrf, tokenize=tokenize, lowercase=lowercase),
        words_by_rarity=words_by_rarity(lines, evidence),
        by_rarity=by_rarity(lines, chrf, evidence, tokenize=tokenize, lowercase=lowercase),
        wrong=wrong_words(lines),
    )
