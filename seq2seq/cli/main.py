"""The entry point: a table of commands, each imported only when it is called.

A command called `name` is a function `name` in `seq2seq/cli/name.py`; where that module has `EXAMPLES`, a sequence of
(command line, what it does), they close its `--help`. `seq2seq --help` reads the table here and imports no command.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from seq2seq import console
from seq2seq.errors import Seq2SeqError, UserError, WorkError, is_out_of_memory, nearest
from seq2seq.launch import launched, refuse_several

# name: what it does, in the order of a first day's use.
COMMANDS: Mapping[str, str] = {
    "demo": "Train a small English-French translator on the built-in phrases, in minutes.",
    "inspect": "Look for what would spoil a training: slipped lines, wrong languages, leaked test sentences.",
    "prepare": "Check a corpus, choose settings for its size and store it ready to train.",
    "train": "Train a translator, or go on where an earlier training stopped.",
    "finetune": "Go on training a translator on new text, without forgetting the old.",
    "tune": "Choose how translations are searched for, on the development set.",
    "translate": "Translate a file or standard input, line by line.",
    "evaluate": "Score a translator on a test set, with signatures and intervals.",
    "score": "Say how likely a model holds given translations, line by line.",
    "repl": "Translate as you type.",
    "distill": "Teach one fast model what several, or a slower one, know.",
    "backtranslate": "Make sentence pairs of text in the target language alone.",
    "export": "Write a model as ONNX graphs, which translate fast and without torch.",
    "info": "Show what a run or a bundle holds.",
    "neighbours": "Show which words a model holds for alike, and draw a map of them.",
    "recipes": "List the recipes that ship with the package.",
}
EXAMPLES = (
    ("seq2seq demo", "see the whole way in a few minutes"),
    ("seq2seq prepare --source my.en --target my.fr --run runs/mine", "your own sentence pairs"),
    ("seq2seq train runs/mine", "train; after an interruption go on with --resume"),
    ("seq2seq translate runs/mine < new.en > new.fr", "translate a file"),
)
# The commands that torchrun may start several times at once.
SEVERAL_TIMES = ("train", "translate")
# Which extra of the package brings which library.
EXTRA_OF: Mapping[str, str] = {
    "torch": "train",
    "onnx": "train",
    "datasets": "train",
    "pyarrow": "train",
    "matplotlib": "train",
    "sklearn": "train",
    "tomlkit": "train",
    "jaxtyping": "train",
    "zstandard": "train",
    "tensorboard": "tensorboard",
}
# Failures of reading and writing that are no bug of ours: the system's own words say what is wrong.
OF_THE_MACHINE = frozenset(
    {
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EIO,
        errno.EISDIR,
        errno.ENOTDIR,
        errno.EEXIST,
        errno.ENAMETOOLONG,
        errno.EFBIG,
        errno.ELOOP,
    }
)


class LazyGroup(TyperGroup):
    """Shows every command from the table, imports the one that is called, and turns errors into exit codes."""

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> tuple[str | None, Any, list[str]]:  # type: ignore[override]
        """Replaces the table's entry with the real command; a wrong name is answered with the nearest."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            ctx.fail(f"There is no command {args[0]!r}. {nearest(args[0], list(COMMANDS))}")
        name, _, rest = super().resolve_command(ctx, args)
        if name and name not in SEVERAL_TIMES:
            _refuse_several(name)
        return name, load_command(name) if name else None, rest

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]  # noqa: ANN401
        """Runs the command; errors made for people are shown without a traceback, others are bugs and pass through."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()  # a reader that left is noticed here, not at the interpreter's end
            return result
        except Seq2SeqError as error:
            _fail(error)
        except ModuleNotFoundError as error:
            extra = EXTRA_OF.get((error.name or "").partition(".")[0])
            if extra is None:
                raise
            _fail(_missing(error.name or "", extra))
        except KeyboardInterrupt:
            console.say("interrupted")
            raise typer.Exit(130) from None
        except BrokenPipeError:
            _silence_stdout()
            raise typer.Exit(1) from None
        except OSError as error:
            if error.errno not in OF_THE_MACHINE:
                raise
            _fail(_failed(error))


def _refuse_several(name: str) -> None:
    launch = launched()
    if launch.rank:  # the first process tells; torchrun ends it as soon as another one has ended
        time.sleep(2)
        raise typer.Exit(UserError.exit_code)
    refuse_several(name, launch)


def _fail(error: Seq2SeqError) -> NoReturn:
    console.show_error(error)
    raise typer.Exit(error.exit_code)


def _missing(module: str, extra: str) -> UserError:
    return UserError(
        f"This command needs {module}, which is not installed.", hint=f'Run: pip install "seq2seq[{extra}]"'
    )


def _failed(error: OSError) -> WorkError:
    place = f"{error.filename}: " if error.filename else ""
    return WorkError(f"{place}{error.strerror}.", hint="Check the path, its permissions and the space on the disk.")


def _silence_stdout() -> None:
    """Points stdout at nothing, so that the interpreter's own flush at exit does not complain a second time."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def load_command(name: str) -> Any:  # noqa: ANN401 - typer's own command class, which has no public name
    """Imports `seq2seq/cli/<name>.py` and returns its function as a typer command."""
    module = import_module(f"seq2seq.cli.{name}")
    single = typer.Typer(add_completion=False, rich_markup_mode="rich")
    function = getattr(module, name)
    epilog = _epilog(getattr(module, "EXAMPLES", ()))
    single.command(name, help=_unwrapped(function.__doc__ or ""), epilog=epilog, short_help=COMMANDS[name])(function)
    return typer.main.get_command(single)


def _unwrapped(text: str) -> str:
    """Returns a docstring's paragraphs each on one line: the help page breaks them where its own width is."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _epilog(examples: Sequence[tuple[str, str]]) -> str | None:
    """Returns examples for the end of a help page, the command lines untouched by markup."""
    if not examples:
        return None
    # A backslash before "[" keeps rich from reading it as markup (rich.markup.escape, without importing rich).
    lines = [f"  {line}\n      {what}".replace("[", r"\[") for line, what in examples]
    return "[bold]Examples[/]\n" + "\n".join(lines)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"seq2seq {_installed_version()}\n")
        raise typer.Exit


def _installed_version() -> str:
    from seq2seq.versions import version_of

    return version_of() or "(not installed)"


def _main(
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    """Train a private, offline translator on your own sentence pairs, and run it fast on a plain CPU."""


def make_app() -> typer.Typer:
    """Returns the typer application, every command in its table and none imported."""
    # pretty_exceptions_enable=False: a bug shows Python's own traceback, which can be pasted into a report.
    app = typer.Typer(
        cls=LazyGroup,
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        epilog=_epilog(EXAMPLES),
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_main)
    for name, summary in COMMANDS.items():
        app.command(name, help=summary)(_stub)
    return app


def _stub() -> None:
    """Stands for a command in the listing; `LazyGroup` replaces it before anything runs."""


def run(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line (or `arguments`) and exits: 0 done, 1 the work failed, 2 wrong input, 130 interrupted."""
    console.use_utf8()
    try:
        make_app()(args=None if arguments is None else list(arguments), prog_name="seq2seq")
    except Exception as error:
        if is_out_of_memory(error):
            _out_of_memory(error)
        _report_bug()


def _out_of_memory(error: Exception) -> NoReturn:
    told = WorkError("There is not enough memory.", hint="Close other programs, or make training.batch_tokens smaller.")
    if type(error).__name__ == "OutOfMemoryError" or "CUDA" in str(error):
        told = WorkError(
            "There is not enough memory on the GPU.",
            hint="End other programs that use it, make training.batch_tokens smaller, or use --device cpu.",
        )
    console.show_error(told)
    sys.exit(1)


def _report_bug() -> NoReturn:
    """Shows the traceback under way, which nobody but us can mend, and what a report of it needs."""
    import platform
    import traceback

    traceback.print_exc()
    console.say(
        "This is a bug in seq2seq, and not your mistake. Please report it with the lines above, the command that you "
        f"ran, and this line:\nseq2seq {_installed_version()}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}"
    )
    sys.exit(1)
