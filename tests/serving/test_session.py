"""The loop: in a pipe a line for a line, at a terminal with line editing and a history that lasts."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from rich.console import Console

from seq2seq.serving import keyboard, session
from seq2seq.serving.conversation import Conversation
from seq2seq.serving.keyboard import CommandCompleter, history_path, prompt_session
from seq2seq.serving.session import answer_lines, converse, talk

UP = "\x1b[A"


class Plain:
    """A translation that is only a text."""

    def __init__(self, text):
        self.text, self.score, self.nbest = text, -1.0, [self]
        self.source_tokens, self.tokens, self.token_log_probs, self.attention = ["s"], ["t"], [0.0], [[1.0]]


class Upper:
    """Translates into capitals; "fail" fails, "stop" is Ctrl-C."""

    def translate(self, text, **settings):
        if text == "fail":
            raise ValueError("no such word")
        if text == "stop":
            raise KeyboardInterrupt
        return Plain(text.upper())


def piped(text):
    """Answers, messages and exit code for `text` (or bytes) in a pipe."""
    data = text if isinstance(text, bytes) else text.encode()
    stdin = io.TextIOWrapper(io.BytesIO(data), encoding="ascii")
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="\n")
    stderr = io.StringIO()
    code = talk(Upper(), stdin=stdin, stdout=stdout, stderr=stderr)
    stdout.flush()
    return stdout.buffer.getvalue().decode(), stderr.getvalue(), code


# --- in a pipe


def test_each_line_is_answered_by_one_line_and_nothing_else():
    text = "one\ntwo words\n\n   \n\u200b\u200e\nlast without an end"
    assert piped(text) == ("ONE\nTWO WORDS\n\n\n\nLAST WITHOUT AN END\n", "", 0)


def test_nothing_in_nothing_out():
    assert piped("") == ("", "", 0)


def test_windows_line_ends_and_odd_separators_do_not_add_lines():
    assert piped("a\r\nb\r\n")[0] == "A\nB\n"
    assert piped("a\u2028b\x0bc\nd\n")[0] == "A B C\nD\n"
    assert piped("a\rb\nc\r\n\r\nd\r")[0] == "A B\nC\n\nD\n"


def test_a_byte_order_mark_is_one_at_the_start_only():
    assert piped("\ufeff:nbest 2\na\n")[0].splitlines() == ["The 2 best are shown.", "1  -1.000  A"]
    assert piped("\ufeffa\n\ufeff:nbest 2\n")[0] == "A\n\ufeff:NBEST 2\n"
    assert piped("\ufeff\nb\n")[0] == "\nB\n"


def test_any_bytes_are_read():
    out, err, code = piped(b"caf\xe9\n\xff\xfe\n\x00\ngr\xc3\xbcn\n")
    assert (out.splitlines(), err, code) == (["CAF\ufffd", "\ufffd\ufffd", "", "GRÜN"], "", 0)


def test_a_very_long_line_costs_one_empty_answer():
    out, err, code = piped("x " * 50_000 + "\nnext\n")
    assert (out, code) == ("\nNEXT\n", 0)
    assert "at most 10,000" in err
    line = "word " * 1500
    assert piped(line + "\n")[0] == line.strip().upper() + "\n"  # wrapped nowhere


def test_a_failure_is_an_empty_answer_and_a_message_on_the_side():
    out, err, code = piped("a\nfail\nb\n")
    assert (out, code) == ("A\n\nB\n", 0)
    assert "ValueError: no such word" in err


def test_known_commands_are_obeyed_and_other_colons_are_text():
    out, err, code = piped(":nbest 2\n:) smile\n:beams\n:quit\nnever read\n")
    assert out.splitlines() == ["The 2 best are shown.", "1  -1.000  :) SMILE", "1  -1.000  :BEAMS"]
    assert (err, code) == ("", 0)


def test_no_escape_sequence_reaches_a_pipe(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    out, _, _ = piped(":scores on\n:attention on\n:help\nhello\n\x1b[31mred\n")
    assert "\x1b" not in out


def test_ctrl_c_in_a_pipe_ends_with_130():
    assert piped("a\nstop\nb\n") == ("A\n", "", 130)


def test_each_answer_is_sent_before_the_next_line_is_read():
    out = io.StringIO()
    seen = []

    def lines():
        for line in ("one\n", "\n", "two\n"):
            yield line
            seen.append(out.getvalue())

    answer_lines(Conversation(Upper(), Console(file=out)), lines(), out)
    assert seen == ["ONE\n", "ONE\n\n", "ONE\n\nTWO\n"]


def test_a_pipe_nobody_reads_ends_quietly():
    code = (
        "import sys; from seq2seq.serving.session import talk\n"
        "class T:\n"
        "    def __init__(self, text): self.text, self.nbest, self.score = text, [], 0.0\n"
        "class Echo:\n"
        "    def translate(self, text, **settings): return T(text)\n"
        "sys.exit(talk(Echo()))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdin.write(b"first\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"first\n"
    process.stdout.close()
    _, err = process.communicate(b"second\nthird\n", timeout=30)
    assert (process.returncode, err) == (0, b"")


# --- at a terminal


def typed(*keys, history=None):
    """What is printed while `keys` are pressed; each argument is sent when the next prompt is shown."""
    out = io.StringIO()
    conversation = Conversation(Upper(), Console(file=out, color_system=None, width=80))
    waiting = list(keys)
    with create_pipe_input() as pipe:
        editor = prompt_session(history, keys=pipe, screen=DummyOutput())

        def read():
            if waiting:
                pipe.send_text(waiting.pop(0))
            return editor.prompt()

        converse(conversation, read)
    return out.getvalue()


def test_lines_are_answered_until_ctrl_d():
    assert typed("hello\rgood day\r\x04") == "HELLO\nGOOD DAY\n"


def test_quit_leaves_and_blank_lines_are_passed_over():
    assert typed("\r   \rhello\r:quit\rnever\r") == "HELLO\n"


def test_lines_pasted_at_once_are_answered_one_by_one():
    assert typed("\x1b[200~one\r\ntwo\n\nthree\x1b[201~\r\x04") == "ONE\nTWO\nTHREE\n"
    assert typed("\x1b[200~one\n:q\nnever\x1b[201~\r") == "ONE\n"


def test_ctrl_c_clears_the_line_and_gives_up_a_translation():
    assert typed("half a sen\x03whole\rstop\rafter\r\x04") == "WHOLE\nAFTER\n"


def test_a_line_can_be_edited():
    assert typed("bot\x1b[Da\x01the \r\x04") == "THE BOAT\n"  # left, a letter, Ctrl-A to the beginning, more
    assert typed("wrong\x15right\r\x04") == "RIGHT\n"  # Ctrl-U deletes the line


def test_the_history_outlives_the_session_and_is_its_owners(tmp_path):
    path = tmp_path / "state" / "seq2seq" / "history"
    typed("\x04", history=path)
    assert not path.exists()  # made with the first line only
    typed("first line\rgrüße 早上\r\x04", history=path)
    assert typed(UP + "\r\x04", history=path) == "GRÜSSE 早上\n"
    assert typed(UP + UP + "\r\x04", history=path) == "FIRST LINE\n"
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600


def test_without_a_usable_file_the_history_lasts_as_long_as_the_session(tmp_path):
    (tmp_path / "file").write_text("in the way")
    for path in (None, tmp_path / "file" / "history", tmp_path):
        assert typed("once\r", UP + "\r\x04", history=path) == "ONCE\nONCE\n"
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00+\n+\xff\n")
    assert typed("fine\r\x04", history=tmp_path / "bytes") == "FINE\n"


def test_the_place_of_the_history(monkeypatch):
    monkeypatch.setattr(keyboard.sys, "platform", "linux")
    monkeypatch.setenv("XDG_STATE_HOME", os.sep + "state")
    assert history_path() == Path(os.sep + "state") / "seq2seq" / "history"
    monkeypatch.setattr(Path, "home", lambda: Path("home"))
    for useless in ("relative", ""):
        monkeypatch.setenv("XDG_STATE_HOME", useless)
        assert history_path() == Path("home") / ".local" / "state" / "seq2seq" / "history"
    monkeypatch.setattr(keyboard.sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "local")
    assert history_path() == Path("local") / "seq2seq" / "history"

    def homeless():
        raise RuntimeError("no home")

    monkeypatch.delenv("LOCALAPPDATA")
    monkeypatch.setattr(Path, "home", homeless)
    assert history_path() is None


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        (":", None),
        (":s", [":scores", ":settings"]),
        (":BE", [":beam"]),
        (":attention ", ["on", "off"]),
        (":scores of", ["off"]),
        (":beam ", []),
        ("hello :s", []),
        ("", []),
        (":nothing", []),
    ],
)
def test_completion(line, offered):
    from seq2seq.serving.commands import COMMANDS

    found = [c.text for c in CommandCompleter().get_completions(Document(line), CompleteEvent())]
    assert found == ([c.name for c in COMMANDS] if offered is None else offered)


def test_a_terminal_gets_the_line_editor(monkeypatch, tmp_path):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    out = Terminal()
    made = []
    with create_pipe_input() as pipe:
        pipe.send_text(":beam 2\rhi\r\x04")

        def editor(history):
            made.append(history)
            return prompt_session(history, keys=pipe, screen=DummyOutput())

        monkeypatch.setattr(keyboard, "prompt_session", editor)
        monkeypatch.setenv("NO_COLOR", "1")
        assert talk(Upper(), stdin=Terminal(), stdout=out, stderr=out, history=tmp_path / "history") == 0
    assert made == [tmp_path / "history"]
    for told in (":help", "The beam is 2 wide", "HI"):
        assert told in out.getvalue()


def test_only_a_terminal_needs_prompt_toolkit():
    assert "prompt_toolkit" not in vars(session)
    code = "import sys, seq2seq.serving.session; print('prompt_toolkit' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
