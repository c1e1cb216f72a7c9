"""What a model thinks of given translations: their log-probabilities, token by token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from seq2seq.errors import OfSentenceError, SentenceError, UserError
from seq2seq.recipe.schema import Search as SearchSettings
from seq2seq.text.normaliser import Normaliser
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.pieces import Pieces
from seq2seq.translating.batching import each, engine_batches
from seq2seq.translating.translation import Scored

if TYPE_CHECKING:
    from seq2seq.engines.engine import Engine

MOST_SCORED_TOKENS: Final = 5000
"""A longer sentence is not scored: it cannot be split where its translation would be, and memory grows with it."""

Encoded = tuple[list[int], list[int]]
"""The ids of a source and of its translation, without EOS."""


class Scorer:
    """Scores given translations.

    Args:
        tokenizers: Text to ids and back.
        normaliser: What the training text went through.
        target_pieces: The pieces of the target's ids.
    """

    def __init__(self, tokenizers: TokenizerPair, normaliser: Normaliser, target_pieces: Pieces) -> None:
        self._tokenizers = tokenizers
        self._normaliser = normaliser
        self._target_pieces = target_pieces

    def __call__(
        self,
        sources: Sequence[str],
        targets: Sequence[str | Sequence[int]],
        settings: SearchSettings,
        engine: Engine,
    ) -> list[Scored]:
        """Returns what the model thinks of each translation; see `Translator.score`.

        Args:
            sources: The sentences.
            targets: A translation of each.
            settings: How large a batch is.
            engine: Computes the steps.
        """
        if isinstance(sources, str) or isinstance(targets, str):
            raise TypeError("score takes a list of sources and a list of targets, not a str.")
        if len(sources) != len(targets):
            raise UserError(f"There must be a target for each of the {len(sources)} sources, not {len(targets)}.")
        encoded = self._tokenizers.source.encode_batch([self._normaliser(source) for source in sources])
        pairs = list(zip(encoded, self._target_ids(targets), strict=True))
        return [
            self._scored(source, target, ids, log_probs)
            for source, target, (_, ids), log_probs in zip(
                sources, targets, pairs, _log_probs(pairs, settings, engine), strict=True
            )
        ]

    def _target_ids(self, targets: Sequence[str | Sequence[int]]) -> list[list[int]]:
        """Returns the targets as ids; those given so, as they are."""
        texts = [number for number, target in enumerate(targets) if isinstance(target, str)]
        encoded = self._tokenizers.target.encode_batch([self._normaliser(str(targets[number])) for number in texts])
        found = dict(zip(texts, encoded, strict=True))
        return [found[n] if n in found else [int(i) for i in target] for n, target in enumerate(targets)]

    def _scored(self, source: str, target: str | Sequence[int], ids: list[int], log_probs: list[float]) -> Scored:
        text = target if isinstance(target, str) else self._tokenizers.target.decode(ids)
        tokens = self._target_pieces.of(ids) if log_probs else []
        return Scored(source, text, tokens, log_probs, sum(log_probs))


def _log_probs(pairs: Sequence[Encoded], settings: SearchSettings, engine: Engine) -> list[list[float]]:
    """Returns the log-probabilities of each translation's tokens, EOS included; of blank ones of blank sources, none.

    Raises:
        SentenceError: A sentence or its translation is too long, or ids are none of the vocabulary's.
    """
    lengths = [max(len(source), len(target)) + 1 for source, target in pairs]
    for number, length in enumerate(lengths):
        if length > MOST_SCORED_TOKENS:
            raise SentenceError(
                f"{{sentence}} has {length - 1:,} tokens; at most {MOST_SCORED_TOKENS - 1:,} are scored.",
                sentence=number + 1,
                hint="Split it, and its translation at the same places.",
            )
    numbers = [number for number, length in enumerate(lengths) if length > 1]
    batches = engine_batches([lengths[number] for number in numbers], settings, engine)
    own = [[numbers[i] for i in batch] for batch in batches]

    def forced(engine: Engine, batch: Sequence[int]) -> list[list[float]]:
        try:
            return _forced(engine, [pairs[number] for number in batch])
        except OfSentenceError as error:
            raise error.of(batch[error.sentence] + 1) from None

    found: dict[int, list[float]] = {}
    for batch, log_probs in zip(own, each(forced, own, engine), strict=True):
        found |= zip(batch, log_probs, strict=True)
    return [found.get(number, []) for number in range(len(pairs))]


def _forced(engine: Engine, batch: Sequence[Encoded]) -> list[list[float]]:
    """Returns the log-probabilities of a batch of given translations."""
    from seq2seq.search import force_decode

    start = engine.start([source for source, _ in batch])
    found = force_decode(engine, start.memory, start.state, [target for _, target in batch])
    return [own.tolist() for own in found]
