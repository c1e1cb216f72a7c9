"""score: what a model thinks of given translations, line by line."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seq2seq import console
from seq2seq.errors import OfSentenceError, UserError
from seq2seq.pipeline.translate.streams import num_bytes, raw_input, text_of
from seq2seq.pipeline.translate.windows import numbered
from seq2seq.translating.windows import windows_of
from seq2seq.translator import Translator

if TYPE_CHECKING:
    from seq2seq.translating.translation import Scored


@dataclass(frozen=True)
class Totals:
    """What a model thinks of a whole text.

    Attributes:
        lines: Pairs of lines.
        tokens: Tokens of the translations, an EOS a translation among them.
        log_prob: The natural logarithm of the probability of all of them.
        impossible: How many translations the model could never write: their log-probability is -inf.
    """

    lines: int = 0
    tokens: int = 0
    log_prob: float = 0.0
    impossible: int = 0

    @property
    def perplexity(self) -> float:
        """exp(-log_prob / tokens); NaN where there is no token."""
        if not self.tokens:
            return math.nan
        mean = self.log_prob / self.tokens
        return math.exp(-mean) if mean > -700 else math.inf


def check_lines(source: Path, target: Path) -> int:
    """Returns how many lines each of two files has. They are read for it, at some millions of lines a second.

    Raises:
        UserError: One has more than the other, or cannot be read.
    """
    counts = [sum(1 for _ in raw_input(path)) for path in (source, target)]
    if counts[0] != counts[1]:
        raise UserError(
            f"{source} has {counts[0]:,} lines and {target} has {counts[1]:,}.",
            hint="Line n of one must be a translation of line n of the other.",
        )
    return counts[0]


def score_lines(
    translator: Translator, source: Path, target: Path, *, size: int, tokens: bool = False, as_json: bool = False
) -> Totals:
    """Writes what the model thinks of each pair of lines to standard output, and returns the sum of it.

    Args:
        translator: The model.
        source: The sentences; plain or compressed.
        target: Their translations, line by line; as many.
        size: How many pairs are scored together.
        tokens: Whether to write the pieces too, and the log-probability of each.
        as_json: Whether to write JSON, an object a line.

    Raises:
        UserError: A line is not UTF-8, or too long to be scored; names it, and what stands before it is written.
    """
    number, num_tokens, log_prob, impossible = 0, 0, 0.0, 0
    write = _json_line if as_json else _columns
    with console.Progress("scoring", num_bytes(source) / 1000 or None, unit="kB") as progress:
        for pairs, done in _windows(source, target, size):
            found = _scored(translator, pairs, (source, target), number + 1)
            for number, one in enumerate(found, start=number + 1):  # noqa: B020 - counted on
                console.emit(write(number, one, tokens))
                num_tokens += len(one.token_log_probs)
                log_prob += one.log_prob
                impossible += one.log_prob == -math.inf
            progress.update(done / 1000, note=f"{number:,} lines")
    return Totals(number, num_tokens, log_prob, impossible)


def _scored(
    translator: Translator, pairs: list[tuple[str, str]], paths: tuple[Path, Path], first: int
) -> Iterator[Scored]:
    """Yields what the model thinks of pairs, of which the first stands in line `first`; before a bad one, what is good.

    A translator refuses pairs before it scores any, and says which.
    """
    try:
        yield from translator.score(*_sides(pairs))
    except OfSentenceError as error:
        place = error.sentence - 1
        yield from _scored(translator, pairs[:place], paths, first)
        raise error.at(f"{_refused(translator, pairs[place], paths)}, line {first + place}") from None


def _refused(translator: Translator, pair: tuple[str, str], paths: tuple[Path, Path]) -> Path:
    """Returns which file a pair is refused for: the source's, where it is refused with any translation."""
    try:
        translator.score([pair[0]], [""])
    except UserError:
        return paths[0]
    return paths[1]


def _sides(pairs: list[tuple[str, str]]) -> tuple[list[str], list[str]]:
    return [source for source, _ in pairs], [target for _, target in pairs]


def _windows(source: Path, target: Path, size: int) -> Iterator[tuple[list[tuple[str, str]], int]]:
    """Yields the pairs in lists, with how many bytes of the source were read; before a bad line, what is good."""
    others = enumerate(raw_input(target), start=1)
    for window in numbered(windows_of(raw_input(source), size)):
        pairs: list[tuple[str, str]] = []
        try:
            for number, raw in enumerate(window.lines, start=window.first + 1):
                text = text_of(raw, source, number)
                place, other = next(others)
                pairs.append((text, text_of(other, target, place)))
        except UserError:
            if pairs:
                yield pairs, window.end
            raise
        yield pairs, window.end


def mean(one: Scored) -> float:
    """Returns the mean log-probability of a token; 0 where there is none, because the line is blank on both sides."""
    return one.log_prob / max(1, len(one.token_log_probs))


def _columns(number: int, one: Scored, tokens: bool) -> str:
    del number
    columns = [f"{one.log_prob:.4f}", f"{mean(one):.4f}"]
    if tokens:
        columns += [" ".join(f"{p:.4f}" for p in one.token_log_probs), " ".join(one.tokens)]
    return "\t".join(columns)


def _json_line(number: int, one: Scored, tokens: bool) -> str:
    value: dict[str, Any] = {
        "number": number,
        "source": one.source,
        "target": one.target,
        "log_prob": _finite(one.log_prob),
        "score": _finite(mean(one)),
        "num_tokens": len(one.token_log_probs),
    }
    if tokens:
        value |= {"tokens": one.tokens, "token_log_probs": [_finite(p) for p in one.token_log_probs]}
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _finite(value: float) -> float | None:
    """Returns a number that JSON knows: -inf, for what a model can never write, becomes null."""
    return float(value) if math.isfinite(value) else None
