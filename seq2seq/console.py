"""The one place that decides about terminals: messages on stderr, results on stdout, progress, errors, JSON.

On a terminal there is colour and a moving bar. Elsewhere (a pipe, a log, a scheduler) there is neither, and a long
piece of work says a plain line now and then. NO_COLOR is respected. rich is imported when something is shown.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from unicodedata import category

from seq2seq.errors import Seq2SeqError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as LiveProgress

LOG_INTERVAL_SECONDS = 30.0
RECENT_MARKS = 300
"""By what was done between so many moments, a second apart or more, the rest is reckoned: after some minutes of work a
pause or a busy hour before them no longer counts, and looks at the development set in between do."""
_STEERING = frozenset({"Cc", "Cs", "Zl", "Zp"})  # controls, halves of characters, separators of lines and paragraphs
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # would reverse what stands behind them
_hushed = False


@cache
def messages() -> Console:
    """Returns the console for what a person reads while the work goes on: stderr."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, emoji=False)


@cache
def output() -> Console:
    """Returns the console for results: stdout."""
    from rich.console import Console

    return Console(highlight=False, emoji=False)


def use_utf8() -> None:
    """Makes the standard streams UTF-8 where the system chose otherwise (Windows), for text is what we trade in.

    A stream that whoever called us has closed is one that is empty, or that nobody reads.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - it stays open
    for stream, errors in ((sys.stdin, "strict"), (sys.stdout, "strict"), (sys.stderr, "backslashreplace")):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure and stream.encoding.lower().replace("-", "") != "utf8":
            reconfigure(encoding="utf-8", errors=errors)


def say(message: str, *, style: str = "") -> None:
    """Says one thing on stderr; the text is taken as it is, never as markup."""
    if _hushed:
        return
    # soft_wrap: a log line stays one line, whatever width rich assumes for a pipe.
    messages().print(_printable(message), style=style or None, markup=False, soft_wrap=True)


def warn(message: str) -> None:
    """Says a warning on stderr."""
    say(f"warning: {message}", style="yellow")


def show_error(error: Seq2SeqError) -> None:
    """Says what went wrong, and on the next line what to do, on stderr."""
    with hushed(False):
        say(f"error: {error.message}", style="bold red")
        if error.hint:
            say(error.hint)


def quoted(*words: object) -> str:
    """Returns words as one line that can be pasted into a shell, which reads these words again.

    On Windows with the double quotes that its shells know: to cmd.exe a single quote is a letter of the path.
    """
    texts = [str(word) for word in words]
    if sys.platform == "win32":
        from subprocess import list2cmdline

        return list2cmdline(texts)
    return shlex.join(texts)


@contextmanager
def hushed(hush: bool = True) -> Iterator[None]:
    """Within the block nothing is said, and no progress shown, but for errors: one of several processes speaks."""
    global _hushed  # noqa: PLW0603 - a process has one stderr
    before, _hushed = _hushed, hush
    try:
        yield
    finally:
        _hushed = before


def emit(line: str) -> None:
    """Writes one line of a result to stdout as it is: rich would turn its tabs into spaces."""
    sys.stdout.write(line + "\n")


def emit_json(value: object) -> None:
    """Writes one value as one line of JSON to stdout: what `--json` gives to other programs."""
    text = json.dumps(value, ensure_ascii=False, default=_jsonable)
    # Half of a surrogate pair, which JSON can hold and UTF-8 cannot, becomes a question mark.
    sys.stdout.write(text.encode("utf-8", "replace").decode("utf-8") + "\n")
    sys.stdout.flush()


class Progress:
    """How far a piece of work has come: a bar on a terminal, else at most one plain line every half minute.

    Args:
        description: What is being done, a few words.
        total: How much there is, in units; None where it is not known.
        unit: What is counted, for instance "sentences".
        interval_seconds: Least time between two plain lines.
        clock: Seconds, never going back; replaced in tests.
    """

    def __init__(
        self,
        description: str,
        total: float | None = None,
        *,
        unit: str = "",
        interval_seconds: float = LOG_INTERVAL_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.description = description
        self.total = total
        self.unit = unit
        self.completed = 0.0
        self.note = ""
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._last_line = clock()
        self._marks = _marks(self._last_line, 0.0)
        self._live: LiveProgress | None = None
        self._task: Any = None
        self._spoke = False

    def __enter__(self) -> Self:
        self._last_line = self._clock()
        self._marks = _marks(self._last_line, self.completed)
        if _interactive():
            self._live = _live_progress()
            self._task = self._live.add_task(self.description, total=self.total, figures="")
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
        elif self._spoke:  # a log that saw the middle sees the end too; short work stays silent
            self._line()

    def advance(self, amount: float = 1.0, *, note: str = "") -> None:
        """Adds `amount` units; `note` replaces the few words that stand behind the figures."""
        self.update(self.completed + amount, note=note)

    def update(self, completed: float, *, note: str = "") -> None:
        """Sets how many units are done."""
        self.completed = completed
        self.note = note or self.note
        self._mark()
        if self._live is not None:
            self._live.update(self._task, completed=completed, total=self.total, figures=self._figures())
        elif self._clock() - self._last_line >= self._interval_seconds:
            self._line()

    def start_from(self, completed: float) -> None:
        """Says that `completed` units were done before: they count for the share, not for the rate."""
        self.completed = completed
        self._marks = _marks(self._clock(), completed)

    def _mark(self) -> None:
        now = self._clock()
        if now - self._marks[-1][0] >= 1.0:
            self._marks.append((now, self.completed))

    def _line(self) -> None:
        self._last_line = self._clock()
        self._spoke = True
        say(f"{self.description}: {self._figures()}")

    def _figures(self) -> str:
        """Returns count, share, rate, time left and note, as far as each is known."""
        begin, done = self._marks[0]
        elapsed = self._clock() - begin
        rate = (self.completed - done) / elapsed if elapsed > 0 else 0.0
        count = f"{self.completed:,.0f}" + (f"/{self.total:,.0f}" if self.total else "")
        parts = [f"{count} {self.unit}".strip()]
        if self.total:
            parts.append(f"{100 * self.completed / self.total:.0f} %")
        if rate:
            parts.append(f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.2g}/s")
            if self.total and self.completed < self.total:
                parts.append(f"{_duration((self.total - self.completed) / rate)} left")
        return ", ".join([*parts, self.note] if self.note else parts)


def _marks(now: float, completed: float) -> deque[tuple[float, float]]:
    """Returns the first of the moments at which it was noted how much was done."""
    return deque([(now, completed)], maxlen=RECENT_MARKS)


def _interactive() -> bool:
    # rich calls a pipe a terminal when FORCE_COLOR is set; a moving bar still has no place in a log.
    console = messages()
    return console.is_interactive and console.file.isatty() and not _hushed


def _live_progress() -> LiveProgress:
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Live

    # Four pictures a second: the drawing thread shares two cores with the work.
    return Live(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[figures]}", markup=False),
        console=messages(),
        refresh_per_second=4,
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _printable(text: str) -> str:
    """Returns `text` without control characters: a file's content must not steer the terminal it is quoted on.

    Spaces that do not break, joiners and marks of direction stay as they are; overrides of direction do not.
    """
    if text.isprintable():
        return text
    return "".join("�" if c in _TURNING or (category(c) in _STEERING and c not in "\n\t") else c for c in text)


def _jsonable(value: object) -> object:
    """Returns a JSON value for what json does not know: arrays and scalars of NumPy, paths, dataclasses."""
    from dataclasses import asdict, is_dataclass
    from pathlib import PurePath

    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, PurePath):
        return str(value)
    for method in ("tolist", "item"):
        if hasattr(value, method):
            return getattr(value, method)()
    raise TypeError(f"{type(value).__name__} has no form in JSON.")
