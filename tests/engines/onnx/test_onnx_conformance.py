"""Every cell, attention and wiring as graphs: held to torch, to itself with padding, and to itself in other batches."""

from __future__ import annotations

import numpy as np
import pytest
from graph_runner import FORBIDDEN, Runner, onnx_log_probs, torch_log_probs
from tiny_models import (
    BIDEEP,
    CELL_KINDS,
    EXTRAS,
    GRID,
    JOINED,
    LEXICAL,
    NETWORKS,
    SECOND,
    SYMBOLS,
    random_batch,
    tiny,
)

from seq2seq.engines.onnx.twins import NoTwinError, find_attention, find_cell, find_wiring
from seq2seq.registry import ATTENTIONS, CELLS, WIRINGS
from seq2seq.text.special import GO

SOURCES = random_batch([4, 1, 6, 3], [0])[0]
TARGETS = np.concatenate([np.full((4, 1), GO), random_batch([0], [5] * 4)[1]], axis=1)


def has_twins(name: str) -> bool:
    """Whether all members of a network are written as nodes; a member of one's own need not be."""
    made = NETWORKS[name]
    attention = made.get("attention", "multi-head")
    return bool(ATTENTIONS.member(str(attention)).onnx)


# Each wiring with each attention, each kind of cell, and all that is more than one of each; the whole grid is slow.
FAST = [
    *(f"{wiring} {kind} {attention}" for (wiring, attention), kind in zip(JOINED, [*CELL_KINDS] * 9, strict=False)),
    *(f"parallel {kind} multi-head" for kind in CELL_KINDS),
    *EXTRAS,
    *SECOND,
    *LEXICAL,
    *BIDEEP,
]
FAST = [name for name in FAST if has_twins(name)]
REST = [" ".join(kind) for kind in GRID if " ".join(kind) not in FAST and has_twins(" ".join(kind))]
SHAPES = {
    "one way": {"bidirectional": False},
    "one way, two layers": {"bidirectional": False, "encoder_layers": 2},
    "one way, from the end": {"bidirectional": False, "reverse_source": True},
    "both ways, from the end": {"reverse_source": True, "encoder_layers": 2},
    "bridge zero": {"bridge": "zero"},
    "bridge mean": {"bridge": "mean"},
    "untied": {"tie": "none"},
    "target tied": {"tie": "target"},
}
PRECISIONS = ["fp32", "int8", "int8 measured"]


@pytest.mark.parametrize("family", [CELLS, ATTENTIONS, WIRINGS], ids=lambda family: family.kind)
def test_every_member_has_a_twin_or_a_reason(family) -> None:
    for name in family:
        member = family.member(name)
        assert bool(member.onnx) != bool(member.no_onnx), name


def test_a_stranger_has_no_twin() -> None:
    for find in (find_cell, find_attention, find_wiring):
        with pytest.raises(NoTwinError, match="--engine torch"):
            find(object())


def close_to_torch(model) -> None:
    """fp32 within rounding, int8 within a tolerance that no wrong graph meets: the mean says more than the largest."""
    wanted, weights = torch_log_probs(model.eval(), SOURCES, TARGETS)
    real = np.isfinite(wanted)
    normed = any("norm" in name for name, _ in model.named_parameters())  # divides by small deviations
    tolerances = {"fp32": (1e-4 if normed else 2e-5, 1e-5, 1e-5)}
    tolerances |= {"int8": (3.0, 0.2, 0.5), "int8 measured": (3.0, 0.3, 0.5)}
    for precision, (largest, mean, attended) in tolerances.items():
        found, attention = onnx_log_probs(Runner(model, precision), SOURCES, TARGETS)
        assert (np.isfinite(found) == real).all(), precision
        apart = np.abs(found[real] - wanted[real])
        assert apart.max() <= largest, precision
        assert apart.mean() <= mean, precision
        if attention is not None:
            assert np.abs(attention - weights).max() <= attended
            np.testing.assert_allclose(attention.sum(-1), 1.0, rtol=1e-5)


@pytest.mark.parametrize("name", FAST)
def test_a_network_gives_what_torch_gives(name: str) -> None:
    close_to_torch(tiny(**NETWORKS[name]))


@pytest.mark.slow
@pytest.mark.parametrize("name", REST)
def test_the_whole_grid_gives_what_torch_gives(name: str) -> None:
    close_to_torch(tiny(**NETWORKS[name]))


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_every_encoder_gives_what_torch_gives(name: str, cell: str) -> None:
    close_to_torch(tiny(cell=cell, attention="general", **SHAPES[name]))


def test_two_vocabularies_of_different_sizes() -> None:
    from seq2seq import build
    from seq2seq.recipe.schema import Choice, Model

    settings = Model(
        cell=Choice("gru"), tie="target", embedding_size=6, encoder_size=8, decoder_size=8, attention=Choice("dot")
    )
    for symbols in [(29, SYMBOLS), (SYMBOLS, 29)]:
        close_to_torch(build.model(settings, source_symbols=symbols[0], target_symbols=symbols[1]))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", ["parallel lstm multi-head", *EXTRAS, *SECOND, *LEXICAL, "parallel gru local"])
def test_padding_and_neighbours_change_no_bit(name: str, precision: str) -> None:
    """Each sentence alone, and among others that are longer: the memory of its real tokens, and all that follows."""
    runner = Runner(tiny(**NETWORKS[name], symbols=97), precision)
    sources = random_batch([4, 1, 9, 3, 21], [0], symbols=97)[0]
    targets = np.concatenate([np.full((5, 1), GO), random_batch([0], [4] * 5, symbols=97)[1]], axis=1)
    together, attention = onnx_log_probs(runner, sources, targets)
    for number, source in enumerate(sources):
        alone, weights = onnx_log_probs(runner, [source], targets[number : number + 1])
        np.testing.assert_array_equal(alone[0], together[number])
        if attention is not None:
            length = len(source) + 1
            np.testing.assert_array_equal(weights[0, :, :length], attention[number, :, :length])
            assert (attention[number, :, length:] == 0).all()


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(("attention", "size"), [("multi-head", 72), ("additive", 34), ("general", 130)])
def test_long_sentences_among_short_ones_change_no_bit(attention: str, size: int, precision: str) -> None:
    """Wider than a vector register and than a block of a product, both in the features and along the source."""
    runner = Runner(tiny(attention=attention, size=size, bridge="mean", noise=0.05), precision)
    sources = random_batch([150, 1, 17, 64, 300, 33], [0])[0]
    targets = np.concatenate([np.full((6, 1), GO), random_batch([0], [2] * 6)[1]], axis=1)
    together, weights = onnx_log_probs(runner, sources, targets)
    for number, source in enumerate(sources):
        alone, attention_alone = onnx_log_probs(runner, [source], targets[number : number + 1])
        np.testing.assert_array_equal(alone[0], together[number])
        np.testing.assert_array_equal(attention_alone[0], weights[number, :, : len(source) + 1])


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(
    "name", ["parallel lstm multi-head", "input-feeding gru additive", "parallel gru local", *LEXICAL]
)
def test_rows_are_gathered_and_laid_out(name: str, precision: str) -> None:
    """Hypotheses in any order, of some sentences only, in a wider grid: each row as if it were alone."""
    runner = Runner(tiny(**NETWORKS[name]), precision)
    memory, state = runner.encode(SOURCES)
    ids = np.array([5, 6, 7, 8])
    first, after = runner.step(memory, state, np.full(4, GO), np.arange(4), np.arange(4), 4)
    plain, _ = runner.step(memory, after, ids, np.arange(4), np.arange(4), 4)
    rows = np.array([2, 0, 2, 3, 0, 2])
    chosen, _ = runner.step(memory, after, ids[rows], rows, rows, 4, width=5)
    for output in ("log_probs", "attention"):
        np.testing.assert_array_equal(chosen[output], plain[output][rows])
    assert not np.array_equal(first["log_probs"], plain["log_probs"])


@pytest.mark.parametrize("symbols", [4, 7, 12, SYMBOLS, 36, 97])
def test_the_k_best_equal_by_the_lower_id(symbols: int) -> None:
    """Of values that are often equal, against a stable sort."""
    import onnxruntime as ort

    from seq2seq.engines.onnx.graph import Graph, Weights
    from seq2seq.engines.onnx.top import best

    g = Graph("best", Weights(""))
    scores, k = g.input("scores", "f32", ["R", symbols]), g.input("k", "i64", [1])
    for name, value, kind in zip(("ids", "best"), best(g, scores, k), ("i64", "f32"), strict=True):
        g.output(value, name, kind, ["R", "k"])
    session = ort.InferenceSession(g.model().SerializeToString(), providers=["CPUExecutionProvider"])
    values = np.random.default_rng(1).integers(0, 4, (50, symbols)).astype(np.float32)
    values[:, [0, 1]] = -np.inf
    for wanted in {1, 2, 3, symbols // 2, symbols}:
        ids, highest = session.run(None, {"scores": values, "k": np.array([wanted])})
        order = np.argsort(-values, axis=1, kind="stable")[:, :wanted]
        real = np.isfinite(np.take_along_axis(values, order, 1))
        np.testing.assert_array_equal(highest, np.take_along_axis(values, order, 1))
        np.testing.assert_array_equal(ids[real], order[real])


def test_a_step_gives_the_best_and_those_asked_for() -> None:
    runner = Runner(tiny())
    memory, state = runner.encode(SOURCES)
    also = np.array([[2, 0], [3, 5], [6, 1], [9, 9]])
    found, _ = runner.step(memory, state, np.full(4, GO), np.arange(4), np.arange(4), 4, k=3, also=also)
    order = np.argsort(-found["log_probs"], axis=1, kind="stable")[:, :3]
    np.testing.assert_array_equal(found["ids"], order)
    np.testing.assert_array_equal(found["best"], np.take_along_axis(found["log_probs"], order, 1))
    np.testing.assert_array_equal(found["also_log_probs"], np.take_along_axis(found["log_probs"], also, 1))
    assert np.isneginf(found["log_probs"][:, FORBIDDEN]).all()
    np.testing.assert_allclose(np.exp(found["log_probs"]).sum(1), 1, rtol=1e-5)
