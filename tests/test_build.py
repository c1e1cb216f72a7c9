"""From a recipe to what it names, with the settings that it gives."""

from __future__ import annotations

import dataclasses
import itertools
from types import SimpleNamespace

import msgspec
import pytest
import torch
from msgspec import structs
from tiny_models import CELL_KINDS, GRID, fits

from seq2seq import build
from seq2seq.corpus.filters.length import Length
from seq2seq.corpus.filters.ratio import Ratio
from seq2seq.data.batches import Batches, collate
from seq2seq.data.store import Row, Store, write_split
from seq2seq.errors import UserError
from seq2seq.nn.attention.multi_head import MultiHead
from seq2seq.nn.deep_transition import DeepTransition
from seq2seq.recipe.decode import complete
from seq2seq.recipe.schema import Choice, Data, Model, Recipe, Schedule, Search, Training
from seq2seq.registry import ATTENTIONS, CELLS, SCHEDULES, WIRINGS
from seq2seq.search import Beam, Greedy, Sampling
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.special import GO, PAD
from seq2seq.training.guidance import Guide
from seq2seq.training.schedules import Plateau

SMALL = {"embedding_size": 6, "encoder_size": 8, "decoder_size": 12}


def test_a_member_gets_its_own_settings_and_their_defaults() -> None:
    assert build.member(ATTENTIONS, Choice("multi-head"))(8, 8).heads == 4
    made = build.member(ATTENTIONS, Choice("multi-head", {"heads": 2}))(8, 8)
    assert isinstance(made, MultiHead)
    assert made.heads == 2
    with pytest.raises(UserError, match="no setting 'head'"):
        build.member(ATTENTIONS, Choice("multi-head", {"head": 2}))
    with pytest.raises(UserError, match=r"no attention called 'dott'.*'dot'"):
        build.member(ATTENTIONS, Choice("dott"))


@pytest.mark.parametrize(("wiring", "cell", "attention"), GRID)
def test_every_network_of_the_grid_is_built(wiring: str, cell: str, attention: str) -> None:
    assert fits(wiring, attention)
    kind = CELL_KINDS[cell]
    settings = Model(wiring=Choice(wiring), attention=Choice(attention), **{**SMALL, "decoder_size": 8}, **kind)
    network = build.model(settings, source_symbols=11, target_symbols=11)
    assert type(network.decoder) is WIRINGS.load(wiring)
    assert type(network.decoder.attention) is ATTENTIONS.load(attention)
    made = [network.encoder.layers[0].forward_cell, network.encoder.layers[0].backward_cell, *network.decoder.cells]
    assert [type(one) for one in made] == [CELLS.load(kind["cell"].name)] * 4
    assert all(one.layer_norm == kind.get("layer_norm", False) for one in made)


def test_the_cells_of_a_stack_may_differ_and_have_their_own_settings() -> None:
    settings = Model(
        encoder_layers=2,
        encoder_cells=(Choice("gru"), Choice("elman", {"activation": "relu"})),
        decoder_layers=3,
        decoder_cells=(Choice("jordan"), Choice("lstm", {"peepholes": True}), Choice("lstm")),
        recurrent_dropout=0.25,
        layer_norm=True,
        **SMALL,
    )
    network = build.model(settings, source_symbols=11, target_symbols=11)
    encoder = [layer.backward_cell for layer in network.encoder.layers]
    decoder = list(network.decoder.cells)
    assert [type(cell).__name__ for cell in encoder] == ["GRU", "Elman"]
    assert [type(cell).__name__ for cell in decoder] == ["Jordan", "LSTM", "LSTM"]
    assert encoder[1].activation == "relu"
    assert decoder[1].peepholes is not None
    assert decoder[2].peepholes is None
    for cell in encoder + decoder:
        assert cell.recurrent_dropout.share == 0.25
        assert cell.layer_norm


def test_a_transition_wraps_the_cell_of_each_layer() -> None:
    settings = Model(encoder_transition=2, decoder_transition=3, cell=Choice("gru"), layer_norm=True, **SMALL)
    network = build.model(settings, source_symbols=11, target_symbols=11)
    for cell, depth in [(network.encoder.layers[0].forward_cell, 2), *((cell, 3) for cell in network.decoder.cells)]:
        assert isinstance(cell, DeepTransition)
        assert [type(one).__name__ for one in cell.cells] == ["GRU"] * depth
        assert all(one.layer_norm for one in cell.cells)


@pytest.mark.parametrize("residual", [False, True])
def test_residual_and_second_attention_are_the_recipes(residual: bool) -> None:
    settings = Model(residual=residual, second_attention=2, decoder_layers=3, attention=Choice("additive"), **SMALL)
    network = build.model(settings, source_symbols=11, target_symbols=11)
    assert network.encoder.residual == network.decoder.residual == residual
    assert type(network.decoder.second_attention) is type(network.decoder.attention)
    assert [cell.input_size for cell in network.decoder.cells] == [6, 12 + 8, 12 + 8 + 8]
    assert build.model(Model(**SMALL), source_symbols=9, target_symbols=9).decoder.second_attention is None


def test_a_network_never_guesses_what_no_word_has() -> None:
    network = build.model(Model(**SMALL), source_symbols=9, target_symbols=9)
    assert network.never_guessed == [PAD, GO]


def test_sizes_and_depths_are_the_recipes() -> None:
    settings = Model(encoder_layers=3, decoder_layers=4, dropout=0.25, word_dropout=0.5, tie="target", **SMALL)
    network = build.model(settings, source_symbols=11, target_symbols=17)
    assert network.source_embedding.weight.shape == (11, 6)
    assert network.target_embedding.weight.shape == (17, 6)
    assert network.output.weight is network.target_embedding.weight
    assert network.encoder.output_size == 8
    assert len(network.encoder.layers) == 3
    assert len(network.decoder.cells) == 4
    assert network.decoder.hidden_size == 12
    assert network.encoder.dropout.share == network.decoder.dropout.share == 0.25
    assert network.word_dropout.share == 0.5


def test_one_way_and_reversed() -> None:
    network = build.model(Model(bidirectional=False, reverse_source=True, **SMALL), source_symbols=9, target_symbols=9)
    assert network.encoder.reverse_source
    assert not hasattr(network.encoder.layers[0], "backward_cell")


@pytest.mark.parametrize(
    ("tie", "shared"), [("none", (False, False)), ("target", (True, False)), ("all", (True, True))]
)
def test_what_is_tied(tie: str, shared: tuple[bool, bool]) -> None:
    network = build.model(Model(tie=tie, **SMALL), source_symbols=9, target_symbols=9)
    target = network.target_embedding.weight
    assert (network.output.weight is target, network.source_embedding.weight is target) == shared


def test_searches() -> None:
    settings = Search(beam=7, length_penalty=0.5, max_length_factor=3.0, max_length_constant=4)
    beam = build.search(settings)
    assert isinstance(beam, Beam)
    assert (beam.size, beam.length_penalty, beam.nbest) == (7, 0.5, 1)
    assert (beam.limits.max_length_factor, beam.limits.max_length_constant) == (3.0, 4)
    assert build.search(settings, nbest=9).size == 9  # wide enough for what is asked
    assert (beam.min_length, beam.no_repeat_ngram, beam.coverage_penalty) == (0, 0, 0.0)
    asked = {"min_length": 3, "no_repeat_ngram": 4}
    held = build.search(Search(coverage_penalty=0.2, **asked))
    assert (held.min_length, held.no_repeat_ngram, held.coverage_penalty) == (3, 4, 0.2)
    for name in ("greedy", "sampling"):
        held = build.search(Search(name=name, **asked))
        assert (held.min_length, held.no_repeat_ngram) == (3, 4)
    assert isinstance(build.search(Search(name="greedy")), Greedy)
    sampling = build.search(Search(name="sampling", temperature=0.5, top_k=3, top_p=0.9, seed=8), nbest=2)
    assert isinstance(sampling, Sampling)
    assert (sampling.temperature, sampling.top_k, sampling.top_p, sampling.seed, sampling.nbest) == (0.5, 3, 0.9, 8, 2)


def test_the_normaliser_gets_every_setting() -> None:
    plain, other = (
        build.normaliser(Data()),
        build.normaliser(Data(unicode_form="NFKC", quotes="straight", spaces="keep", html_entities="decode")),
    )
    assert plain("  a  \u201cb\u201d &amp;  \ufb01") == "a \u201cb\u201d &amp; \ufb01"
    assert other("  a  \u201cb\u201d &amp;  \ufb01") == '  a  "b" &  fi'
    assert build.normaliser(Data(pretokenised=True))("  a  \u201cb\u201d ") == "  a  \u201cb\u201d "


def test_filters_come_in_their_order_with_their_settings() -> None:
    length, ratio = build.filters(Data(filters=(Choice("length", {"maximum": 7}), Choice("ratio"))))
    assert isinstance(length, Length)
    assert isinstance(ratio, Ratio)


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_schedules(name: str) -> None:
    recipe = Recipe(training=Training(schedule=Schedule(shape=Choice(name), warmup_updates=7)))
    schedule = build.schedule(recipe)
    assert type(schedule) is SCHEDULES.load(name)
    assert schedule.warmup_updates == 7


def test_a_schedules_own_settings() -> None:
    shape = Choice("plateau", {"factor": 0.3, "patience": 5})
    schedule = build.schedule(Recipe(training=Training(schedule=Schedule(shape=shape))))
    assert isinstance(schedule, Plateau)
    assert (schedule.multiplier, schedule.patience) == (0.3, 5)


TRAINING = Training(
    batch_tokens=99,
    schedule=Schedule(shape=Choice("constant"), warmup_updates=11),
    accumulate=3,
    max_epochs=4.5,
    max_updates=77,
    minutes=2.5,
    learning_rate=0.01,
    weight_decay=0.25,
    label_smoothing=0.2,
    clip_norm=0.7,
    clip_value=0.3,
    average=0.8,
    average_looks=4,
    precision="bf16",
    validate_every=13,
    stop_on="chrf",
    patience=6,
    seed=9,
)


# Where else a setting is asked for, and by which tests.
ELSEWHERE = {
    "batch_tokens": "the batches; here, and in tests/data/test_batches.py",
    "truncate": "the objective; tests/training/test_objective.py",
    "scheduled_sampling": "the objective; tests/training/test_objective.py",
    "r_drop": "the objective; tests/training/test_r_drop_objective.py",
    "guided_attention": "the objective; below",
    "hold": "the optimizer; below",
    "subword_sampling": "the batches; tests/test_build_text.py",
    "risk": "the second stage; tests/pipeline/test_refine.py",
    "tune_length_penalty": "after training; tests/pipeline/test_tune.py",
    "validate_sentences": "the validator; tests/pipeline/test_development_scores.py",
}


def trainer(tmp_path, training: Training = TRAINING, **given):
    tokenizer = build.tokenizer(Choice("words"), ["a b c d e f"] * 3, vocabulary_size=40, seed=1)
    write_split(tmp_path / "train.arrow", [Row(1, "a", "b", tokenizer.encode("a"), tokenizer.encode("b"))])
    told: dict[str, object] = {name: object() for name in ("validator", "keeper")}
    told["reporter"] = SimpleNamespace(said=lambda message: None)
    made = build.trainer(
        Recipe(model=Model(**SMALL), training=training),
        tokenizers=TokenizerPair(tokenizer, tokenizer),
        batches=Batches(Store(tmp_path / "train.arrow"), batch_tokens=training.batch_tokens, seed=training.seed),
        folder=tmp_path / "run",
        device=torch.device("cpu"),
        **told,
        **given,
    )
    assert all(getattr(made, name) is value for name, value in told.items())
    return made, tokenizer


def test_a_trainer_gets_every_setting(tmp_path) -> None:
    made, tokenizer = trainer(tmp_path)
    assert made.model.target_embedding.num_embeddings == tokenizer.vocabulary_size
    names = {SCHEDULES.load(name): name for name in SCHEDULES}
    found = {
        **dataclasses.asdict(made.limits),
        **{name: getattr(made, name) for name in ("learning_rate", "validate_every", "stop_on", "seed")},
        "accumulate": made.epochs.accumulate,
        "weight_decay": made.optimizer.param_groups[0]["weight_decay"],
        "label_smoothing": made.gradient.objective.label_smoothing,
        "clip_norm": made.step.clip_norm,
        "clip_value": made.step.clip_value,
        "average": made.average.decay,
        "average_looks": made.looks.count,
        "schedule": Schedule(shape=Choice(names[type(made.schedule)]), warmup_updates=made.schedule.warmup_updates),
        "precision": made.gradient.precision,
    }
    assert sorted([*found, *ELSEWHERE]) == sorted(Training.__struct_fields__)
    for name, value in found.items():
        assert value == getattr(TRAINING, name) != getattr(Training(), name), name
    assert made.gradient.seed == TRAINING.seed
    assert made.saver.checkpoints.last == tmp_path / "run" / "checkpoints" / "last"
    assert made.log.path == tmp_path / "run" / "metrics.jsonl"


def test_a_trainer_is_guided_by_its_own_pairs_from_source_to_target(tmp_path) -> None:
    made, tokenizer = trainer(tmp_path, structs.replace(TRAINING, guided_attention=0.5))
    guide = made.gradient.objective.guide
    assert guide.strength == 0.5
    # Read backwards, "a" and "b" would be a pair that the lexicon never saw.
    assert guide.alignment(collate([tokenizer.encode("a")], [tokenizer.encode("b")]))[0, 0, 0] > 0.5
    assert guide.alignment(collate([tokenizer.encode("b")], [tokenizer.encode("a")]))[0, 0, 0] == 0.0
    assert trainer(tmp_path)[0].gradient.objective.guide is None


@pytest.mark.parametrize("r_drop", [0.0, 1.0])
def test_every_objective_that_can_be_guided_is(r_drop: float) -> None:
    guide = Guide(lambda: pytest.fail("nobody has asked for it yet"), 0.5)
    assert build.objective(Training(r_drop=r_drop), guide).guide is guide


def test_the_first_weights_are_a_function_of_the_seed(tmp_path) -> None:
    seeds = (9, 9, 10)
    weights = []
    for seed in seeds:
        torch.rand(seed)  # whatever was drawn before must not matter
        made, _ = trainer(tmp_path, msgspec.structs.replace(TRAINING, seed=seed))
        weights.append(torch.nn.utils.parameters_to_vector(made.model.parameters()))
    for (a, x), (b, y) in itertools.combinations(zip(seeds, weights, strict=True), 2):
        assert torch.equal(x, y) == (a == b)


def test_training_starts_from_weights_that_are_given(tmp_path) -> None:
    first, _ = trainer(tmp_path)
    weights = {name: weight.detach() + 1 for name, weight in first.model.named_parameters()}  # a tied one has one name
    made, _ = trainer(tmp_path, weights=weights)
    for (name, weight), averaged in zip(made.model.named_parameters(), made.average.values, strict=True):
        assert torch.equal(weight, weights[name])
        assert torch.equal(averaged, weights[name])
    with pytest.raises(UserError, match="is not in the file"):
        trainer(tmp_path, weights=dict(list(weights.items())[1:]))


def test_weights_are_held_where_both_a_strength_and_an_origin_are_given(tmp_path) -> None:
    held = msgspec.structs.replace(TRAINING, hold=2.0, weight_decay=0.0)
    first, _ = trainer(tmp_path)
    weights = {name: weight.detach() + 1 for name, weight in first.model.named_parameters()}
    for training, origins in ((TRAINING, weights), (held, None)):  # neither costs anything
        assert not trainer(tmp_path, training, held=origins)[0].optimizer._optimizer_step_pre_hooks
    made, _ = trainer(tmp_path, held, held=weights)
    before = {name: weight.detach().clone() for name, weight in made.model.named_parameters()}
    for weight in made.model.parameters():
        weight.grad = torch.zeros_like(weight)
    made.step(0.1)
    for name, weight in made.model.named_parameters():
        torch.testing.assert_close(weight.detach(), before[name] + 0.2 * (weights[name] - before[name]))


def test_the_fingerprint_of_a_network_is_that_of_what_was_changed_in_it() -> None:
    usual = build.digest(complete(Recipe()).model)
    assert len(usual) == 16
    for change in (
        {"dropout": 0.31},
        {"layer_norm": True},
        {"cell": Choice("gru")},
        {"attention": Choice("multi-head", {"heads": 2})},
        {"freeze_vectors": True},
    ):
        assert build.digest(structs.replace(complete(Recipe()).model, **change)) != usual, change
    # The file that the first weights were made from may lie elsewhere by now.
    assert build.digest(structs.replace(complete(Recipe()).model, source_vectors="far/away.vec")) == usual
    assert build.digest(structs.replace(complete(Recipe()).model, target_vectors="far/away.vec")) == usual
