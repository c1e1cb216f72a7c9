"""What is answered to each line: a translation, or what a command did. The loop is in `session`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import ArrayLike
from rich.console import Console, RenderableType
from rich.text import Text

from seq2seq.errors import Seq2SeqError
from seq2seq.plots.characters import printable
from seq2seq.plots.terminal import AttentionGrid, confidence_text
from seq2seq.serving.commands import find, is_command
from seq2seq.text.blank import is_blank


class Translated(Protocol):
    """What a conversation shows of a translation."""

    text: str
    score: float
    source_tokens: list[str]
    tokens: list[str]
    token_log_probs: list[float]
    attention: ArrayLike | None
    nbest: Sequence[Any]  # of Translated, best first


class Translates(Protocol):
    """What a conversation asks of a translator."""

    def translate(
        self,
        text: str,
        *,
        nbest: int,
        prefix: str,
        attention: bool,
        beam: int | None = None,
        glossary: Mapping[str, str] | None = None,
        mbr: int | None = None,
    ) -> Any:  # noqa: ANN401
        """Returns the `Translated` of one sentence."""


@dataclass
class Settings:
    """What the commands change.

    Args:
        beam: Translations followed at the same time; 1 is greedy. None: the model's own search, which follows none.
        nbest: Translations shown.
        attention: Whether a heat map follows each.
        scores: Whether the tokens follow, coloured by confidence.
        prefix: How each translation is made to begin.
        glossary: The file of the terms whose translation is laid down.
        mbr: Candidates that are compared with each other; 0: the likeliest is shown.
    """

    beam: int | None = None
    nbest: int = 1
    attention: bool = False
    scores: bool = False
    prefix: str = ""
    glossary: str = ""
    mbr: int = 0


class Conversation:
    """Answers lines on a console, and survives every one of them.

    Args:
        translator: Translates one sentence.
        console: Where answers go. One that records (`Console(record=True)`) can export the conversation as a picture.
        errors: Where messages about failures go; the same console if None. With a console of its own, an empty line
            takes the answer's place, so that there are as many answers as lines.
        beam: Settings to begin with; likewise `nbest`, `attention`, `scores` and `prefix`.
        nbest: See `Settings`.
        attention: See `Settings`.
        scores: See `Settings`.
        prefix: See `Settings`.
        mbr: See `Settings`.
        max_characters: A longer line is refused: time and memory grow with it, and it is hardly one sentence.
    """

    def __init__(
        self,
        translator: Translates,
        console: Console,
        *,
        errors: Console | None = None,
        beam: int | None = None,
        nbest: int = 1,
        attention: bool = False,
        scores: bool = False,
        prefix: str = "",
        mbr: int = 0,
        max_characters: int = 10_000,
    ) -> None:
        self.translator = translator
        self.console = console
        self.errors = errors or console
        self.settings = Settings(beam and max(beam, nbest), nbest, attention, scores, prefix, mbr=mbr)
        self.terms: Mapping[str, str] = {}
        self._usual_mbr = mbr
        self.max_characters = max_characters

    def reply(self, line: str) -> bool:
        """Answers one line.

        Args:
            line: Text to translate, or a command if it begins with a colon. A blank before the colon makes it text.

        Returns:
            False if the line asked to leave.

        Raises:
            BrokenPipeError: Nobody reads the answers any more. Nothing else is raised, whatever the line.
        """
        try:
            if is_command(line):
                name, _, argument = line.strip().partition(" ")
                return find(name).run(self, argument.strip())
            if not is_blank(line):
                self._translate(line.strip())
        except BrokenPipeError:
            raise
        except Seq2SeqError as error:
            self.complain(error.message, error.hint)
        except Exception as error:  # the conversation outlives whatever a line brings to light
            self.complain(f"This line could not be translated: {type(error).__name__}: {error}")
        return True

    def say(self, what: RenderableType) -> None:
        """Prints an answer; text as it is, on one line however long, so that it can be copied."""
        if isinstance(what, str):
            what = Text(printable(what))
        if isinstance(what, Text):
            self.console.print(what, soft_wrap=True)
        else:
            self.console.print(what)

    def complain(self, message: str, hint: str = "") -> None:
        """Prints what went wrong and what to do about it."""
        if self.errors is not self.console:
            self.console.print()
        told = Text.assemble((printable(message), "bold red"), " " if hint else "", printable(hint))
        self.errors.print(told, soft_wrap=True)

    @property
    def coloured(self) -> bool:
        """Whether the console shows styles."""
        return self.console.color_system is not None and not self.console.no_color

    def _translate(self, text: str) -> None:
        if len(text) > self.max_characters:
            self.complain(
                f"This line has {len(text):,} characters; at most {self.max_characters:,} are translated at a time.",
                "Give it sentence by sentence.",
            )
            return
        asked = self.settings
        more: dict[str, Any] = {"glossary": self.terms} if self.terms else {}
        if asked.beam is not None:  # which also names the search
            more |= {"beam": asked.beam, "mbr": asked.mbr}
        elif asked.mbr != self._usual_mbr:
            more["mbr"] = asked.mbr
        best: Translated = self.translator.translate(
            text, nbest=asked.nbest, prefix=asked.prefix, attention=asked.attention, **more
        )
        shown: Sequence[Translated] = list(best.nbest)[: asked.nbest] if asked.nbest > 1 and best.nbest else [best]
        for rank, translation in enumerate(shown, 1):
            before = f"{rank}  {translation.score:.3f}  " if asked.nbest > 1 else ""
            self.say(Text.assemble((before, "dim"), (printable(translation.text), "bold")))
            self._explain(translation)

    def _explain(self, translation: Translated) -> None:
        """Shows what was asked for beside the text."""
        if self.settings.scores:
            tokens, log_probs = translation.tokens, translation.token_log_probs
            self.say(confidence_text(tokens, log_probs, legend=False, colour=self.coloured))
        if self.settings.attention and translation.attention is None:
            self.say(Text("(this translator has no attention to show)", "dim"))
        elif self.settings.attention and translation.attention is not None:
            self.say(AttentionGrid(translation.source_tokens, translation.tokens, translation.attention))
