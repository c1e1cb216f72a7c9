"""Looking at the development set while training: its loss, and the scores of its greedy translation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from seq2seq import build
from seq2seq.bundle import RunFolder
from seq2seq.data.batches import Batch, Batches
from seq2seq.data.store import Store
from seq2seq.engines.torch_engine import TorchEngine
from seq2seq.evaluation.metrics import score
from seq2seq.nn.memory import Memory, sequence_mask
from seq2seq.nn.model import EncoderDecoder
from seq2seq.nn.state import State
from seq2seq.pipeline.train.starting import OLD_DEVELOPMENT, NewAndOld
from seq2seq.recipe.schema import Recipe
from seq2seq.registry import METRICS
from seq2seq.search import Greedy, Limits, Step
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.tagged import tags_of
from seq2seq.training.objective import CrossEntropy
from seq2seq.training.precision import computing
from seq2seq.training.protocols import Validator
from seq2seq.translating.batching import batches
from seq2seq.translating.splitting import Part, split
from seq2seq.translating.translation import Piece, Translation, joined

BATCH_SENTENCES: Final = 128
BATCH_TOKENS: Final = 16_384
"""Source tokens of a batch, all sentences padded to the longest: as many sentences as above up to 127 tokens each."""
BATCH_WEIGHTS: Final = 500_000
"""Sentences x target x source tokens that a loss reads at once: additive attention holds some 2 KB for each of them. No
batch of sentences of up to a hundred tokens has as many."""


class _Interruptible(TorchEngine):
    """An engine that asks before every step whether to go on: a batch of long sentences takes seconds."""

    def __init__(
        self, model: EncoderDecoder, *, allow_unk: bool, tags: Iterable[int], check: Callable[[], None]
    ) -> None:
        super().__init__(model, allow_unk=allow_unk, tags=tags)
        self._check = check

    def step(
        self,
        memory: Memory,
        owner: NDArray[np.int64],
        last_ids: NDArray[np.int64],
        state: State,
        k: int,
        also: NDArray[np.int64] | None = None,
    ) -> Step:
        """See `StepModel.step`."""
        self._check()
        return super().step(memory, owner, last_ids, state, k, also)


class DevelopmentScores:
    """The `Validator` of ordinary training.

    Scores are of the greedy translation: beam search ranks models the same way and takes several times as long.

    Args:
        store: The development set.
        tokenizers: To write the translations as text.
        sentences: How many of the set are translated each time, its first ones; the loss is over all of it.
        tokenize: sacreBLEU's tokenizer for the target language.
        lowercase: Whether scores ignore case.
        limits: How long a translation may get.
        precision: What the loss is computed in; decoding is in 32 bits.
        check: Asked between two words of a translation, and two batches of the loss; may raise, to leave the look off.
        split_tokens: A source of more tokens is translated in parts, as the translator does; None: none is.
    """

    def __init__(
        self,
        store: Store,
        tokenizers: TokenizerPair,
        *,
        sentences: int,
        tokenize: str,
        lowercase: bool,
        limits: Limits,
        precision: str,
        check: Callable[[], None] = lambda: None,
        split_tokens: int | None = None,
    ) -> None:
        self._batches = Batches(store, batch_tokens=4000, seed=0)
        self._tokenizers = tokenizers
        self._sources = [store.source[i].tolist() for i in range(min(sentences, len(store)))]
        self._parts = _in_parts(store, self._sources, tokenizers, split_tokens)
        self._references = store.texts("target", len(self._sources))
        self._metric = {"tokenize": tokenize, "lowercase": lowercase}
        METRICS.load("bleu")(**self._metric)  # what it lacks is told now, and not when an epoch has been trained
        self._search = Greedy(limits=limits)
        self._precision, self._check = precision, check

    def __call__(self, model: nn.Module) -> Mapping[str, float]:
        """Returns "loss" (nats a token, labels not smoothed), "bleu", "chrf" and "variety" (`variety`)."""
        network = cast(EncoderDecoder, model)
        engine = _Interruptible(
            network,
            allow_unk=build.writes_unknown(self._tokenizers),
            tags=tags_of(self._tokenizers.target).values(),
            check=self._check,
        )
        hypotheses = self._translate(engine)
        scores = score(hypotheses, self._references, metrics=("bleu", "chrf"), **self._metric)  # type: ignore[arg-type]
        found = {s.name: round(s.value, 3) for s in scores}
        return {"loss": self._loss(network), **found, "variety": round(variety(self._sources, hypotheses), 5)}

    def _loss(self, model: EncoderDecoder) -> float:
        total, tokens = 0.0, 0
        device = model.target_embedding.weight.device
        for batch in self._batches.in_order():
            for part in _narrow(batch):
                total += self._summed(model, part.to(device))
            tokens += batch.num_tokens
        return round(total / max(1, tokens), 5)

    def _summed(self, model: EncoderDecoder, batch: Batch) -> float:
        """Returns the summed loss of a batch; long targets are read in parts, each from where the last one ended."""
        objective, device = CrossEntropy(), batch.source.device
        self._check()
        steps = max(1, BATCH_WEIGHTS // batch.source.numel())
        if batch.target_in.shape[1] <= steps:
            with computing(self._precision, device):
                return float(objective(model, batch))
        with computing(self._precision, device):
            memory = model.encode(batch.source, batch.source_lengths)
        total, state = 0.0, None
        for begin in range(0, batch.target_in.shape[1], steps):
            self._check()
            words = batch.target_in[:, begin : begin + steps]
            lengths = (batch.target_lengths - begin).clamp(0, words.shape[1])
            wanted = batch.target_out[:, begin : begin + steps][sequence_mask(lengths, words.shape[1])]
            with computing(self._precision, device):
                features, state = model.read_part(words, lengths, memory, state)
                total += float(model.output.loss(features, wanted))
        return total

    def _translate(self, engine: TorchEngine) -> list[str]:
        jobs = [part for parts in self._parts for part in parts]
        texts = [""] * len(jobs)
        # Sentences of like length side by side end at about the same step.
        lengths = [len(part.ids) + 1 for part in jobs]
        for numbers in batches(lengths, sentences=BATCH_SENTENCES, tokens=BATCH_TOKENS):
            for number, ids in zip(numbers, self._decode(engine, [jobs[i].ids for i in numbers]), strict=True):
                texts[number] = self._tokenizers.target.decode(ids)
        found = iter(texts)
        return [_together(parts, [next(found) for _ in parts]) for parts in self._parts]

    def _decode(self, engine: TorchEngine, sources: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
        start = engine.start(sources)
        found = self._search(engine, start.memory, start.state, start.source_lengths)
        return [hypotheses[0].ids for hypotheses in found]


def validator(
    recipe: Recipe, run: RunFolder, tokenizers: TokenizerPair, kind: str, check: Callable[[], None]
) -> Validator:
    """Makes what looks at the run's development set, and at the old text's where there is one.

    Args:
        recipe: All settings.
        run: A prepared run.
        tokenizers: Of both languages.
        kind: What the loss is computed in: "bf16" or "fp32".
        check: As of `DevelopmentScores`.
    """

    def looks_at(split: str) -> DevelopmentScores:
        return DevelopmentScores(
            Store(run.split(split)),
            tokenizers,
            sentences=recipe.training.validate_sentences,
            tokenize=recipe.evaluation.tokenize,
            lowercase=recipe.evaluation.lowercase,
            limits=build.limits(recipe.search),
            precision=kind,
            check=check,
            split_tokens=recipe.search.split_tokens,
        )

    new = looks_at("development")
    return NewAndOld(new, looks_at(OLD_DEVELOPMENT)) if run.split(OLD_DEVELOPMENT).is_file() else new


def _narrow(batch: Batch) -> Iterator[Batch]:
    """Yields the pairs of a batch, which was cut by its targets, in batches of `BATCH_TOKENS` source tokens at most."""
    lengths = batch.source_lengths.tolist()
    found = batches(lengths, sentences=len(lengths), tokens=BATCH_TOKENS)
    yield from (batch.part(torch.tensor(rows)) for rows in found) if len(found) > 1 else [batch]


def _in_parts(
    store: Store, sources: Sequence[list[int]], tokenizers: TokenizerPair, longest: int | None
) -> list[list[Part]]:
    """Returns each source as it is translated: whole; or, where it has more than `longest` tokens, in parts."""
    found = []
    for number, ids in enumerate(sources):
        parts = [Part("", ids, "", torn=False)]
        if longest is not None and len(ids) > longest:
            cut = split(store.source_text[number], longest, tokenizers.source.encode_batch)
            parts = [part for part in cut if part.ids] or parts
        found.append(parts)
    return found


def _together(parts: Sequence[Part], texts: Sequence[str]) -> str:
    """Returns the translation of a source from those of its parts."""
    if len(parts) == 1:
        return texts[0]
    pieces = [
        Piece(Translation(part.text, text, 0.0, 0.0, [], [], []), part.before, part.torn)
        for part, text in zip(parts, texts, strict=True)
    ]
    return joined("", pieces, nbest=1).text


def variety(sources: Sequence[Sequence[int]], outputs: Sequence[str]) -> float:
    """Returns how many different sentences different sources became: 0 where all became the same, 1 where none did.

    (o - 1) / (s - 1), with s different sources and o different outputs of them; 1 where there is but one source.
    """
    num_sources, num_outputs = len({tuple(source) for source in sources}), len(set(outputs))
    return min(1.0, (num_outputs - 1) / (num_sources - 1)) if num_sources > 1 else 1.0
