"""The new text: how it is read, and what it is in numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from seq2seq import console
from seq2seq.bundle import Bundle
from seq2seq.bundle_facts import LearnedText
from seq2seq.corpus.filters import count_words
from seq2seq.corpus.pair import Pair
from seq2seq.errors import UserError
from seq2seq.pipeline.prepare import cleaning
from seq2seq.pipeline.prepare.sampled import sampled
from seq2seq.pipeline.prepare.sources import languages
from seq2seq.recipe.languages import guess_languages
from seq2seq.recipe.schema import Choice, Data
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.special import UNK


class NewText(NamedTuple):
    """New text in numbers, as the model's vocabulary cuts it.

    Attributes:
        num_pairs: Pairs with text on both sides.
        target_tokens: Of a target sentence on average, EOS counted.
        source_tokens_a_word: Tokens that a word of the source becomes, on average.
        target_tokens_a_word: Likewise of the target.
        unknown: Share of the tokens, of both sides, that stand for something the vocabulary does not have.
    """

    num_pairs: int
    target_tokens: float
    source_tokens_a_word: float
    target_tokens_a_word: float
    unknown: float


def described(bundle: Bundle, *, reader: str, files: Sequence[Path] = (), hub: str = "") -> Data:
    """Returns where the new text is and how it is read: normalised and filtered as the model's own was.

    Sides are the model's: the source is what it translates from.

    Args:
        bundle: The model.
        reader: What reads it.
        files: One file or two.
        hub: A dataset's name.

    Raises:
        UserError: The files' names say that the sides are swapped.
    """
    known, pair = bundle.facts.data or LearnedText(), languages(bundle.recipe.data)
    old = cleaning.of_new_text(bundle.recipe.data, known.corpora, known.cleaning)
    named = guess_languages(files[0], files[1]) if len(files) == 2 else pair
    if pair[0] != pair[1] and named == pair[::-1]:
        raise UserError(
            f"The model translates from {pair[0]!r} into {pair[1]!r}, and by the files' names the new text is the "
            "other way round.",
            hint=f"Swap them: --source {console.quoted(files[1])} --target {console.quoted(files[0])}",
        )
    return Data(
        source_language=pair[0],
        target_language=pair[1],
        reader=Choice(reader),
        hub=hub,
        train=tuple(map(str, files)),
        pretokenised=old.pretokenised,
        unicode_form=old.unicode_form,
        quotes=old.quotes,
        spaces=old.spaces,
        html_entities=old.html_entities,
        filters=old.filters,
        deduplicate=old.deduplicate,
        seed=old.seed,
    )


def measure_new(pairs: Iterator[Pair], tokenizers: TokenizerPair) -> NewText:
    """Counts new text, and how a sample of it is cut."""
    num_pairs = num_sampled = 0
    tokens, words, unknown = [0, 0], [0, 0], 0
    with console.Progress("counting", unit="pairs") as progress:
        for pair, is_sampled in sampled(pairs, progress):
            num_pairs += 1
            if not is_sampled:
                continue
            num_sampled += 1
            for side, (tokenizer, text) in enumerate(
                ((tokenizers.source, pair.source), (tokenizers.target, pair.target))
            ):
                ids = tokenizer.encode(text)
                tokens[side] += len(ids)
                words[side] += count_words(text)
                unknown += list(ids).count(UNK)
    return NewText(
        num_pairs,
        tokens[1] / max(1, num_sampled) + 1,
        tokens[0] / max(1, words[0]),
        tokens[1] / max(1, words[1]),
        unknown / max(1, sum(tokens)),
    )
