"""The frame of the command line: the table of commands, errors and exit codes, streams, progress, `recipes`."""

from __future__ import annotations

import errno
import io
import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path, PureWindowsPath
from types import ModuleType

import numpy as np
import pytest

from seq2seq import console
from seq2seq.cli import main
from seq2seq.cli.options import DeviceOption, ModelArgument, SetOption, ThreadsOption
from seq2seq.errors import UserError, WorkError

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "pandas", "datasets", "sacrebleu", "numpy", "sentencepiece", "onnxruntime", "msgspec", "tomlkit")


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch):
    for name in ("FORCE_COLOR", "GITHUB_ACTIONS", "PY_COLORS", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    cached = (console.messages, console.output)  # a test may put something else in their place
    for function in cached:
        function.cache_clear()
    yield
    for function in cached:
        function.cache_clear()


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    return subprocess.run(
        [sys.executable, *arguments], check=False, capture_output=True, encoding="utf-8", env=environment
    )


@pytest.fixture
def call(monkeypatch, capsys):
    """Runs `seq2seq probe ...`, where the command `probe` is the given function; returns (code, stdout, stderr)."""

    def runner(function, *arguments: str, examples: tuple[tuple[str, str], ...] = ()):
        module = ModuleType("seq2seq.cli.probe")
        module.probe = function
        module.EXAMPLES = examples
        monkeypatch.setitem(sys.modules, "seq2seq.cli.probe", module)
        monkeypatch.setattr(main, "COMMANDS", {**main.COMMANDS, "probe": "A command of the tests."})
        with pytest.raises(SystemExit) as caught:
            main.run(["probe", *arguments])
        streams = capsys.readouterr()
        return caught.value.code or 0, streams.out, streams.err

    return runner


def test_help_lists_every_command_and_imports_nothing_heavy():
    script = (
        "import sys\nfrom seq2seq.cli.main import run\n"
        "try:\n    run(['--help'])\nexcept SystemExit as end:\n    assert not end.code\n"
        f"sys.stderr.write(','.join(set(sys.modules) & {set(HEAVY)!r}))"
        "\nsys.stderr.write(','.join(m for m in sys.modules if m.startswith('seq2seq.cli.') and m[12:] != 'main'))"
    )
    done = python("-c", script)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for name in main.COMMANDS:
        assert f"│ {name} " in done.stdout
    assert "Examples" in done.stdout
    assert "seq2seq translate runs/mine < new.en > new.fr" in done.stdout
    assert "\x1b" not in done.stdout


def test_the_module_runs_too():
    done = python("-m", "seq2seq", "recipes", "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    listed = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    demo = next(one for one in listed if one["name"] == "demo")
    assert demo["languages"] == "en-fr"
    assert demo["minutes"] == 2.7
    assert Path(demo["path"]).is_file()
    assert {"vocabulary_size", "encoder_size", "decoder_layers", "description"} <= set(demo)


def test_recipes_in_a_pipe_are_lines_with_tabs(capsys):
    with pytest.raises(SystemExit):
        main.run(["recipes"])
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert min(len(row) for row in rows) == 4  # name, languages, time, description, then any scores
    assert ["demo", "en-fr"] in [row[:2] for row in rows]
    assert "14,500 updates" in next(row for row in rows if row[0] == "multi30k-en-de-best")


def test_recipes_on_a_terminal_are_a_table(capsys, monkeypatch):
    from rich.console import Console

    monkeypatch.setattr(console, "output", lambda: Console(force_terminal=True, color_system=None, width=160))
    with pytest.raises(SystemExit):
        main.run(["recipes"])
    text = capsys.readouterr().out
    assert "vocabulary" in text
    assert "2 x 256" in text
    assert "38 min" in text
    assert "10 epochs" in text


def test_version(capsys):
    with pytest.raises(SystemExit) as caught:
        main.run(["--version"])
    assert not caught.value.code
    assert capsys.readouterr().out.startswith("seq2seq ")


def test_a_wrong_command_is_answered_with_the_nearest(capsys):
    with pytest.raises(SystemExit) as caught:
        main.run(["trian"])
    assert caught.value.code == 2
    assert "There is no command 'trian'. Did you mean 'train'?" in capsys.readouterr().err


def test_a_wrong_option_is_a_usage_error(call):
    code, out, err = call(lambda: None, "--nothing")
    assert (code, out) == (2, "")
    assert "--nothing" in err


@pytest.mark.parametrize(("kind", "code"), [(UserError, 2), (WorkError, 1)])
def test_errors_for_people_have_no_traceback(call, kind, code):
    def probe() -> None:
        raise kind("my [bold].en, line 3: empty.", hint="Fill it.")

    assert call(probe) == (code, "", "error: my [bold].en, line 3: empty.\nFill it.\n")


def test_what_can_be_pasted_is_quoted_as_the_systems_shell_reads_it(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    assert console.quoted("train", Path("my runs/a"), "--resume") == "train 'my runs/a' --resume"
    monkeypatch.setattr(sys, "platform", "win32")
    assert console.quoted("train", PureWindowsPath("runs/a"), "--resume") == r"train runs\a --resume"
    assert console.quoted(PureWindowsPath("C:/my runs/a")) == r'"C:\my runs\a"'


def test_an_error_without_a_hint_is_one_line(call):
    def probe() -> None:
        raise WorkError("It failed.")

    assert call(probe)[2] == "error: It failed.\n"


def assert_reported(code: int, out: str, err: str, *, error: str) -> None:
    assert code == 1
    assert out == ""
    assert "Traceback (most recent call last):" in err
    assert error in err
    told = err[err.index(error) :]
    assert "Please report it" in told
    assert f"seq2seq {version('seq2seq')}, Python {platform.python_version()}" in told


def test_a_bug_shows_its_traceback_and_what_a_report_needs(call):
    def probe() -> None:
        raise ZeroDivisionError("a bug")

    assert_reported(*call(probe), error="ZeroDivisionError: a bug")


def test_an_error_of_the_system_that_no_user_makes_is_a_bug(call):
    def probe() -> None:
        raise OSError(errno.EBADF, "Bad file descriptor")

    assert_reported(*call(probe), error="Bad file descriptor")


class OutOfMemoryError(RuntimeError):
    """Called as torch's is, which this command line does not import."""


CPU_ALLOCATOR = "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory"


@pytest.mark.parametrize(
    ("error", "where"),
    [
        (MemoryError(), "."),
        (RuntimeError(CPU_ALLOCATOR), "."),
        (OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), " on the GPU."),
        (RuntimeError("CUDA error: out of memory"), " on the GPU."),
    ],
    ids=lambda value: str(value)[:12],
)
def test_too_little_memory_is_no_bug(call, error, where):
    def probe() -> None:
        raise error

    code, _, err = call(probe)
    assert code == 1
    assert err.startswith(f"error: There is not enough memory{where}\n")
    assert "Traceback" not in err


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EACCES, errno.EROFS])
def test_what_the_system_refuses_names_the_file(call, number):
    def probe() -> None:
        raise OSError(number, os.strerror(number), "runs/mine")

    code, _, err = call(probe)
    assert code == 1
    assert err.startswith(f"error: runs/mine: {os.strerror(number)}.")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("module", "extra"), [("torch", "train"), ("torch.nn", "train"), ("tensorboard", "tensorboard")]
)
def test_a_missing_extra_says_what_to_install(call, module, extra):
    def probe() -> None:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    code, _, err = call(probe)
    assert code == 2
    assert f"This command needs {module}, which is not installed." in err
    assert f'pip install "seq2seq[{extra}]"' in err


def test_another_missing_module_is_a_bug(call):
    def probe() -> None:
        raise ModuleNotFoundError("No module named 'ours'", name="ours")

    assert_reported(*call(probe), error="ModuleNotFoundError: No module named 'ours'")


def test_an_interrupt_is_130_and_a_word(call):
    def probe() -> None:
        raise KeyboardInterrupt

    assert call(probe) == (130, "", "interrupted\n")


def test_a_reader_that_leaves_is_no_error():
    script = (
        "import sys, types\nfrom seq2seq.cli import main\n"
        "def probe():\n    for _ in range(100000): sys.stdout.write('line\\n')\n"
        "module = types.ModuleType('seq2seq.cli.probe'); module.probe = probe\n"
        "sys.modules['seq2seq.cli.probe'] = module; main.COMMANDS = {'probe': 'x'}\nmain.run(['probe'])\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout and process.stderr
        assert process.stdout.readline().strip() == b"line"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1


def test_shared_options(call):
    seen = []

    def probe(run: ModelArgument, device: DeviceOption = "auto", threads: ThreadsOption = 0, changes: SetOption = None):
        seen.append((run, device, threads, changes))

    given = ["runs/x", "--device", "cpu", "--threads", "2", "--set", "a.b=1", "--set", "c.d=x=y"]
    assert call(probe, *given)[0] == 0
    assert seen == [(Path("runs/x"), "cpu", 2, ["a.b=1", "c.d=x=y"])]
    assert call(probe, "runs/x", "--device", "tpu")[0] == 2
    assert call(probe, "runs/x", "--threads", "-1")[0] == 2


def test_examples_close_the_help_untouched_by_markup(call):
    _, out, _ = call(lambda: None, "--help", examples=(("seq2seq probe --set 'x=[1]'", "what [bold] it does"),))
    assert "seq2seq probe --set 'x=[1]'\n" in "\n".join(line.strip() + "\n" for line in out.splitlines())
    assert "what [bold] it does" in out


def test_every_help_of_the_table_is_one_sentence():
    assert all(summary.endswith(".") for summary in main.COMMANDS.values())


def test_results_go_to_stdout_and_messages_to_stderr(capsys):
    console.output().print("a result")
    console.say("a message of [bold]any[/bold] length " + "x" * 200)
    console.warn("careful")
    streams = capsys.readouterr()
    assert streams.out == "a result\n"
    assert streams.err == "a message of [bold]any[/bold] length " + "x" * 200 + "\nwarning: careful\n"


def test_quoted_text_cannot_steer_the_terminal(capsys):
    console.show_error(UserError("found '\x1b[2J\x07'."))
    assert capsys.readouterr().err == "error: found '�[2J�'.\n"


@pytest.mark.parametrize("forced", [False, True])
def test_messages_say_what_they_quote(monkeypatch, capsys, forced):
    if forced:
        monkeypatch.setenv("FORCE_COLOR", "1")
    text = "x:id:y 5\u202f000\u00a0km می\u200cخواهم क्\u200dष \u200fא\u200e a\u00adb :smile: \u3000"
    console.say(text)
    console.output().print(text, markup=False, soft_wrap=True)
    captured = capsys.readouterr()
    assert (captured.err, captured.out) == (f"{text}\n", f"{text}\n")
    console.say("a\x9b2Jb\x85c\u2028d\u2029e\x7ff\rg\ud83dh")
    assert capsys.readouterr().err == "a�2Jb�c�d�e�f�g�h\n"


def test_json_is_one_line_and_knows_numpy_paths_and_dataclasses(capsys):
    @dataclass
    class Point:
        x: float

    console.emit_json({"a": np.float32(0.5), "b": np.arange(2), "c": Path("d") / "e", "f": Point(1.0), "g": "é\n"})
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert "é" in out
    assert json.loads(out) == {"a": 0.5, "b": [0, 1], "c": str(Path("d") / "e"), "f": {"x": 1.0}, "g": "é\n"}
    with pytest.raises(TypeError, match="object"):
        console.emit_json(object())


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_progress_in_a_log_is_a_plain_line_at_most_every_half_minute(capsys):
    clock = Clock()
    with console.Progress("translating", 1000, unit="sentences", clock=clock) as progress:
        for _ in range(10):  # 100 seconds, 100 sentences each ten
            clock.now += 10
            progress.advance(100)
    assert capsys.readouterr().err.splitlines() == [
        "translating: 300/1,000 sentences, 30 %, 10/s, 1:10 left",
        "translating: 600/1,000 sentences, 60 %, 10/s, 0:40 left",
        "translating: 900/1,000 sentences, 90 %, 10/s, 0:10 left",
        "translating: 1,000/1,000 sentences, 100 %, 10/s",
    ]


def test_short_work_is_silent_in_a_log(capsys):
    with console.Progress("quick", 2) as progress:
        progress.advance()
        progress.advance()
    assert capsys.readouterr().err == ""


def test_progress_without_a_total_gives_count_rate_and_note(capsys):
    clock = Clock()
    with console.Progress("reading", unit="lines", clock=clock) as progress:
        clock.now = 40.0
        progress.update(20, note="3 dropped")
    assert capsys.readouterr().err.splitlines() == ["reading: 20 lines, 0.5/s, 3 dropped"] * 2


def test_progress_on_a_terminal_is_a_bar_with_figures(monkeypatch):
    from rich.console import Console

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(console, "messages", lambda: Console(file=screen, force_terminal=True, width=120))
    clock = Clock()
    with console.Progress("training", 4000, unit="updates", clock=clock) as progress:
        clock.now = 100.0
        progress.update(3000, note="loss 2.1")
    assert "training" in screen.getvalue()
    assert "3,000/4,000 updates, 75 %, 30/s, 0:33 left, loss 2.1" in screen.getvalue()


def test_a_forced_colour_does_not_make_a_log_a_terminal(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with console.Progress("quick", 2) as progress:
        progress.advance()
    assert capsys.readouterr().err == ""


def test_no_colour_is_respected(monkeypatch):
    from rich.console import Console

    screen = io.StringIO()
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(console, "messages", lambda: Console(file=screen, force_terminal=True))
    console.warn("careful")
    assert "\x1b[33m" not in screen.getvalue()
    assert "warning: careful" in screen.getvalue()


def test_hours_are_shown(capsys):
    clock = Clock()
    with console.Progress("long", 1000, clock=clock, interval_seconds=0) as progress:
        clock.now = 10.0
        progress.update(1)
    assert "2:46:30 left" in capsys.readouterr().err


def test_the_time_left_follows_the_last_minutes_and_no_pause(capsys):
    clock = Clock()
    with console.Progress("training", 10_000, unit="updates", clock=clock) as progress:
        progress.start_from(1000)
        for update in range(1001, 2001):  # ten a second
            clock.now += 0.1
            progress.update(update)
        assert progress._figures() == "2,000/10,000 updates, 20 %, 10/s, 13:20 left"
        clock.now += 3600  # stopped, and gone on with for some minutes
        for update in range(2001, 6001):
            clock.now += 0.1
            progress.update(update)
        assert progress._figures() == "6,000/10,000 updates, 60 %, 10/s, 6:40 left"
        for update in range(6001, 7001):  # another works on the machine
            clock.now += 0.4
            progress.update(update)
        assert progress._figures() == "7,000/10,000 updates, 70 %, 2.5/s, 20:00 left"
    assert len(progress._marks) == console.RECENT_MARKS


def test_the_time_left_counts_the_looks_in_between(capsys):
    clock = Clock()
    with console.Progress("training", 20_000, unit="updates", clock=clock) as progress:
        for update in range(1, 5001):  # a look of 500 seconds each 100 updates of 5 seconds
            clock.now += 5 if update % 100 else 505
            progress.update(update)
        assert ", 0.1/s, 41:" in progress._figures()
    capsys.readouterr()


def test_what_is_quoted_cannot_turn_the_message_round(capsys):
    console.say("a\u202eb\u2066c\u200fd\u00a0e")
    assert capsys.readouterr().err == "a�b�c\u200fd\u00a0e\n"


def test_half_a_surrogate_pair_is_no_reason_to_say_nothing(capsys):
    console.emit_json({"a": "x \ud83d y"})
    assert json.loads(capsys.readouterr().out) == {"a": "x ? y"}


@pytest.mark.parametrize("closed", [">&-", "<&-", "2>&-", ">&- 2>&- <&-"])
def test_streams_that_the_caller_closed_are_empty_and_read_by_nobody(closed):
    command = f"{sys.executable} -m seq2seq recipes {closed}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_name_that_nobody_has_is_a_path_like_any_other():
    from seq2seq.recipe.catalog import find_recipe

    with pytest.raises(UserError, match=r"There is no recipe at ~nobody-of-this-name/recipe\.toml"):
        find_recipe("~nobody-of-this-name/recipe.toml")
