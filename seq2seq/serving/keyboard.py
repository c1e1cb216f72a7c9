"""Line editing at a terminal: a history that outlives the session, and completion of commands."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.output import Output

from seq2seq.serving.commands import COMMANDS, is_command


class LastingHistory(FileHistory):
    """A history in a file that only its owner may read: people translate private text.

    The folder is made with the first line. Where the file cannot be read or written the lines last as long as the
    session does, and nobody is bothered.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        super().__init__(str(path))

    def load_history_strings(self) -> Iterable[str]:
        """Returns the lines, the latest first."""
        try:
            return list(super().load_history_strings())
        except OSError:
            return []

    def store_string(self, string: str) -> None:
        """Appends one line."""
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch(mode=0o600, exist_ok=True)
            super().store_string(string)


class CommandCompleter(Completer):
    """Completes the name of a command, then its argument where that is one of a few words."""

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        """Yields what may stand for the word before the cursor."""
        line = document.text_before_cursor
        if not is_command(line):
            return
        name, blank, argument = line.partition(" ")
        for command in COMMANDS:
            if not blank and command.name.startswith(name.lower()):
                yield Completion(command.name, -len(name), display_meta=command.summary)
            elif blank and name.lower() in {command.name, command.alias}:
                matching = (choice for choice in command.choices if choice.startswith(argument.lower()))
                yield from (Completion(choice, -len(argument)) for choice in matching)


def history_path() -> Path | None:
    """Returns where this platform keeps a program's state, or None if nobody's home can be found."""
    try:
        if sys.platform == "win32":
            base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        else:
            state = os.environ.get("XDG_STATE_HOME", "")
            # A relative path is to be ignored: XDG Base Directory Specification 0.8.
            base = Path(state) if Path(state).is_absolute() else Path.home() / ".local" / "state"
    except RuntimeError:
        return None
    return base / "seq2seq" / "history"


def prompt_session(
    history: Path | None = None, *, keys: Input | None = None, screen: Output | None = None
) -> PromptSession[str]:
    """Returns a line editor; Ctrl-R and the arrow keys look through the history, the tabulator completes.

    Args:
        history: The file of the history; None to forget everything at the end.
        keys: Where keys come from; the terminal if None.
        screen: Where the line is drawn; the terminal if None.
    """
    remembered: History = InMemoryHistory() if history is None else LastingHistory(history)
    return PromptSession(
        history=remembered,
        completer=CommandCompleter(),
        complete_while_typing=False,
        input=keys,
        output=screen,
    )
