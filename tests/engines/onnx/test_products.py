"""Products in 8 bits, against the formula in NumPy."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
from graph_runner import session

from seq2seq.engines.onnx.graph import Graph, Weights
from seq2seq.engines.onnx.products import Activation, Float, Int8, Matrix, quantise_columns

DRAW = np.random.default_rng(5)
W = DRAW.standard_normal((7, 6)).astype(np.float32)
X = np.tanh(DRAW.standard_normal((5, 6))).astype(np.float32)
B = DRAW.standard_normal(7).astype(np.float32)


def run(products, write, feeds, columns=("x",)):
    """Runs a graph whose output `write` makes of the activations."""
    g = Graph("product", Weights("w"))
    value = write(g, products)
    g.output(value, "y", "f32", ["R", "n"])
    for name in feeds:
        g.input(name, "f32", ["R", feeds[name].shape[1]])
    made, _held = session(g.model(), g.weights.arrays)
    return made.run(None, feeds)[0], g.weights


def whole(x, scale):
    """[rows, columns] whole numbers, equals rounded to the even."""
    return np.rint(x / scale)


def test_columns_have_their_own_scales() -> None:
    q, scale = quantise_columns(W)
    assert q.dtype == np.int8
    assert q.shape == (6, 7)
    assert q.flags.c_contiguous
    np.testing.assert_array_equal(np.abs(q).max(axis=0), 127)
    np.testing.assert_allclose(scale, np.abs(W).max(axis=1) / 127, rtol=1e-6)
    np.testing.assert_allclose(q.T * scale[:, None], W, atol=scale.max() / 2 * 1.001)


def test_a_column_of_zeros_stays_zero() -> None:
    q, scale = quantise_columns(np.zeros((3, 2), np.float32))
    assert not q.any()
    assert np.isfinite(scale).all()


@pytest.mark.parametrize("bias", [None, B])
def test_what_is_bounded_has_a_fixed_scale(bias) -> None:
    q, scale = quantise_columns(W)
    found, _ = run(
        Int8(), lambda g, p: p.affine(g, "w", [([Activation(6, "x", bounded=True)], Matrix("w", W))], bias), {"x": X}
    )
    wanted = whole(X, 1 / 127) @ q.astype(int) * scale / 127 + (0 if bias is None else bias)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_all_else_has_a_scale_a_row() -> None:
    x = X * np.array([[0.001], [1], [40], [7], [0]], np.float32)
    q, scale = quantise_columns(W)
    found, _ = run(Int8(), lambda g, p: p.affine(g, "w", [([Activation(6, "x")], Matrix("w", W))], B), {"x": x})
    rows = np.maximum(np.abs(x).max(axis=1, keepdims=True), 1e-9) / 127
    np.testing.assert_allclose(found, whole(x, rows) @ q.astype(int) * scale * rows + B, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(found[4], B)


def test_several_terms_and_what_is_added() -> None:
    """Bounded columns are multiplied at once, others apart; a matrix that is yet to be applied goes into the next."""
    through = DRAW.standard_normal((2, 3)).astype(np.float32)
    feeds = {"a": X[:, :2], "b": 9 * X[:, 2:5], "h": X[:, :3], "plus": DRAW.standard_normal((5, 7)).astype(np.float32)}
    first, second = DRAW.standard_normal((7, 4)).astype(np.float32), DRAW.standard_normal((7, 3)).astype(np.float32)

    def write(g, products):
        inner = products.deferred(g, "o", Activation(3, "b"), Matrix("o", through))
        terms = [
            ([Activation(2, "a", bounded=True), inner], Matrix("first", first)),
            ([Activation(3, "h", bounded=True)], Matrix("second", second)),
        ]
        return products.affine(g, "gates", terms, B, "plus")

    wanted = (
        np.concatenate([feeds["a"], feeds["b"] @ through.T], 1) @ first.T + feeds["h"] @ second.T + B + feeds["plus"]
    )
    exact, _ = run(Float(), write, feeds)
    np.testing.assert_allclose(exact, wanted, rtol=1e-4, atol=1e-5)
    rounded, weights = run(Int8(), write, feeds)
    assert np.abs(rounded - wanted).max() < 0.5
    assert np.abs(rounded - wanted).mean() < 0.05
    assert {name: array.shape for name, array in weights.arrays.items() if name.endswith(".q")} == {
        "gates.q": (5, 7),
        "gates.0.q": (3, 7),
    }
    assert weights.scales == {"gates.q": "gates.scale", "gates.0.q": "gates.0.scale"}


def test_sums_are_exact_whatever_the_batch() -> None:
    """Rows alone and among 200 others, bit for bit."""
    w = DRAW.standard_normal((33, 70)).astype(np.float32)
    g = Graph("product", Weights("w"))
    products = Int8()
    x = g.input("x", "f32", ["R", 70])
    g.output(products.affine(g, "w", [([Activation(70, x)], Matrix("w", w))]), "y", "f32", ["R", 33])
    made, _held = session(g.model(), g.weights.arrays)
    rows = DRAW.standard_normal((201, 70)).astype(np.float32)
    together = made.run(None, {"x": rows})[0]
    for row in (0, 1, 99, 200):
        np.testing.assert_array_equal(made.run(None, {"x": rows[row : row + 1]})[0][0], together[row])


def test_a_part_of_a_matrix() -> None:
    part = Matrix("w", W, columns=(2, 5))
    found, weights = run(Float(), lambda g, p: p.affine(g, "n", [([Activation(3, "x")], part)]), {"x": X[:, :3]})
    np.testing.assert_allclose(found, X[:, :3] @ W[:, 2:5].T, rtol=1e-5, atol=1e-6)
    assert set(weights.arrays) == {"w"}  # the whole tensor, as the bundle has it


def test_a_matrix_of_another_width_is_refused() -> None:
    with pytest.raises(ValueError, match="reads 6 numbers, and is given 5"):
        run(Int8(), lambda g, p: p.affine(g, "w", [([Activation(5, "x")], Matrix("w", W))]), {"x": X[:, :5]})


@pytest.mark.parametrize("products", [Float(), Int8()], ids=lambda p: p.name)
def test_a_state_is_kept_and_restored(products) -> None:
    def write(g, p):
        kept = p.kept(g, Activation(6, "x", bounded=True))
        return p.value(g, p.restored(kept, 6, bounded=True))

    found, _ = run(products, write, {"x": X})
    np.testing.assert_allclose(found, X, atol=0.5 / 127 if products.name == "int8" else 0)
    assert products.kind(bounded=True) == ("u8" if products.name == "int8" else "f32")
    assert products.kind(bounded=False) == "f32"


@pytest.mark.parametrize("products", [Float(), Int8()], ids=lambda p: p.name)
def test_embeddings_are_rows_of_what_the_output_reads(products) -> None:
    g = Graph("embedded", Weights("w"))
    ids = g.input("ids", "i64", ["t"])
    symbols = Matrix("symbols", W)
    x = products.embedded(g, symbols, ids)
    g.output(products.value(g, x), "y", "f32", ["t", 6])
    g.output(products.affine(g, "symbols", [([x], symbols)]), "scores", "f32", ["t", 7])
    made, _held = session(g.model(), g.weights.arrays)
    found, scores = made.run(["y", "scores"], {"ids": np.array([3, 0, 3])})
    tolerance = np.abs(W).max() / 254 * 1.01 if products.name == "int8" else 0
    np.testing.assert_allclose(found, W[[3, 0, 3]], atol=tolerance)
    np.testing.assert_allclose(scores, found @ W.T, atol=0.1 if products.name == "int8" else 1e-5)
    assert len([name for name in g.weights.arrays if not name.endswith("scale")]) == 1


def test_one_name_for_two_tensors_is_refused() -> None:
    g = Graph("g", Weights("w"))
    g.weight("w", W)
    with pytest.raises(ValueError, match="two tensors are called 'w'"):
        g.weight("w", W[:2])


def test_equal_constants_are_one() -> None:
    g = Graph("g", Weights("w"))
    assert g.ints(1, 2) == g.ints(1, 2) != g.ints(2, 1)
    assert g.constant(1.0) != g.constant([1.0])
    assert isinstance(ort.__version__, str)
