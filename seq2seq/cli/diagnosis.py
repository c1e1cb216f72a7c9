"""Where a translator goes wrong, as plain lines: a short table, or all of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from seq2seq import console
from seq2seq.evaluation.diagnosis.tables import GROUP_HEADS, WORD_HEADS, counted_in, group_rows, share, word_rows
from seq2seq.plots.characters import printable

if TYPE_CHECKING:
    from seq2seq.evaluation.diagnosis.diagnose import Diagnosis
    from seq2seq.evaluation.diagnosis.groups import Group
    from seq2seq.pipeline.evaluate.evaluate import Result

_FEW_LINES, _FEW_WORDS = 5, 5
_MANY_WORDS = 30


def show_diagnosis(result: Result, *, details: bool = False) -> None:
    """Prints where a translator goes wrong; nothing where that was not asked.

    Args:
        result: Of the evaluation.
        details: Whether all is shown, every flagged sentence too.
    """
    if result.diagnosis is None:
        return
    lines = _all(result, result.diagnosis) if details else _short(result.diagnosis)
    for line in lines:
        console.emit(printable(line))


def _short(diagnosis: Diagnosis) -> Iterator[str]:
    yield "  where it goes wrong (--details shows all, --html FILE writes a page):"
    flagged = {name: lines for name, lines in diagnosis.lines.items() if lines}
    rows = [[name, f"{len(lines):,}", share(len(lines), diagnosis), _some(lines)] for name, lines in flagged.items()]
    yield from (
        _table(["flag", "sentences", "share", "lines"], rows)
        if rows
        else ["    no sentence is flagged; most mistakes have no flag"]
    )
    yield f"    BLEU by words of the source: {_inline(diagnosis.by_length)}"
    words = ", ".join(f"{group.label}: {100 * group.f1:.0f}" for group in diagnosis.words_by_rarity)
    yield f"    F1 of words (%) by how often they were seen {counted_in(diagnosis)}: {words}"
    if confused := _confused(diagnosis, _FEW_WORDS):
        yield f"    wrong words: {', '.join(confused)}"


def _all(result: Result, diagnosis: Diagnosis) -> Iterator[str]:
    yield "  where it goes wrong:"
    shares = [[name, f"{len(lines):,}", share(len(lines), diagnosis)] for name, lines in diagnosis.lines.items()]
    yield from _table(["flag", "sentences", "share"], shares)
    yield "  by words of the source:"
    yield from _groups(diagnosis.by_length, "words")
    yield f"  words by how often they were seen {counted_in(diagnosis)}:"
    yield from _table(WORD_HEADS, word_rows(diagnosis))
    yield "  by how often the rarest word of the source was seen:"
    yield from _groups(diagnosis.by_rarity, "times seen")
    yield from _wrong(diagnosis)
    yield "  flagged sentences:"
    by_line: dict[int, list[str]] = {}
    for finding in diagnosis.findings:
        by_line.setdefault(finding.line, []).append(f"{finding.flag}: {finding.detail}")
    for line, said in by_line.items():
        sentence = result.sentences[line - 1]
        yield f"    line {line}, chrF {sentence.chrf:.1f}, {'; '.join(said)}"
        yield f"      source     {sentence.source}"
        yield f"      output     {sentence.hypothesis}"
        yield f"      reference  {sentence.reference}"


def _wrong(diagnosis: Diagnosis) -> Iterator[str]:
    if confused := _confused(diagnosis, _MANY_WORDS):
        yield f"  wrong words: {', '.join(confused)}"
    for name, words in (("missing", diagnosis.wrong.missing), ("too many", diagnosis.wrong.extra)):
        if words:
            yield f"  {name}: {', '.join(f'{w.word} {w.count:,} of {w.total:,}' for w in words[:_MANY_WORDS])}"


def _confused(diagnosis: Diagnosis, most: int) -> list[str]:
    return [
        f'"{c.output}" for "{c.reference}" {c.count:,} times' for c in diagnosis.wrong.confused[:most] if c.count > 1
    ]


def _groups(groups: Sequence[Group], head: str) -> Iterator[str]:
    return _table([head, *GROUP_HEADS], group_rows(groups))


def _inline(groups: Sequence[Group]) -> str:
    return ", ".join(f"{group.label}: {group.bleu:.1f} ({group.sentences:,})" for group in groups)


def _some(lines: Sequence[int]) -> str:
    return ", ".join(map(str, lines[:_FEW_LINES])) + (", …" if len(lines) > _FEW_LINES else "")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yields lines in columns: the first to the left, figures to the right, what comes last as it is."""
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    for row in [heads, *rows]:
        first, *others = (
            cell.ljust(width) if column == 0 or heads[column] == "lines" else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "    " + "  ".join([first, *others]).rstrip()
