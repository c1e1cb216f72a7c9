"""The only place where a recipe meets a constructor."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from seq2seq.folders import digest_of
from seq2seq.recipe.decode import complete
from seq2seq.recipe.schema import Choice, Data, Model, Recipe, Search, Training
from seq2seq.registry import (
    ATTENTIONS,
    CELLS,
    FILTERS,
    INITIALISATIONS,
    SCHEDULES,
    SEARCHES,
    TOKENIZERS,
    WIRINGS,
    Family,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import torch

    from seq2seq.corpus.filters import Filter
    from seq2seq.data.batches import Batches
    from seq2seq.data.store import Store
    from seq2seq.nn.cells import CellFactory
    from seq2seq.nn.model import EncoderDecoder
    from seq2seq.nn.pretrained import Pretrained
    from seq2seq.search import Limits
    from seq2seq.search import Search as SearchMember
    from seq2seq.text.normaliser import Normaliser
    from seq2seq.text.pairs import TokenizerPair
    from seq2seq.text.segmentation import Sampler
    from seq2seq.text.tokenizer import Tokenizer
    from seq2seq.training.gradient import GradientSource
    from seq2seq.training.group import Group
    from seq2seq.training.guidance import Guide
    from seq2seq.training.objective import CrossEntropy
    from seq2seq.training.protocols import Keeper, Objective, Reporter, Validator
    from seq2seq.training.schedules import Schedule
    from seq2seq.training.stop import Stop
    from seq2seq.training.trainer import Trainer


CHANCE_PAIRS = 10_000
VECTOR_FILES = frozenset({"source_vectors", "target_vectors"})


def member(family: Family, choice: Choice) -> Any:  # noqa: ANN401 - a class of whatever family this is
    """Returns the chosen class with its own settings already given."""
    return partial(family.load(choice.name), **family.settings(choice.name, choice.settings))


def model(settings: Model, *, source_symbols: int, target_symbols: int) -> EncoderDecoder:
    """Builds the network for vocabularies of the given sizes."""
    from torch import nn

    from seq2seq.nn.cells import Cell
    from seq2seq.nn.encoder import Encoder
    from seq2seq.nn.model import EncoderDecoder
    from seq2seq.nn.output import Output
    from seq2seq.text.special import GO, PAD

    target_embedding = _embedding(target_symbols, settings.embedding_size)
    source_embedding: nn.Embedding = target_embedding
    if settings.tie != "all":
        source_embedding = _embedding(source_symbols, settings.embedding_size)
    encoder = Encoder(
        settings.embedding_size,
        settings.encoder_size,
        cells=_cells(settings, settings.encoder_cells, settings.encoder_layers, settings.encoder_transition),
        bidirectional=settings.bidirectional,
        reverse_source=settings.reverse_source,
        dropout=settings.dropout,
        residual=settings.residual,
    )
    # Only one wiring has a place for a second attention, and a rule keeps it from the others.
    second = {"second_attention": settings.second_attention} if settings.second_attention else {}
    decoder = WIRINGS.load(settings.wiring.name)(
        settings.embedding_size,
        settings.encoder_size,
        settings.decoder_size,
        cells=_cells(settings, settings.decoder_cells, settings.decoder_layers, settings.decoder_transition),
        attention=member(ATTENTIONS, settings.attention),
        bridge=settings.bridge,
        dropout=settings.dropout,
        residual=settings.residual,
        **second,
    )
    lexical_size = settings.embedding_size if settings.lexical else 0
    output = Output(decoder.feature_size, target_embedding, tie=settings.tie != "none", lexical_size=lexical_size)
    network = EncoderDecoder(
        source_embedding,
        target_embedding,
        encoder,
        decoder,
        output,
        word_dropout=settings.word_dropout,
        target_word_dropout=settings.target_word_dropout,
        never_guessed=(PAD, GO),
    )
    for module in network.modules():
        if isinstance(module, Cell):
            module.recurrent_weight_dropout = settings.recurrent_weight_dropout
    member(INITIALISATIONS, settings.initialisation)(network)
    return network


def _cells(settings: Model, choices: Sequence[Choice], num_layers: int, transition: int) -> list[CellFactory]:
    """Returns what makes the cell of each layer of one stack: `choices`, or the same cell everywhere."""
    factories: list[CellFactory] = [
        partial(member(CELLS, choice), layer_norm=settings.layer_norm, recurrent_dropout=settings.recurrent_dropout)
        for choice in choices or (settings.cell,) * num_layers
    ]
    if transition == 1:
        return factories
    from seq2seq.nn.deep_transition import DeepTransition

    return [partial(DeepTransition, cell=cell, depth=transition) for cell in factories]


def digest(settings: Model) -> str:
    """Returns a fingerprint of the network's settings, 16 hexadecimal digits.

    Only what differs from the defaults counts, so that a setting which a later version adds changes no fingerprint; and
    no file of vectors, which the first weights were made from and nothing after them. Whether they are frozen counts.
    """
    given, usual = msgspec.to_builtins(settings), msgspec.to_builtins(complete(Recipe()).model)
    told = {key: value for key, value in given.items() if value != usual[key] and key not in VECTOR_FILES}
    return digest_of(told)


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
        "min_length": settings.min_length,
        "no_repeat_ngram": settings.no_repeat_ngram,
        "coverage_penalty": settings.coverage_penalty,
        # Who wants alternatives wants unlikely ones too.
        "prune": settings.prune if nbest == 1 else 0.0,
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

    return Normaliser(
        unicode_form=settings.unicode_form,
        quotes=settings.quotes,
        spaces=settings.spaces,
        html_entities=settings.html_entities,
        pretokenised=settings.pretokenised,
    )


def filters(settings: Data) -> list[Filter]:
    """Builds the filters of the recipe, in their order."""
    return [member(FILTERS, choice)() for choice in settings.filters]


def tokenizer(
    choice: Choice, texts: Iterable[str], *, vocabulary_size: int, seed: int, pretokenised: bool = False
) -> Tokenizer:
    """Learns the chosen tokenizer from `texts`; of pretokenised ones, words are what stands between spaces."""
    settings = TOKENIZERS.settings(choice.name, dict(choice.settings))
    if settings.get("split") == "auto":
        settings = {**settings, "split": "spaces" if pretokenised else "words"}
    kind = TOKENIZERS.load(choice.name)
    return kind.train(texts, vocabulary_size=vocabulary_size, seed=seed, **settings)  # type: ignore[no-any-return]


def tokenizers(
    recipe: Recipe, source: Callable[[], Iterable[str]], target: Callable[[], Iterable[str]]
) -> TokenizerPair:
    """Learns the recipe's vocabulary or vocabularies, and before it each language's true case where it is asked for.

    Args:
        recipe: All settings.
        source: Gives the source texts to learn from, each time from the first.
        target: Likewise the target texts.
    """
    from itertools import chain

    from seq2seq.text.pairs import TokenizerPair
    from seq2seq.text.true_case import Case, TrueCase

    def learn(texts: Iterable[str]) -> Tokenizer:
        return tokenizer(
            recipe.text.tokenizer,
            texts,
            vocabulary_size=recipe.text.vocabulary_size,
            seed=recipe.data.seed,
            pretokenised=recipe.data.pretokenised,
        )

    def learn_both(sources: Iterable[str], targets: Iterable[str]) -> tuple[Tokenizer, Tokenizer]:
        if recipe.text.joint:
            both = learn(chain(sources, targets))
            return both, both
        return learn(sources), learn(targets)

    if recipe.text.case == "keep":
        return TokenizerPair(*learn_both(source(), target()))

    def changed(texts: Iterable[str], case: Case) -> Iterable[str]:
        return (case(text).text for text in texts)

    cases = Case.learn(source()), Case.learn(target())
    inner = learn_both(changed(source(), cases[0]), changed(target(), cases[1]))
    return TokenizerPair(*map(TrueCase, inner, cases))


def samplers(recipe: Recipe, tokenizers: TokenizerPair) -> tuple[Sampler, Sampler] | None:
    """Builds what cuts the source's and the target's words in several ways; None where the recipe wants but one."""
    from typing import cast

    from seq2seq.text.pairs import plain
    from seq2seq.text.segmentation import Draws, SubwordSampler
    from seq2seq.text.subwords import Subwords

    probability, choice = recipe.training.subword_sampling, recipe.text.tokenizer
    if not probability:
        return None
    model = str(TOKENIZERS.settings(choice.name, choice.settings)["model"])

    def draws(side: Tokenizer) -> Draws:
        return Draws(cast(Subwords, plain(side)), model=model, probability=probability, seed=recipe.training.seed)

    source = draws(tokenizers.source)
    target = source if tokenizers.joint else draws(tokenizers.target)
    return SubwordSampler(tokenizers.source, source), SubwordSampler(tokenizers.target, target)


def writes_unknown(tokenizers: TokenizerPair) -> bool:
    """Whether a translation may hold the unknown token: among words it is a placeholder, among subwords noise."""
    from seq2seq.text.special import UNK

    return UNK in tokenizers.target.placeholders


def never_written(tokenizers: TokenizerPair) -> list[int]:
    """Returns the target ids that no translation may hold: what pads and starts it, tags, mostly the unknown token."""
    from seq2seq.text.special import GO, PAD, UNK
    from seq2seq.text.tagged import tags_of

    unknown = [] if writes_unknown(tokenizers) else [UNK]
    return [PAD, GO, *unknown, *tags_of(tokenizers.target).values()]


def schedule(recipe: Recipe) -> Schedule:
    """Builds the learning rate's course."""
    settings = recipe.training.schedule
    return member(SCHEDULES, settings.shape)(warmup_updates=settings.warmup_updates)  # type: ignore[no-any-return]


def objective(settings: Training, guide: Guide | None = None) -> CrossEntropy:
    """Builds what training minimises; `guide` shows its attention where to look."""
    from seq2seq.training.objective import CrossEntropy, TruncatedCrossEntropy
    from seq2seq.training.r_drop import RDrop

    share = settings.scheduled_sampling
    if settings.r_drop:
        return RDrop(settings.r_drop, settings.label_smoothing, guide=guide)
    if settings.truncate:
        return TruncatedCrossEntropy(settings.truncate, settings.label_smoothing, scheduled_sampling=share)
    return CrossEntropy(settings.label_smoothing, scheduled_sampling=share, guide=guide)


def guide(settings: Training, store: Store, said: Callable[[str], None]) -> Guide | None:
    """Builds what shows an attention where to look, from the training pairs; None: the recipe asks for no guidance.

    It is learned anew whenever a training goes on, which takes seconds, and comes to the same.
    """
    from seq2seq.data.lexicon import FEW, Lexicon, counted_rows, learn_lexicon
    from seq2seq.training.guidance import Guide

    if not settings.guided_attention:
        return None

    def learn() -> Lexicon:
        said("Learning which tokens translate which, to guide the attention …")
        rows = counted_rows(store.source.lengths, store.target.lengths)
        if len(rows) < min(FEW, len(store)):
            said(
                f"It is learned from {len(rows):,} of the {len(store):,} pairs, as their sentences are long: tokens "
                "that are not among them are not guided."
            )
        return learn_lexicon(store.source.many(rows), store.target.many(rows))

    return Guide(learn, settings.guided_attention)


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
    vectors: Mapping[str, Pretrained] | None = None,
    gradient: Callable[[EncoderDecoder], GradientSource] | None = None,
    group: Group | None = None,
    stop: Stop | None = None,
    weights: Mapping[str, torch.Tensor] | None = None,
    minimised: Objective | None = None,
    held: Mapping[str, torch.Tensor] | None = None,
    look_first: bool = False,
    rate_setting: str = "training.learning_rate",
) -> Trainer:
    """Builds the network and everything that trains it.

    The first weights are `weights`; or, without them, a function of the seed and of `vectors`, which stand for "source"
    and "target" in the rows of the embeddings that they know. `minimised` is what training minimises; None: what the
    recipe says. `gradient` makes what computes an update's gradient with the network; None: one that reads each batch
    whole. `group` are the processes that train together; None: this one alone. `stop` is where someone asks to stop.
    `held` are the weights that `training.hold` pulls back to; without them it does nothing. `look_first`: the first
    weights are scored as well, and kept until others are better. `rate_setting` is what the learning rate is from,
    for a stage that has its own.
    """
    from seq2seq.text.tagged import tags_of
    from seq2seq.training import precision
    from seq2seq.training.across import Across
    from seq2seq.training.checkpoint import load_weights
    from seq2seq.training.gradient import Whole
    from seq2seq.training.hold import hold
    from seq2seq.training.limits import Limits as TrainingLimits
    from seq2seq.training.optimizer import adamw
    from seq2seq.training.randomness import seed_update
    from seq2seq.training.trainer import Trainer

    settings = recipe.training
    seed_update(settings.seed, 0)
    network = model(
        recipe.model,
        source_symbols=tokenizers.source.vocabulary_size,
        target_symbols=tokenizers.target.vocabulary_size,
    ).to(device)
    network.never_guessed += tags_of(tokenizers.target).values()
    frozen = _start_from(network, vectors or {}, freeze=recipe.model.freeze_vectors)
    if weights is not None:
        load_weights(network, weights, folder)
    kind = precision.choose(settings.precision, device)
    source: GradientSource
    if gradient is not None:
        source = gradient(network)
    else:
        loss = minimised or objective(settings, guide(settings, batches.store, reporter.said))
        whole = Whole(network, batches, loss, precision=kind, seed=settings.seed, said=reporter.said)
        source = Across(whole, network, group) if group is not None and group.size > 1 else whole
    optimizer = adamw(network, weight_decay=settings.weight_decay, undecayed=frozen)
    if held is not None and settings.hold:
        hold(optimizer, network, held, settings.hold)
    return Trainer(
        network,
        batches,
        gradient=source,
        validator=validator,
        reporter=reporter,
        keeper=keeper,
        folder=folder,
        optimizer=optimizer,
        schedule=schedule(recipe),
        limits=TrainingLimits(
            max_epochs=settings.max_epochs,
            max_updates=settings.max_updates,
            minutes=settings.minutes,
            patience=settings.patience,
        ),
        learning_rate=settings.learning_rate,
        rate_setting=rate_setting,
        clip_norm=settings.clip_norm,
        clip_value=settings.clip_value,
        accumulate=settings.accumulate,
        average=settings.average,
        average_looks=settings.average_looks,
        validate_every=settings.validate_every,
        stop_on=settings.stop_on,
        seed=settings.seed,
        network=digest(recipe.model),
        group=group,
        stop=stop,
        chance=partial(_chance, batches, tokenizers.target.vocabulary_size, settings.label_smoothing),
        look_first=look_first,
    )


def _chance(batches: Batches, num_symbols: int, label_smoothing: float) -> float:
    """Returns the loss of guessing target tokens by how often they occur, counted in a sample of the training pairs."""
    import numpy as np

    from seq2seq.text.special import EOS
    from seq2seq.training.advice import chance_loss

    store = batches.store
    rows = np.linspace(0, len(store) - 1, min(len(store), CHANCE_PAIRS)).astype(np.int64)
    counts = np.bincount(np.concatenate([store.target[row] for row in rows]), minlength=num_symbols)
    counts[EOS] += len(rows)
    return chance_loss(counts, label_smoothing=label_smoothing)


def _start_from(network: EncoderDecoder, vectors: Mapping[str, Pretrained], *, freeze: bool) -> list[torch.Tensor]:
    """Puts pretrained vectors into the embeddings, each side's into its own. Returns the weights that have frozen rows.

    A weight that is tied holds them everywhere it is used: frozen rows of a target embedding are frozen in the output
    layer as well, whose projection and bias still learn.
    """
    import torch

    from seq2seq.nn.pretrained import hold, plant

    frozen = []
    for side, embedding in (("source", network.source_embedding), ("target", network.target_embedding)):
        if side not in vectors:
            continue
        given, weight = vectors[side], embedding.weight
        rows = torch.from_numpy(given.rows).to(weight.device)
        if given.vectors is not None:
            plant(weight, rows, torch.from_numpy(given.vectors).to(weight.device))
        if freeze:
            hold(weight, rows)
            frozen.append(weight)
    return frozen
