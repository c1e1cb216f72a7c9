"""Errors that carry what a person needs: where, what rule, what was found, and what to do next.

Two kinds reach the command line. `UserError` (exit code 2): the input was wrong, and the user can mend it.
`WorkError` (exit code 1): the input was right and the work failed. Neither shows a traceback.
"""

from __future__ import annotations

from typing import Final, Self

SENTENCE: Final = "{sentence}"
"""Where the message of an `OfSentenceError` names the sentence."""


class Seq2SeqError(Exception):
    """Base of every error this package raises on purpose.

    Args:
        message: What happened: names the file, line, setting or value and the rule it broke.
        hint: What to do next, as an instruction; empty where nothing useful can be said.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class UserError(Seq2SeqError):
    """The user's input was wrong: a file, a name, a setting. Exit code 2."""

    exit_code = 2


class WorkError(Seq2SeqError):
    """The input was right, and the work failed all the same. Exit code 1."""

    exit_code = 1


OUT_OF_MEMORY = ("DefaultCPUAllocator", "CUDA error: out of memory", "_STATUS_ALLOC_FAILED")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that memory ran out: of torch's errors by the type's name, or, where it has none, by words.

    So that who asks need not import torch.
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in OUT_OF_MEMORY)


class OfSentenceError(Seq2SeqError):
    """One sentence of several is to blame. A search counts the rows of its batch; only who made that knows the line.

    Args:
        message: What happened, with "{sentence}" where the sentence is named.
        sentence: Its number, as the one who raises this counts.
        hint: See `Seq2SeqError`.
    """

    def __init__(self, message: str, *, sentence: int, hint: str = "") -> None:
        name = f"{'Sentence' if message.startswith(SENTENCE) else 'sentence'} {sentence}"
        super().__init__(message.replace(SENTENCE, name), hint=hint)
        self.sentence = sentence
        self._template = message

    def of(self, sentence: int) -> Self:
        """Returns the same of another number: as the one who catches this counts."""
        return type(self)(self._template, sentence=sentence, hint=self.hint)

    def at(self, place: str) -> Self:
        """Returns the same with a place, as "new.en, line 3", instead of a number."""
        told = self._template[:1].lower() + self._template[1:]
        return type(self)(f"{place}: {told.replace(SENTENCE, 'the sentence')}", sentence=self.sentence, hint=self.hint)


class SentenceError(OfSentenceError, UserError):
    """A sentence was wrong, or what was asked for leaves no translation of it."""


class SentenceWorkError(OfSentenceError, WorkError):
    """The work failed at a sentence."""


def nearest(name: str, known: list[str]) -> str:
    """Returns a sentence that offers the known name closest to `name`, or lists what there is."""
    import difflib

    folded = {k.lower().replace("_", "-"): k for k in known}
    close = difflib.get_close_matches(name.lower().replace("_", "-"), list(folded), n=1, cutoff=0.6)
    if close:
        return f"Did you mean {folded[close[0]]!r}?"
    return f"Known: {', '.join(known)}." if known else ""
