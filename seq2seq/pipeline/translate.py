"""translate: lines in, translations out, in a stated format."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seq2seq import console
from seq2seq.pipeline.streams import open_output, read_input, windows_as_they_come
from seq2seq.recipe.schema import Search
from seq2seq.translator import WINDOW_BATCHES, Translation, Translator, windows_of


@dataclass(frozen=True)
class Format:
    """What is written for each translation.

    Without `as_json`, columns separated by tabs: the input's number from 1 (with nbest), the score (with nbest or
    scores), the translation, the alignment (with attention). With it, one JSON object a line of input.
    """

    nbest: int = 1
    scores: bool = False
    attention: bool = False
    as_json: bool = False


def translate_lines(
    translator: Translator,
    settings: Search,
    *,
    source: Path | None,
    target: Path | None,
    form: Format,
    prefix: str = "",
) -> int:
    """Translates a file or standard input. Returns how many lines there were.

    Raises:
        UserError: The input cannot be read; what was translated before is written.
    """
    lines, size = read_input(source), settings.batch_sentences * WINDOW_BATCHES
    # A file is all there: windows of one size every time. From a pipe, whatever has come is answered.
    windows = windows_as_they_come(lines, size) if source is None else windows_of(lines, size)
    found = translator.translate_windows(windows, settings, nbest=form.nbest, prefix=prefix, attention=form.attention)
    write = _json_line if form.as_json else _columns
    count = 0
    # Without a file there is nothing to show the progress of: the translations themselves go by.
    with open_output(target) as file, _progress(shown=target is not None) as advance:
        for count, translation in enumerate(found, start=1):
            if translation.cut:
                tokens = len(translation.source_tokens) - 1  # without EOS
                console.warn(f"line {count} is too long; only its first {tokens:,} tokens were translated")
            file.write(write(count, translation, form) + "\n")
            if target is None:
                file.flush()
            advance()
    return count


def _progress(*, shown: bool) -> _Advance:
    return _Advance(console.Progress("translating", unit="lines") if shown else None)


class _Advance:
    """A progress bar, or nothing, behind one call."""

    def __init__(self, progress: console.Progress | None) -> None:
        self._progress = progress

    def __enter__(self) -> Callable[[], None]:
        if self._progress is None:
            return lambda: None
        return self._progress.__enter__().advance

    def __exit__(self, *error: object) -> None:
        if self._progress is not None:
            self._progress.__exit__(*error)


def _columns(number: int, translation: Translation, form: Format) -> str:
    """One line, or one line an alternative."""
    return "\n".join(_line(number, one, form) for one in _ranked(translation))


def _line(number: int, one: Translation, form: Format) -> str:
    columns = [str(number)] if form.nbest > 1 else []
    if form.scores or form.nbest > 1:
        columns.append(f"{one.score:.4f}")
    columns.append(one.text)
    if form.attention:
        columns.append(alignment(one))
    return "\t".join(columns)


def alignment(one: Translation) -> str:
    """Returns the source piece that each target piece looked at most: "source-target" pairs from 0, EOS on no side."""
    if one.attention is None:
        return ""
    return " ".join(f"{int(row[:-1].argmax())}-{place}" for place, row in enumerate(one.attention[:-1]))


def _json_line(number: int, translation: Translation, form: Format) -> str:
    value = {"number": number, "source": translation.source, **_as_dict(translation)}
    if form.nbest > 1:
        value["nbest"] = [_as_dict(one) for one in _ranked(translation)]
    return json.dumps(value, ensure_ascii=False)


def _as_dict(one: Translation) -> dict[str, Any]:
    value: dict[str, Any] = {
        "translation": one.text,
        "score": one.score,
        "log_prob": one.log_prob,
        "tokens": one.tokens,
        "token_log_probs": one.token_log_probs,
    }
    if one.attention is not None:
        value |= {"source_tokens": one.source_tokens, "attention": one.attention.tolist()}
    return value


def _ranked(translation: Translation) -> Iterator[Translation]:
    yield from translation.nbest or [translation]
