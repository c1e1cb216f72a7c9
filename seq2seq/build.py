"""The only place where a recipe meets a constructor."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from seq2seq.recipe.schema import Choice, Data, Model, Recipe, Search
from seq2seq.registry import ATTENTIONS, CELLS, FILTERS, SCHEDULES, SEARCHES, TOKENIZERS, WIRINGS, Family

if TYPE_CHECKING:
    from collections.abc import Iterable

    import torch

    from seq2seq.corpus.filters import Filter
    from seq2seq.data.batches import Batches
    from seq2seq.nn.model import EncoderDecoder
    from seq2seq.search import Limits
    from seq2seq.search import Search as SearchMember
    from seq2seq.text.normaliser import Normaliser
    from seq2seq.text.pairs import TokenizerPair
    from seq2seq.text.tokenizer import Tokenizer
    from seq2seq.training.protocols import Keeper, Reporter, Validator
    from seq2seq.training.schedules import Schedule
    from seq2seq.training.trainer import Trainer


def member(family: Family, choice: Choice) -> Any:  # noqa: ANN401 - a class of whatever family this is
    """Returns the chosen class with its own settings already given."""
    return partial(family.load(choice.name), **family.settings(choice.name, choice.settings))


def model(settings: Model, *, source_symbols: int, target_symbols: int) -> EncoderDecoder:
    """Builds the network for vocabularies of the given sizes."""
    from torch import nn

    from seq2seq.nn.encoder import Encoder
    from seq2seq.nn.model import EncoderDecoder
    from seq2seq.nn.output import Output

    cell = member(CELLS, settings.cell)
    target_embedding = _embedding(target_symbols, settings.embedding_size)
    source_embedding: nn.Embedding = target_embedding
    if settings.tie != "all":
        source_embedding = _embedding(source_symbols, settings.embedding_size)
    encoder = Encoder(
        settings.embedding_size,
        settings.encoder_size,
        cells=[cell] * settings.encoder_layers,
        bidirectional=settings.bidirectional,
        reverse_source=settings.reverse_source,
        dropout=settings.dropout,
    )
    decoder = WIRINGS.load(settings.wiring.name)(
        settings.embedding_size,
        settings.encoder_size,
        settings.decoder_size,
        cells=[cell] * settings.decoder_layers,
        attention=member(ATTENTIONS, settings.attention),
        bridge=settings.bridge,
        dropout=settings.dropout,
    )
    output = Output(decoder.feature_size, target_embedding, tie=settings.tie != "none")
    return EncoderDecoder(
        source_embedding, target_embedding, encoder, decoder, output, word_dropout=settings.word_dropout
    )


def digest(settings: Model) -> str:
    """Returns a fingerprint of the network's settings, 16 hexadecimal digits."""
    text = json.dumps(msgspec.to_builtins(settings), sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _embedding(num_symbols: int, size: int) -> torch.nn.Embedding:
    from torch import nn

    embedding = nn.Embedding(num_symbols, size)
    nn.init.normal_(embedding.weight, std=size**-0.5)
    return embedding


def search(settings: Search, *, nbest: int = 1) -> SearchMember:
    """Builds the search that the settings name. It is given those of them that its constructor asks for."""
    from inspect import signature

    offered = {
        "size": max(settings.beam, nbest),
        "nbest": nbest,
        "length_penalty": settings.length_penalty,
        "temperature": settings.temperature,
        "top_k": settings.top_k,
        "top_p": settings.top_p,
        "seed": settings.seed,
        "limits": limits(settings),
    }
    kind = SEARCHES.load(settings.name)
    asked = signature(kind).parameters
    return kind(**{name: value for name, value in offered.items() if name in asked})  # type: ignore[no-any-return]


def limits(settings: Search) -> Limits:
    """Builds the rule for how long a translation may get."""
    from seq2seq.search import Limits

    return Limits(max_length_factor=settings.max_length_factor, max_length_constant=settings.max_length_constant)


def normaliser(settings: Data) -> Normaliser:
    """Builds what all text goes through, in preparing as in translating."""
    from seq2seq.text.normaliser import Normaliser

    return Normaliser(unicode_form=settings.unicode_form)


def filters(settings: Data) -> list[Filter]:
    """Builds the filters of the recipe, in their order."""
    return [member(FILTERS, choice)() for choice in settings.filters]


def tokenizer(choice: Choice, texts: Iterable[str], *, vocabulary_size: int, seed: int) -> Tokenizer:
    """Learns the recipe's tokenizer from `texts`."""
    settings = TOKENIZERS.settings(choice.name, choice.settings)
    kind = TOKENIZERS.load(choice.name)
    return kind.train(texts, vocabulary_size=vocabulary_size, seed=seed, **settings)  # type: ignore[no-any-return]


def writes_unknown(tokenizers: TokenizerPair) -> bool:
    """Whether a translation may hold the unknown token: among words it is a placeholder, among subwords noise."""
    return tokenizers.target.name == "words"


def schedule(recipe: Recipe) -> Schedule:
    """Builds the learning rate's course."""
    settings = recipe.training.schedule
    return member(SCHEDULES, settings.shape)(warmup_updates=settings.warmup_updates)  # type: ignore[no-any-return]


def trainer(
    recipe: Recipe,
    *,
    tokenizers: TokenizerPair,
    batches: Batches,
    validator: Validator,
    reporter: Reporter,
    keeper: Keeper,
    folder: Path,
    device: torch.device,
) -> Trainer:
    """Builds the network and everything that trains it. The first weights are a function of the seed."""
    from seq2seq.training import precision
    from seq2seq.training.objective import CrossEntropy
    from seq2seq.training.optimizer import adamw
    from seq2seq.training.randomness import seed_update
    from seq2seq.training.trainer import Limits as TrainingLimits
    from seq2seq.training.trainer import Trainer

    settings = recipe.training
    seed_update(settings.seed, 0)
    network = model(
        recipe.model,
        source_symbols=tokenizers.source.vocabulary_size,
        target_symbols=tokenizers.target.vocabulary_size,
    ).to(device)
    return Trainer(
        network,
        batches,
        objective=CrossEntropy(settings.label_smoothing),
        validator=validator,
        reporter=reporter,
        keeper=keeper,
        folder=folder,
        optimizer=adamw(network, weight_decay=settings.weight_decay),
        schedule=schedule(recipe),
        limits=TrainingLimits(
            max_epochs=settings.max_epochs,
            max_updates=settings.max_updates,
            minutes=settings.minutes,
            patience=settings.patience,
        ),
        learning_rate=settings.learning_rate,
        clip_norm=settings.clip_norm,
        accumulate=settings.accumulate,
        average=settings.average,
        precision=precision.choose(settings.precision, device),
        validate_every=settings.validate_every,
        stop_on=settings.stop_on,
        seed=settings.seed,
        network=digest(recipe.model),
    )
