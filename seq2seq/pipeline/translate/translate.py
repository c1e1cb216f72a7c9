"""translate: lines in, translations out, in a stated format."""

from __future__ import annotations

import os
import stat
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TextIO

from seq2seq import console
from seq2seq.corpus.files import OPENERS
from seq2seq.errors import OfSentenceError, UserError, WorkError
from seq2seq.folders import checksum, digest_of
from seq2seq.pipeline.alone import alone, lock_of
from seq2seq.pipeline.parts import Part
from seq2seq.pipeline.translate.formats import Format
from seq2seq.pipeline.translate.pieces import check_count, join
from seq2seq.pipeline.translate.resuming import Facts, Written, anew, earlier, is_done, of_program, open_resumable
from seq2seq.pipeline.translate.streams import (
    STDIN,
    as_they_come,
    is_a_folder,
    is_replaced,
    is_standard_input_a_file,
    num_bytes,
    open_output,
    part_of,
    raw_input,
    record_of,
    spare,
    text_of,
)
from seq2seq.pipeline.translate.windows import Window, between, numbered
from seq2seq.recipe.schema import Search
from seq2seq.translating.translation import Translation
from seq2seq.translating.windows import WINDOW_BATCHES, WINDOW_CHARACTERS, windows_of
from seq2seq.translator import Translator

COMPARING = ("tokenize", "lowercase")
"""Settings of `[evaluation]` by which candidates are compared, where they are."""


@dataclass(frozen=True)
class Task:
    """What is translated, where to, and how it is written.

    Attributes:
        source: The file; None: standard input.
        target: Likewise, standard output.
        form: What is written for each line.
        prefix: Text that every translation must begin with.
        glossary: Terms and their translations.
        banned: Words that no translation may hold.
        part: The part of the source that is translated; needs a file.
        resume: Whether to go on with what an earlier run has written; needs a file to a file.
        shared: Whether the parts are those of several processes, which make one target together.
    """

    source: Path | None
    target: Path | None
    form: Format = field(default_factory=Format)
    prefix: str = ""
    glossary: Mapping[str, str] | None = None
    banned: Sequence[str] = ()
    part: Part = field(default_factory=Part)
    resume: bool = False
    shared: bool = False

    @property
    def can_resume(self) -> bool:
        """Whether it could be gone on with after an interruption: what was read can be read again."""
        return self.source is not None and self.target is not None and is_replaced(self.target)

    @property
    def is_quiet(self) -> bool:
        """Whether another process tells how far the work is."""
        return self.shared and self.part.number > 1


def check_places(
    source: Path | None, target: Path | None, *, others: Sequence[Path] = (), part: Part | None = None
) -> None:
    """Refuses what would destroy an input, and a place that cannot be written, before anything else is done.

    Two names are one file where the system says so: through links of either kind, "." and "..", or letter case.

    Args:
        source: The file to translate; None: standard input.
        target: The file to write; None: standard output.
        others: Other files that are read.
        part: The part that this process writes, where it is one of several.

    Raises:
        UserError: The output is a folder, or has the name of a compressed file; or it, or the part file that is written
            first, is an input.
        WorkError: The folder of the output is no folder or may not be written to.
    """
    if target is not None and target.is_dir():
        raise is_a_folder(target)
    if target is not None and target.suffix.lower() in OPENERS:
        raise UserError(
            f"{target} would be plain text under the name of a compressed file.",
            hint=f"Write to {target.with_suffix('')}, or pipe the output into the program that compresses it.",
        )
    inputs: list[tuple[str, os.stat_result | None]] = [(str(path), _status(path)) for path in (source, *others) if path]
    if source is None:
        inputs.append(("standard input", _status_of_stream(sys.stdin)))
    if target is None:
        outputs = [("standard output", _status_of_stream(sys.stdout))]
    else:
        written_to = [target, *([part.piece(target)] if part else [])]
        files = [file for path in written_to for file in (path, part_of(path), record_of(path), lock_of(path))]
        outputs = [(str(path), _status(path)) for path in files]
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
    if source is not None and not source.is_file():
        next(raw_input(source))  # says what is there instead


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


def window_size(settings: Search) -> int:
    """Returns how many lines of a file are read before the first of them is answered."""
    return settings.batch_sentences * WINDOW_BATCHES


def translate_lines(
    translator: Translator, settings: Search, task: Task, *, models: Mapping[str, str | float] | None = None
) -> int:
    """Translates a file or standard input. Returns how many lines were translated now.

    Args:
        translator: The model.
        settings: How to search.
        task: What to translate.
        models: What is known of the model or models, by name, to recognise them when the work is gone on with.

    Raises:
        UserError: The input cannot be read; what was translated before is written. Or there is nothing to go on with.
    """
    if not task.can_resume:
        total = _total(task)
        with open_output(task.target) as file:
            windows = _windows(task, window_size(settings), total)
            rest = _Rest(windows) if task.source is None else _behind(windows, Written(), task.source)
            return _Writer(translator, settings, task, total, rest)(file)
    facts = _facts(translator, settings, task, models or {})
    assert task.target is not None
    if not task.shared:
        return _resumable(translator, settings, task, task.target, facts)
    if not task.resume:
        spare(task.target)  # one process's part, in whose place the pieces are put together
    piece, count = task.part.piece(task.target), 0
    if not is_done(piece, facts):
        count = _resumable(translator, settings, task, piece, facts)
    if task.part.number == 1:
        with alone(task.target):
            join(task.target, task.part.count, lambda part: {**facts, "--shard": str(part)})
    return count


def _facts(translator: Translator, settings: Search, task: Task, models: Mapping[str, str | float]) -> Facts:
    """Returns what decides the output, by the names that a person is told when one has changed."""
    from msgspec.structs import asdict

    assert task.source is not None
    return {
        "the version of seq2seq": of_program(),
        "input": checksum(task.source),
        **models,
        "engine": translator.engine.name,
        **{f"search.{name}": value for name, value in asdict(settings).items()},
        **({f"evaluation.{name}": getattr(translator.evaluation, name) for name in COMPARING} if settings.mbr else {}),
        "--nbest": task.form.nbest,
        "--scores": task.form.scores,
        "--attention": task.form.attention,
        "--json": task.form.as_json,
        "--prefix": task.prefix,
        "glossary": digest_of(dict(task.glossary)) if task.glossary else "",
        "--ban": digest_of(list(task.banned)) if task.banned else "",
        "--shard": str(task.part),
    }


def _resumable(translator: Translator, settings: Search, task: Task, target: Path, facts: Facts) -> int:
    """Translates a file to a file, from where an earlier run stopped, and lets nobody else write it meanwhile."""
    with alone(target):
        return _held(translator, settings, task, target, facts)


def _held(translator: Translator, settings: Search, task: Task, target: Path, facts: Facts) -> int:
    assert task.source is not None
    assert task.target is not None
    if task.resume:
        check_count(task.target, task.part.count if task.shared else 1)
    done = earlier(target, facts, task.form, resume=task.resume)
    total = _total(task)
    windows = _windows(task, window_size(settings), total)
    rest = _behind(windows, done, task.source, part_of(target))
    if task.resume and not task.is_quiet:
        last = rest.first + rest.skip
        told = f"going on after line {last:,}" if done.lines else "nothing to go on with: starting at the first line"
        console.say(told)
    if task.shared and not done.lines:
        target.unlink(missing_ok=True)  # an old piece, made of something else
    with open_resumable(target, facts, done, keep_record=task.shared) as file:
        return _Writer(translator, settings, task, total, rest)(file)


def _total(task: Task) -> int:
    """Returns the bytes of the input where they are worth knowing, else 0.

    For a part they must be known, else they are for the estimate of what is left: a compressed file is unpacked once
    more for them, and only where someone looks.
    """
    if task.source is None:
        return os.fstat(sys.stdin.fileno()).st_size if is_standard_input_a_file() else 0
    if not task.part.is_whole or task.source.suffix.lower() not in OPENERS or sys.stderr.isatty():
        return num_bytes(task.source)
    return 0


@dataclass(frozen=True)
class _Rest:
    """What is left to translate.

    Attributes:
        windows: The windows; the first may be answered in part.
        first: How many lines of the input stand before them.
        begin: Likewise, bytes.
        skip: How many lines of the first window are answered.
    """

    windows: Iterator[Window]
    first: int = 0
    begin: int = 0
    skip: int = 0


def _windows(task: Task, size: int, total: int) -> Iterator[Window]:
    """Yields the windows of the task's part of its input.

    A file is all there: windows of one size every time. From a pipe, whatever has come is answered.
    """
    lines = raw_input(task.source)
    live = task.source is None and not is_standard_input_a_file()
    windows = numbered(as_they_come(lines, size) if live else windows_of(lines, size))
    return windows if task.part.is_whole else _told_if_none(between(windows, *task.part.range(total)), task, size)


def _told_if_none(windows: Iterator[Window], task: Task, size: int) -> Iterator[Window]:
    """Yields the windows of a part; where there is none, says so, for that may look like a mistake."""
    window = None
    for window in windows:
        yield window
    if window is None:
        console.say(
            f"part {task.part} of {task.source} is empty: parts are whole windows of up to {size:,} lines or "
            f"{WINDOW_CHARACTERS >> 20} MB"
        )


def _behind(windows: Iterator[Window], done: Written, source: Path, part: Path = Path()) -> _Rest:
    """Returns the windows that are not answered whole.

    Raises:
        UserError: The part has more lines than the input, or other ones.
    """
    left, after, end = done.lines, 0, 0
    for place, window in enumerate(windows):
        if place == 0 and done.first and done.first != window.first + 1:
            raise UserError(
                f"{part} begins with line {done.first} of the input, and not with {window.first + 1}.", hint=anew(part)
            )
        if left < len(window.lines):
            return _Rest(chain([window], windows), window.first, window.begin, left)
        left, after, end = left - len(window.lines), window.after, window.end
    if left:
        raise UserError(
            f"{part} has the translations of {done.lines:,} lines, and of {source} there are only "
            f"{done.lines - left:,} to translate.",
            hint=anew(part),
        )
    return _Rest(iter(()), after, end)


class _Writer:
    """Translates windows and writes what comes out.

    Args:
        translator: The model.
        settings: How to search.
        task: What is translated.
        total: How many bytes the input has; 0 where that is not known.
        rest: What of it is left.
    """

    def __init__(self, translator: Translator, settings: Search, task: Task, total: int, rest: _Rest) -> None:
        self._translator, self._settings, self._task, self._rest = translator, settings, task, rest
        self._begin, self._end = task.part.range(total)
        self._asked: deque[tuple[int, int]] = deque()  # of each window that the translator has: its lines, its end

    def __call__(self, file: TextIO) -> int:
        """Writes the translations. Returns how many lines they are of, without those skipped."""
        first, skip = self._rest.first, self._rest.skip
        number, left, end = first, 0, 0
        with self._progress() as progress:
            for number, translation in enumerate(self._translations(), start=first + 1):
                while not left:
                    left, end = self._asked.popleft()
                left -= 1
                if number > first + skip:
                    file.write(self._task.form(number, translation) + "\n")
                if not left:  # someone may be reading along; and a process that is killed loses no more than a window
                    file.flush()
                    if progress is not None:
                        progress.update((end - self._begin) / 1000, note=f"{number:,} lines")
        return max(0, number - first - skip)

    def _translations(self) -> Iterator[Translation]:
        task = self._task
        try:
            yield from self._translator.translate_windows(
                self._texts(self._rest.windows),
                self._settings,
                nbest=task.form.nbest,
                prefix=task.prefix,
                attention=task.form.attention,
                glossary=task.glossary,
                banned=task.banned,
                first=self._rest.first,
            )
        except OfSentenceError as error:
            raise error.at(f"{task.source or STDIN}, line {error.sentence}") from None

    def _texts(self, windows: Iterator[Window]) -> Iterator[list[str]]:
        """Yields the windows as text; where a line is not UTF-8, what stands before it first."""
        for window in windows:
            texts: list[str] = []
            try:
                for number, raw in enumerate(window.lines, start=window.first + 1):
                    texts.append(text_of(raw, self._task.source, number))
            except UserError:
                self._asked.append((len(texts), window.end))
                yield texts
                raise
            self._asked.append((len(texts), window.end))
            yield texts

    def _progress(self) -> AbstractContextManager[console.Progress | None]:
        """A progress bar, where the translations themselves do not go by."""
        if self._task.is_quiet or (self._task.target is None and not _is_a_file(sys.stdout)):
            return nullcontext()
        size = (self._end - self._begin) / 1000
        progress = console.Progress("translating", size or None, unit="kB")
        if self._rest.begin > self._begin:
            progress.start_from((self._rest.begin - self._begin) / 1000)
        return progress


def _is_a_file(stream: TextIO) -> bool:
    status = _status_of_stream(stream)
    return status is not None and stat.S_ISREG(status.st_mode)
