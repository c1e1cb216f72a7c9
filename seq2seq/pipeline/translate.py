"""translate: lines in, translations out, in a stated format."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from seq2seq import console
from seq2seq.errors import UserError, WorkError
from seq2seq.pipeline.streams import is_a_folder, open_output, part_of, read_input, windows_as_they_come
from seq2seq.recipe.schema import Search
from seq2seq.translator import WINDOW_BATCHES, Translation, Translator, windows_of


@dataclass(frozen=True)
class Format:
    """What is written for each translation.

    Without `as_json`, columns separated by tabs: the input's number from 1 (with nbest), the score (with nbest or
    scores), the translation, the alignment (with attention). With it, one JSON object a line of input, which holds the
    terms of the glossary that were found (with terms).
    """

    nbest: int = 1
    scores: bool = False
    attention: bool = False
    as_json: bool = False
    terms: bool = False


def check_places(source: Path | None, target: Path | None, *, others: tuple[Path, ...] = ()) -> None:
    """Refuses what would destroy an input, and a place that cannot be written, before anything else is done.

    Two names are one file where the system says so: through links of either kind, "." and "..", or letter case.

    Args:
        source: The file to translate; None: standard input.
        target: The file to write; None: standard output.
        others: Other files that are read.

    Raises:
        UserError: The output is a folder; or it, or the part file that is written first, is an input.
        WorkError: The folder of the output is no folder or may not be written to.
    """
    if target is not None and target.is_dir():
        raise is_a_folder(target)
    inputs: list[tuple[str, os.stat_result | None]] = [(str(path), _status(path)) for path in (source, *others) if path]
    if source is None:
        inputs.append(("standard input", _status_of_stream(sys.stdin)))
    if target is None:
        outputs = [("standard output", _status_of_stream(sys.stdout))]
    else:
        outputs = [(str(path), _status(path)) for path in (target, part_of(target))]
    for written, new in outputs:
        for read, old in inputs:
            if new and old and stat.S_ISREG(new.st_mode) and os.path.samestat(new, old):
                same = "" if written == read else f", which is the same file as {written}"
                raise UserError(
                    f"The translations would overwrite {read}{same}, while it is being read.",
                    hint="Write them to another file.",
                )
    if target is not None and not target.exists():
        _check_folder(target)


def _check_folder(target: Path) -> None:
    """Checks that a new file can be made: its folder can be written to, or be made."""
    folder = next(parent for parent in target.absolute().parents if os.path.lexists(parent))
    if not folder.is_dir():
        raise WorkError(
            f"{target} cannot be written: {folder} is not a folder.", hint="Give the name of a file in a folder."
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise WorkError(
            f"{target} cannot be written: you may not write to the folder {folder}.",
            hint="Write somewhere else, or ask for the permission.",
        )


def _status(path: Path) -> os.stat_result | None:
    """Returns what the system knows of a file; None where it is not there."""
    try:
        return path.stat()
    except OSError:
        return None


def _status_of_stream(stream: TextIO) -> os.stat_result | None:
    """Returns what the system knows of the file behind a stream; None where there is none."""
    try:
        return os.fstat(stream.fileno())
    except (OSError, ValueError):
        return None


def translate_lines(
    translator: Translator,
    settings: Search,
    *,
    source: Path | None,
    target: Path | None,
    form: Format,
    prefix: str = "",
    glossary: Mapping[str, str] | None = None,
) -> int:
    """Translates a file or standard input. Returns how many lines there were.

    Raises:
        UserError: The input cannot be read; what was translated before is written.
    """
    lines, size = read_input(source), settings.batch_sentences * WINDOW_BATCHES
    # A file is all there: windows of one size every time. From a pipe, whatever has come is answered.
    windows = windows_as_they_come(lines, size) if source is None else windows_of(lines, size)
    found = translator.translate_windows(
        windows, settings, nbest=form.nbest, prefix=prefix, attention=form.attention, glossary=glossary
    )
    write = _json_line if form.as_json else _columns
    count = 0
    # Without a file there is nothing to show the progress of: the translations themselves go by.
    with open_output(target) as file, _progress(shown=target is not None) as advance:
        for count, translation in enumerate(found, start=1):
            if translation.cut:
                tokens = len(translation.source_tokens) - 1  # without EOS
                console.warn(f"line {count} is too long; only its first {tokens:,} tokens were translated")
            file.write(write(count, translation, form) + "\n")
            if target is None or source is None:  # someone may be reading along
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
    if form.terms:
        value["terms"] = [list(term) for term in translation.terms]
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
