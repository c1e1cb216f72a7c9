"""What a vocabulary cannot be: another than the one that is taken over, or larger than its text supports."""

from __future__ import annotations

from seq2seq import console
from seq2seq.bundle import RunFolder
from seq2seq.errors import UserError
from seq2seq.recipe.schema import Recipe
from seq2seq.text.pairs import TokenizerPair, plain

SMALL = 400
"""The smallest vocabulary that is recommended: 260 of its ids are bytes and special ones."""
TOO_MANY_TIMES = 2
"""Who asks for so many times what the text gives has not looked at the text, or has given the wrong file."""


def check_text(run: RunFolder, before: Recipe, now: Recipe) -> None:
    """Makes sure that no other vocabulary is asked for than that of the run whose vocabulary is taken over.

    Args:
        run: That run.
        before: Its recipe.
        now: What is asked for.

    Raises:
        UserError: Another is.
    """
    for key in now.text.__struct_fields__:
        if getattr(now.text, key) != getattr(before.text, key):
            raise UserError(
                f"text.{key} cannot change: the vocabulary is that of {run.path}.",
                hint="Leave it out, or make a run with it, to be named with --of: seq2seq prepare … --set "
                f"text.{key}=…",
            )


def report_size(tokenizers: TokenizerPair, *, asked: int, by_hand: bool = True) -> None:
    """Compares the vocabularies with the `text.vocabulary_size` that was asked for.

    Words and characters are what the text has, and the setting is their bound: fewer is said and no more. Subwords fall
    short only where each frequent word is one piece, which leaves little to learn from: that is a warning, and where
    not even half of the ids can be filled, the setting is a mistake. A size that was chosen for a person is neither: it
    suits texts with so many pairs, and this one has few different words. The run's manifest holds the true size.

    Args:
        tokenizers: What was learned.
        asked: The setting.
        by_hand: Whether a person set it.

    Raises:
        UserError: The text supports less than half of the subwords that a person asked for.
    """
    sides = {"training": tokenizers.source}
    if not tokenizers.joint:
        sides = {"source": tokenizers.source, "target": tokenizers.target}
    for side, tokenizer in sides.items():
        size = plain(tokenizer).vocabulary_size
        if size >= asked:
            continue
        if tokenizer.name == "sentencepiece" and by_hand:
            fewer = f"--set text.vocabulary_size={min(max(size // 2, SMALL), size)}"
            found = f"text.vocabulary_size = {asked:,} is more than the {side} text supports"
            if asked > TOO_MANY_TIMES * size:
                raise UserError(f"{found}: it gives {size:,} subwords.", hint=f"Ask for fewer, for instance {fewer}.")
            console.warn(f"{found}: the vocabulary has {size:,} ids. Fewer may translate better: try {fewer}.")
        else:
            console.say(f"The {side} text has {size:,} ids; text.vocabulary_size = {asked:,} leaves room for more.")
