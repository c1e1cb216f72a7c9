"""The loop of a conversation: at a terminal with line editing, in a pipe a line for a line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from rich.console import Console

from seq2seq.serving.commands import is_known_command
from seq2seq.serving.conversation import Conversation, Translates
from seq2seq.text.blank import is_blank

PROMPT = "> "
_BYTE_ORDER_MARK = "\ufeff"
INTERRUPTED = 130  # what shells report of a program that Ctrl-C ended


class PipeConsole(Console):
    """A console without colours and width that lets a broken pipe be noticed; rich's own leaves the program with 1."""

    def __init__(self, file: TextIO) -> None:
        super().__init__(
            file=file,
            color_system=None,
            force_terminal=False,
            no_color=True,
            width=10_000,
            highlight=False,
            emoji=False,
        )

    def on_broken_pipe(self) -> None:
        """Says so, instead of leaving."""
        raise BrokenPipeError


def talk(
    translator: Translates,
    *,
    stdin: TextIO | None = None,
    stdout: TextIO | None = None,
    stderr: TextIO | None = None,
    history: Path | None = None,
    beam: int | None = None,
    nbest: int = 1,
    attention: bool = False,
    scores: bool = False,
    prefix: str = "",
    mbr: int = 0,
) -> int:
    """Holds a conversation until the input ends or the person leaves.

    At a terminal (both ends): a prompt, line editing, a history. Otherwise each line of `stdin` is answered by a line
    of `stdout`, without prompt and colours: an empty one by an empty one, and one that fails by an empty one and a
    message on `stderr`. A line that begins with a known command is obeyed in either case; in a pipe any other line
    with a colon is text.

    Args:
        translator: Translates one sentence.
        stdin: Where lines come from; the process's own if None. Likewise `stdout` and `stderr`.
        stdout: See `stdin`.
        stderr: See `stdin`.
        history: The file of the history; the platform's place for it if None.
        beam: Settings to begin with, as in `Conversation`; likewise the rest.
        nbest: See `beam`.
        attention: See `beam`.
        scores: See `beam`.
        prefix: See `beam`.
        mbr: See `beam`.

    Returns:
        The exit code: 0, also where nobody reads the answers any more; 130 after Ctrl-C in a pipe.
    """
    lines, answers, failures = stdin or sys.stdin, stdout or sys.stdout, stderr or sys.stderr
    terminal = lines.isatty() and answers.isatty()
    _tolerate(lines, answers, failures, utf8=not terminal)
    if not terminal:
        _end_at_line_feeds(lines)
    console = Console(file=answers, highlight=False, emoji=False) if terminal else PipeConsole(answers)
    conversation = Conversation(
        translator,
        console,
        errors=None if terminal else PipeConsole(failures),
        beam=beam,
        nbest=nbest,
        attention=attention,
        scores=scores,
        prefix=prefix,
        mbr=mbr,
    )
    if not terminal:
        return answer_lines(conversation, lines, answers)
    from seq2seq.serving.keyboard import history_path, prompt_session

    editor = prompt_session(history or history_path())
    conversation.say("Type a sentence, or :help. Ctrl-D leaves.")
    converse(conversation, lambda: editor.prompt(PROMPT))
    return 0


def converse(conversation: Conversation, read: Callable[[], str]) -> None:
    """Answers what `read` returns until it raises EOFError (Ctrl-D) or a line asks to leave.

    Ctrl-C gives up the line that is being typed, or the translation that is being made, and nothing else. Several lines
    pasted at once are answered one by one.
    """
    while True:
        try:
            if not all(conversation.reply(line) for line in read().split("\n")):
                return
        except KeyboardInterrupt:
            continue
        except EOFError:
            return


def answer_lines(conversation: Conversation, lines: TextIO, answers: TextIO) -> int:
    """Answers each line on `answers` at once, so that a program may wait for it; returns the exit code."""
    try:
        for number, line in enumerate(lines):
            text = line.rstrip("\r\n")
            if number == 0:
                text = text.removeprefix(_BYTE_ORDER_MARK)
            if is_blank(text):
                answers.write("\n")
            elif not conversation.reply(text if is_known_command(text) else f" {text}"):
                break
            answers.flush()
    except BrokenPipeError:
        _silence(answers)
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _tolerate(*streams: TextIO, utf8: bool) -> None:
    """Makes bytes and characters that have no counterpart a replacement instead of the end; in a pipe, UTF-8."""
    for stream in streams:
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace", **({"encoding": "utf-8"} if utf8 else {}))


def _end_at_line_feeds(lines: TextIO) -> None:
    """Makes a line feed alone the end of a line: a carriage return inside one would add an answer to it."""
    reconfigure = getattr(lines, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(newline="\n")


def _silence(answers: TextIO) -> None:
    """Sends what is still to be written nowhere, else the interpreter complains of the broken pipe when it ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), answers.fileno())
