"""Ranges of a network's layers, and what is stretched by them."""

from __future__ import annotations

import numpy as np
import pytest
from graph_runner import Runner, sample
from tiny_models import tiny
from torch import nn

from seq2seq.engines.onnx.calibration import calibrate
from seq2seq.engines.onnx.products import LEAST_RANGE, MARGIN, Int8
from seq2seq.engines.torch_engine import TorchEngine
from seq2seq.nn.cells import Cell


@pytest.mark.parametrize("wiring", ["parallel", "input-feeding"])
def test_the_largest_of_every_output_of_every_linear_layer(wiring: str) -> None:
    """Looked up again with a hook of its own, on the layer that reads the memory."""
    model = tiny(wiring=wiring, attention="multi-head")
    engine, sources = TorchEngine(model), sample(model)
    seen = []
    hook = model.decoder.attention.key_projection.register_forward_hook(lambda *call: seen.append(call[2].abs()))
    found = calibrate(engine, sources)
    hook.remove()
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Linear)}
    assert set(found) == set(layers)
    for name, layer in layers.items():
        assert found[name].shape == (layer.out_features,)
        assert (found[name] >= 0).all()
        assert found[name].max() > 0
    wanted = np.max([value.amax(dim=(0, 1)).numpy() for value in seen], axis=0)
    np.testing.assert_array_equal(found["decoder.attention.key_projection"], wanted)
    for layer in layers.values():
        assert not layer._forward_hooks


def test_a_lexical_models_words_and_votes_are_measured_too() -> None:
    model = tiny(lexical=True)
    seen = {"output.lexical": [], "output.lexical.words": []}

    def see(_module, given, made) -> None:
        seen["output.lexical"].append(made.abs())
        seen["output.lexical.words"].append(given[0].abs())

    model.output.lexical.register_forward_hook(see)
    found = calibrate(TorchEngine(model), sample(model))
    for name, values in seen.items():
        np.testing.assert_array_equal(found[name], np.max([value.amax(dim=0).numpy() for value in values], axis=0))
    assert (found["output.lexical.words"] < 1).all(), "they passed a tanh"


def test_stretched_outputs_reach_just_below_one_and_idle_ones_far_less() -> None:
    products = Int8({"layer": np.array([0.5, 8.0, 0.0], np.float32)})
    stretch = products.stretch("layer")
    np.testing.assert_allclose(stretch[:2] * [0.5, 8.0], 1 / MARGIN, rtol=1e-6)
    np.testing.assert_allclose(stretch[2], 1 / (8.0 * MARGIN * LEAST_RANGE), rtol=1e-6)


def test_where_ranges_are_known_the_memory_is_bytes_and_no_row_is_scaled_in_a_step() -> None:
    model = tiny(wiring="parallel", attention="multi-head")
    memory = {
        precision: [value.type for value in Runner(model, precision).sessions["encoder"].get_outputs()[:2]]
        for precision in ("int8", "int8 measured")
    }
    assert memory == {"int8": ["tensor(float)"] * 2, "int8 measured": ["tensor(int8)"] * 2}
    nodes = [node.op_type for node in Runner(model, "int8 measured").written.models["step"].graph.node]
    assert "Abs" not in nodes
    assert nodes.count("MatMulIntegerToFloat") == 5


def test_no_range_is_relied_on_where_a_cell_says_that_it_has_no_bound(monkeypatch) -> None:
    model = tiny(wiring="parallel", attention="multi-head")
    kinds = {type(module) for module in model.modules() if isinstance(module, Cell)}
    for kind in kinds:
        monkeypatch.setattr(kind, "bounded", property(lambda _: False))
    memory = Runner(model, "int8 measured").sessions["encoder"].get_outputs()[:2]
    assert [value.type for value in memory] == ["tensor(float)"] * 2


def test_what_is_beyond_a_range_takes_no_more_levels_than_the_rest(monkeypatch) -> None:
    """Beyond 63 a processor without VNNI would cut off a sum of two products."""
    monkeypatch.setattr("graph_runner.calibrate", lambda *given: {k: v * 0.1 for k, v in calibrate(*given).items()})
    runner = Runner(tiny(wiring="parallel", attention="multi-head"), "int8 measured")
    memory, _ = runner.encode([[4, 5, 6, 7], [8]])
    for part in memory[:2]:
        assert np.abs(part.astype(int)).max() == 63
