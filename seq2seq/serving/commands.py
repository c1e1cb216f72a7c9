"""The commands of a conversation. To add one, write its function and its line in the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from seq2seq.errors import UserError, nearest
from seq2seq.folders import expanded
from seq2seq.plots.terminal import confidence_legend, shortened

if TYPE_CHECKING:
    from seq2seq.serving.conversation import Conversation

MARK = ":"
WIDEST_BEAM = 100  # memory and time grow with it, and beyond a few dozen translations get worse (Koehn & Knowles 2017)


@dataclass(frozen=True)
class Command:
    """One command.

    Args:
        name: With its colon.
        argument: What follows the name, as shown by `:help`; empty if nothing does.
        summary: What it does, on one line.
        run: Obeys, given the conversation and the argument; returns False to leave.
        choices: The arguments offered by completion.
        alias: A second name.
    """

    name: str
    argument: str
    summary: str
    run: Callable[[Conversation, str], bool]
    choices: tuple[str, ...] = ()
    alias: str = ""


def is_command(line: str) -> bool:
    """Tells whether `line` is meant as a command: it begins with a colon, in its first column."""
    return line.startswith(MARK)


def is_known_command(line: str) -> bool:
    """Tells whether `line` begins with a command that exists."""
    return is_command(line) and line.strip().partition(" ")[0].lower() in _BY_NAME


def find(name: str) -> Command:
    """Returns the command called `name`; case does not count.

    Raises:
        UserError: There is none; the message offers the nearest.
    """
    command = _BY_NAME.get(name.lower())
    if command is None:
        short = shortened(name, 30)
        raise UserError(
            f"There is no command {short!r}.",
            hint=nearest(short, list(_BY_NAME)) + " A blank before the colon makes it text.",
        )
    return command


def _beam(conversation: Conversation, argument: str) -> bool:
    settings = conversation.settings
    settings.beam = _number(":beam", argument)
    told = f"The beam is {settings.beam} wide"
    if settings.mbr:
        settings.mbr = 0
        told += ", and of what it finds the likeliest is shown"
    if settings.nbest > settings.beam:
        settings.nbest = settings.beam
        told += f", so {settings.nbest} translations are shown at most"
    conversation.say(f"{told}.")
    return True


def _mbr(conversation: Conversation, argument: str) -> bool:
    off = argument.strip() == "0"
    conversation.settings.mbr = 0 if off else _number(":mbr", argument, least=2)
    told = f"most like the others of {conversation.settings.mbr} candidates"
    conversation.say(f"The {'likeliest translation' if off else 'one'} is shown{'' if off else ' that is ' + told}.")
    return True


def _nbest(conversation: Conversation, argument: str) -> bool:
    settings = conversation.settings
    settings.nbest = _number(":nbest", argument)
    told = "The best translation is shown" if settings.nbest == 1 else f"The {settings.nbest} best are shown"
    if settings.beam is not None and settings.beam < settings.nbest:
        settings.beam = settings.nbest
        told += f", and the beam is {settings.beam} wide for it"
    conversation.say(f"{told}.")
    return True


def _attention(conversation: Conversation, argument: str) -> bool:
    settings = conversation.settings
    settings.attention = _switch(":attention", argument, before=settings.attention)
    conversation.say(f"Attention is {'shown' if settings.attention else 'not shown'}.")
    return True


def _scores(conversation: Conversation, argument: str) -> bool:
    settings = conversation.settings
    settings.scores = _switch(":scores", argument, before=settings.scores)
    conversation.say(f"Confidence is {'shown' if settings.scores else 'not shown'}.")
    if settings.scores and conversation.coloured:
        conversation.say(confidence_legend())
    return True


def _prefix(conversation: Conversation, argument: str) -> bool:
    conversation.settings.prefix = argument
    conversation.say(f"Translations begin with: {argument}" if argument else "Translations begin as they like.")
    return True


def _glossary(conversation: Conversation, argument: str) -> bool:
    from seq2seq.corpus.files import read_lines
    from seq2seq.text.glossary import parse_glossary

    path = expanded(argument)
    conversation.terms = parse_glossary(read_lines(path), path) if argument else {}
    conversation.settings.glossary = argument
    count = len(conversation.terms)
    told = "1 term is" if count == 1 else f"{count:,} terms are" if count else "No terms are"
    conversation.say(f"{told} laid down.")
    return True


def _settings(conversation: Conversation, argument: str) -> bool:
    settings = conversation.settings
    values = {
        ":beam": "(none)" if settings.beam is None else str(settings.beam),
        ":mbr": str(settings.mbr) if settings.mbr else "(none)",
        ":nbest": str(settings.nbest),
        ":attention": "on" if settings.attention else "off",
        ":scores": "on" if settings.scores else "off",
        ":prefix": settings.prefix or "(none)",
        ":glossary": settings.glossary or "(none)",
    }
    for name, value in values.items():
        conversation.say(f"{name:<10} {value}")
    return True


def _help(conversation: Conversation, argument: str) -> bool:
    table = Table.grid(padding=(0, 2))
    for command in COMMANDS:
        name = f"{command.name} {command.argument}".strip() + (f", {command.alias}" if command.alias else "")
        table.add_row(Text(name, "bold", no_wrap=True), Text(command.summary))
    conversation.say(table)
    conversation.say("Anything else is translated. A blank before the colon makes a line text.")
    return True


def _quit(conversation: Conversation, argument: str) -> bool:
    return False


def _number(name: str, argument: str, *, least: int = 1) -> int:
    if argument.isascii() and argument.isdecimal() and len(argument) < 9 and least <= int(argument) <= WIDEST_BEAM:
        return int(argument)
    given = repr(shortened(argument, 30)) if argument else "nothing"
    raise UserError(
        f"{name} takes a whole number from {least} to {WIDEST_BEAM}, and was given {given}.",
        hint=f"For instance: {name} 5",
    )


def _switch(name: str, argument: str, *, before: bool) -> bool:
    if not argument:
        return not before
    if argument.lower() in {"on", "off"}:
        return argument.lower() == "on"
    given = repr(shortened(argument, 30))
    raise UserError(f"{name} takes on or off, and was given {given}.", hint="Without either it changes over.")


COMMANDS = (
    Command(
        ":beam", "N", "follow N translations at the same time, and show the likeliest; 1 is fastest, 5 is usual", _beam
    ),
    Command(":mbr", "N", "take the one of N candidates that is most like the others; 0: the likeliest", _mbr),
    Command(":nbest", "N", "show the N best translations with their scores", _nbest),
    Command(":attention", "[on|off]", "show which source tokens each token was made from", _attention, ("on", "off")),
    Command(":scores", "[on|off]", "show the tokens, coloured by confidence", _scores, ("on", "off")),
    Command(":prefix", "[TEXT]", "make translations begin with TEXT; alone: no longer", _prefix),
    Command(":glossary", "[FILE]", "translate the terms of FILE as it says; alone: no longer", _glossary),
    Command(":settings", "", "show how these are set", _settings),
    Command(":help", "", "show this list", _help, alias=":h"),
    Command(":quit", "", "leave; so does Ctrl-D", _quit, alias=":q"),
)
_BY_NAME = {name: command for command in COMMANDS for name in (command.name, command.alias) if name}
