"""Weights of 8 bits on processors that cut off sums of two products: their instruction, emulated in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seq2seq.engines.onnx import probe
from seq2seq.engines.onnx import weights as reading
from seq2seq.engines.onnx.weights import NARROWEST, halve, narrowed, read_weights, saturates
from seq2seq.errors import UserError

DEPTH, COLUMNS = 6, 3


def exact(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    return (x.astype(np.int64) - probe.ZERO_POINT) @ w.astype(np.int64)


def cut_off(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The product as AVX2 and SSSE3 do it: pairs of u8 x s8 added in 16 signed bits (VPMADDUBSW), then summed.

    The zero point is taken out afterwards, by the weights' own sums.
    """
    products = x.astype(np.int64)[:, :, None] * w.astype(np.int64)[None]
    pairs = np.clip(products[:, 0::2] + products[:, 1::2], -(2**15), 2**15 - 1)
    return pairs.sum(axis=1) - probe.ZERO_POINT * w.astype(np.int64).sum(axis=0)


ACTIVATIONS = arrays(np.uint8, (4, DEPTH), elements=st.one_of(st.integers(0, 255), st.sampled_from([0, 255])))
WEIGHTS = arrays(np.int8, (DEPTH, COLUMNS), elements=st.one_of(st.integers(-128, 127), st.sampled_from([-128, 127])))


@given(ACTIVATIONS, WEIGHTS)
def test_halved_weights_cannot_saturate(x: np.ndarray, w: np.ndarray) -> None:
    half = halve(w)
    assert np.abs(half.astype(int)).max() <= NARROWEST
    assert np.array_equal(cut_off(x, half), exact(x, half))
    # Half a unit of the halved weight is one of the whole.
    assert np.abs(2 * half.astype(int) - w).max() <= 1


def test_whole_weights_can() -> None:
    x, w = np.full((1, DEPTH), 255, np.uint8), np.full((DEPTH, COLUMNS), 127, np.int8)
    assert (cut_off(x, w) < exact(x, w)).all()
    widest = np.full((DEPTH, COLUMNS), NARROWEST + 1, np.int8)  # and one more would not do
    assert (cut_off(x, widest) != exact(x, widest)).all()


def test_the_probe_sees_it() -> None:
    assert np.array_equal(exact(probe.left(), probe.right()), probe.exact())
    assert not np.array_equal(cut_off(probe.left(), probe.right()), probe.exact())


@pytest.mark.parametrize("product", [exact, cut_off])
def test_what_the_probe_finds_decides(monkeypatch, product) -> None:
    class Emulated:
        """A processor."""

        def run(self, names, feed):
            return [product(feed["x"], probe.right()).astype(np.int32)]

    monkeypatch.setattr(reading, "Session", lambda path, weights: Emulated())
    saturates.cache_clear()
    try:
        assert saturates() == (product is cut_off)
    finally:
        saturates.cache_clear()


def test_the_shipped_probe_is_the_one_that_is_described() -> None:
    import onnx

    assert onnx.load(probe.PATH) == probe.graph()


def test_the_probe_is_asked_of_this_processor() -> None:
    import onnxruntime as ort

    session = ort.InferenceSession(probe.graph().SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(["y"], {"x": probe.left()})
    assert saturates() == (not np.array_equal(found, probe.exact()))


def test_narrowing_keeps_the_product_up_to_rounding() -> None:
    draw = np.random.default_rng(3)
    weights = {
        "w": draw.integers(-128, 128, size=(32, 5)).astype(np.int8),
        "w.scale": draw.uniform(0.001, 0.01, size=5).astype(np.float32),
        "bias": draw.normal(size=5).astype(np.float32),
    }
    now = narrowed(weights, {"w": "w.scale"})
    assert now["bias"] is weights["bias"]
    assert now["w"].dtype == np.int8
    assert now["w.scale"].dtype == np.float32
    whole, half = (one["w"].astype(np.float64) * one["w.scale"] for one in (weights, now))
    assert (np.abs(whole - half) <= weights["w.scale"] * 1.001).all()
    assert np.array_equal(now["w.scale"], 2 * weights["w.scale"])
    x = np.full((1, 32), 255, np.uint8)
    assert np.array_equal(cut_off(x, now["w"]), exact(x, now["w"]))


def test_a_scale_that_two_weights_share_is_doubled_once() -> None:
    weights = {"a": np.ones((2, 2), np.int8), "b": np.ones((2, 2), np.int8), "s": np.ones(2, np.float32)}
    assert narrowed(weights, {"a": "s", "b": "s"})["s"].tolist() == [2.0, 2.0]


def test_weights_are_read(tmp_path) -> None:
    from safetensors.numpy import save_file

    path = tmp_path / "int8.safetensors"
    with pytest.raises(UserError, match=r"int8\.safetensors is missing"):
        read_weights(path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(UserError, match=r"int8\.safetensors is damaged"):
        read_weights(path)
    save_file({"w": np.arange(6, dtype=np.int8).reshape(2, 3)}, path)
    assert read_weights(path)["w"].tolist() == [[0, 1, 2], [3, 4, 5]]
