"""The same answer, always: translations, their order and their scores are equal to the bit in any company."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tiny_models import tiny

from seq2seq.engines.onnx.calibration import calibrate
from seq2seq.engines.onnx.export import Export
from seq2seq.engines.onnx.folder import Graphs, Sizes
from seq2seq.engines.onnx.onnx_engine import OnnxEngine
from seq2seq.engines.onnx.sessions import Session
from seq2seq.engines.torch_engine import TorchEngine
from seq2seq.search import Beam, Greedy, Limits
from seq2seq.text.special import GO, PAD, UNK

SYMBOLS = 300
LIMITS = Limits(max_length_factor=1.0, max_length_constant=4)
SEARCHES = {
    "greedy": Greedy(limits=LIMITS),
    "beam": Beam(4, nbest=3, limits=LIMITS),
    "covering": Beam(3, nbest=2, limits=LIMITS, coverage_penalty=0.2, prune=2.0),
}
# Wide enough that a product over the width is cut into blocks, and sources long enough that their number may change
# how: what a small network would never show.
KINDS = {
    "multi-head": {"attention": "multi-head", "size": 40},
    "eight heads": {"attention": "multi-head", "size": 40, "heads": 8},
    "wide dot": {"attention": "dot", "size": 264},
    "additive, fed": {"wiring": "input-feeding", "attention": "additive", "cell": "gru", "size": 24},
    "local": {"attention": "local", "cell": "elman", "size": 24},
    "no attention": {"wiring": "fixed-vector", "attention": "none", "cell": "lstm-peepholes", "size": 24},
    "layer norm, mean": {"attention": "general", "cell": "gru-layer-norm", "size": 40, "bridge": "mean"},
}
SHIPPED = ["multi-head", "wide dot"]


@cache
def pool() -> list[list[int]]:
    """Sources of all lengths, some of them twice."""
    draw = np.random.default_rng(8)
    lengths = [1, 1, 2, 3, 3, 5, 7, 8, 12, 15, 16, 17, 31, 33, 40, 70]
    return [draw.integers(4, SYMBOLS, length).tolist() for length in lengths]


@pytest.fixture(scope="module")
def engines(tmp_path_factory):
    """Makes the engine of a kind and a precision, once."""

    @cache
    def make(kind: str, precision: str) -> OnnxEngine:
        folder = tmp_path_factory.mktemp("graphs")
        return exported(tiny(symbols=SYMBOLS, noise=0.1, **KINDS[kind]), precision, folder)

    return make


def exported(model, precision: str, folder: Path) -> OnnxEngine:
    ranges = calibrate(TorchEngine(model), pool()[:12])
    written = Export(model, precision, forbidden=[PAD, GO, UNK], ranges=ranges).write()
    facts, arrays, sessions = written.facts, written.weights.arrays, {}
    for name, graph in written.models.items():
        path = folder / f"{name}.{precision}.onnx"
        path.write_bytes(graph.SerializeToString())
        sessions[name] = Session(path, {weight: arrays[weight] for weight in facts["weights"][name]})
    sizes = Sizes(**{name: facts[name] for name in Sizes.__dataclass_fields__})
    return OnnxEngine(Graphs(**sessions), sizes, precision=precision)


def translate(engine: OnnxEngine, search: str, numbers) -> list:
    """All that is said of these sentences of the pool, translated as one batch."""
    start = engine.start([pool()[number] for number in numbers])
    if search == "covering" and not engine._attends:  # nothing could be covered
        search = "beam"
    found = SEARCHES[search](engine, start.memory, start.state, start.source_lengths, want_attention=True)
    return [[_bits(hypothesis) for hypothesis in hypotheses] for hypotheses in found]


def _bits(hypothesis) -> tuple:
    attention = b"" if hypothesis.attention is None else hypothesis.attention.tobytes()
    return (
        tuple(hypothesis.ids),
        hypothesis.score,
        hypothesis.log_prob,
        np.asarray(hypothesis.token_log_probs).tobytes(),
        attention,
    )


@pytest.fixture(scope="module")
def alone(engines):
    """What each sentence of the pool is translated into when it is alone."""

    @cache
    def make(kind: str, precision: str, search: str) -> list:
        return [translate(engines(kind, precision), search, [number])[0] for number in range(len(pool()))]

    return make


CASES = [
    pytest.param(kind, precision, marks=[] if kind in SHIPPED else [pytest.mark.slow])
    for kind in KINDS
    for precision in ("int8", "fp32")
]
SIZES = (1, 7, 64)


@pytest.mark.parametrize(("kind", "precision"), CASES)
@pytest.mark.parametrize("search", SEARCHES)
def test_in_batches_of_any_size(engines, alone, kind: str, precision: str, search: str) -> None:
    engine, wanted = engines(kind, precision), alone(kind, precision, search)
    for size in SIZES:
        order = np.random.default_rng(size).permutation(np.arange(64) % len(pool()))
        for begin in range(0, 64 if size > 1 else 8, size):
            numbers = order[begin : begin + size]
            assert translate(engine, search, numbers) == [wanted[number] for number in numbers]


@given(data=st.data())
@hypothesis_settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize(("kind", "precision"), CASES)
def test_with_any_neighbours(engines, alone, kind: str, precision: str, data) -> None:
    numbers = data.draw(st.lists(st.integers(0, len(pool()) - 1), min_size=1, max_size=9))
    search = data.draw(st.sampled_from(list(SEARCHES)))
    wanted = alone(kind, precision, search)
    assert translate(engines(kind, precision), search, numbers) == [wanted[number] for number in numbers]


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_what_was_translated_before_changes_nothing(engines, alone, precision: str, tmp_path) -> None:
    """A fresh engine computes the rows of its tables in another order, and in other company."""
    fresh = exported(tiny(symbols=SYMBOLS, noise=0.1, **KINDS["multi-head"]), precision, tmp_path)
    numbers = list(range(len(pool())))[::-1]
    wanted = alone("multi-head", precision, "beam")
    assert translate(fresh, "beam", numbers) == [wanted[number] for number in numbers]


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_greedy_is_a_beam_of_one(engines, precision: str) -> None:
    engine = engines("multi-head", precision)
    start = engine.start(pool())
    results = [
        [
            (tuple(one.ids), one.log_prob, one.score)
            for (one,) in search(engine, start.memory, start.state, start.source_lengths)
        ]
        for search in (Greedy(limits=LIMITS), Beam(1, limits=LIMITS))
    ]
    assert results[0] == results[1]


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_a_batch_of_none_is_translated_into_none(engines, precision: str) -> None:
    engine = engines("multi-head", precision)
    start = engine.start([])
    assert len(start.source_lengths) == 0
    assert translate(engine, "beam", []) == []
