"""seq2seq: train a private, offline translator on your own sentence pairs, and run it fast on a plain CPU.

For instance `seq2seq.load("runs/demo").translate("I drink milk.").text`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seq2seq.translating.translation import Scored, Translation
    from seq2seq.translator import Translator, load

__all__ = ["Scored", "Translation", "Translator", "load"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    """Imports the public names when they are first used: importing the package alone costs nothing."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from seq2seq import translator

    return getattr(translator, name)
