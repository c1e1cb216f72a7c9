"""A small model made twice: as three graphs written by hand, and as a loop over rows in NumPy.

It embeds, averages nothing, attends with a dot product and has one tanh layer: just enough for every input and output
of the engine's graphs to matter.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from seq2seq.engines.onnx.folder import Graphs, Sizes
from seq2seq.engines.onnx.onnx_engine import OnnxEngine
from seq2seq.engines.onnx.sessions import Session
from seq2seq.text.special import EOS, GO, PAD

SIZE = 4
SOURCE_SYMBOLS, TARGET_SYMBOLS = 23, 12
FORBIDDEN = [PAD, GO]
OPSETS = [helper.make_opsetid("", 17)]


def weights(seed=5):
    draw = np.random.default_rng(seed)
    return {
        "source_embedding": draw.normal(size=(SOURCE_SYMBOLS, SIZE)).astype(np.float32),
        "target_embedding": draw.normal(size=(TARGET_SYMBOLS, SIZE)).astype(np.float32),
        "output": draw.normal(size=(SIZE, TARGET_SYMBOLS)).astype(np.float32),
    }


def _model(name, inputs, outputs, nodes, external=(), constants=None):
    """A graph; `external` names (name, shape) of weights that are given at load."""
    kinds = {"f": TensorProto.FLOAT, "i": TensorProto.INT64}
    info = [[helper.make_tensor_value_info(n, kinds[k], dims) for n, k, dims in side] for side in (inputs, outputs)]
    initializers = [numpy_helper.from_array(np.asarray(v), n) for n, v in (constants or {}).items()]
    for weight, shape in external:
        tensor = TensorProto(name=weight, dims=shape, data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value="elsewhere")
        initializers.append(tensor)
    made = [helper.make_node(kind, ins, outs, **more) for kind, ins, outs, more in nodes]
    graph = helper.make_graph(made, name, *info, initializers)
    return helper.make_model(graph, opset_imports=OPSETS, ir_version=8)


def tables():
    return _model(
        "tables",
        [("ids", "i", ["t"])],
        [("source", "f", ["t", SIZE]), ("target", "f", ["t", SIZE])],
        [
            ("Min", ["ids", "last_source"], ["source_ids"], {}),
            ("Min", ["ids", "last_target"], ["target_ids"], {}),
            ("Gather", ["source_embedding", "source_ids"], ["source"], {}),
            ("Gather", ["target_embedding", "target_ids"], ["target"], {}),
        ],
        [("source_embedding", [SOURCE_SYMBOLS, SIZE]), ("target_embedding", [TARGET_SYMBOLS, SIZE])],
        {"last_source": np.int64(SOURCE_SYMBOLS - 1), "last_target": np.int64(TARGET_SYMBOLS - 1)},
    )


def encoder():
    """memory.0: the embeddings; memory.1: a mask, 0 or -inf; state.0: the last real word's embedding."""
    return _model(
        "encoder",
        [("ids", "i", ["n", "s"]), ("lengths", "i", ["n"]), ("source_table", "f", ["v", SIZE])],
        [("memory.0", "f", ["n", "s", SIZE]), ("memory.1", "f", ["n", "s"]), ("state.0", "f", ["n", SIZE])],
        [
            ("Gather", ["source_table", "ids"], ["memory.0"], {}),
            ("Shape", ["ids"], ["time"], {"start": 1}),
            ("Squeeze", ["time"], ["time0"], {}),
            ("Range", ["zero", "time0", "one"], ["positions"], {}),
            ("Unsqueeze", ["lengths", "last_axis"], ["ends"], {}),
            ("Less", ["positions", "ends"], ["real"], {}),
            ("Where", ["real", "nothing", "never"], ["memory.1"], {}),
            ("Sub", ["ends", "one"], ["places"], {}),
            ("Unsqueeze", ["places", "last_axis"], ["places3"], {}),
            ("Expand", ["places3", "width"], ["index"], {}),
            ("GatherElements", ["memory.0", "index"], ["last"], {"axis": 1}),
            ("Squeeze", ["last", "middle_axis"], ["state.0"], {}),
        ],
        constants={
            "zero": np.int64(0),
            "one": np.int64(1),
            "last_axis": np.array([-1]),
            "middle_axis": np.array([1]),
            "width": np.array([1, 1, SIZE]),
            "nothing": np.float32(0),
            "never": np.float32(-np.inf),
        },
    )


def step():
    bias = np.zeros(TARGET_SYMBOLS, np.float32)
    bias[FORBIDDEN] = -np.inf
    return _model(
        "step",
        [
            ("last_ids", "i", ["r"]),
            ("rows", "i", ["r"]),
            ("grid", "i", ["n", "w"]),
            ("place", "i", ["r"]),
            ("also", "i", ["r", "m"]),
            ("k", "i", [1]),
            ("target_table", "f", ["v", SIZE]),
            ("memory.0", "f", ["n", "s", SIZE]),
            ("memory.1", "f", ["n", "s"]),
            ("state.0", "f", ["o", SIZE]),
        ],
        [
            ("ids", "i", ["r", "k"]),
            ("best", "f", ["r", "k"]),
            ("also_log_probs", "f", ["r", "m"]),
            ("attention", "f", ["r", "s"]),
            ("log_probs", "f", ["r", TARGET_SYMBOLS]),
            ("next.0", "f", ["r", SIZE]),
        ],
        [
            ("Gather", ["state.0", "rows"], ["before"], {}),
            ("Gather", ["target_table", "last_ids"], ["words"], {}),
            ("Add", ["before", "words"], ["inner"], {}),
            ("Tanh", ["inner"], ["next.0"], {}),
            ("Gather", ["next.0", "grid"], ["queries"], {}),
            ("Transpose", ["memory.0"], ["keys"], {"perm": [0, 2, 1]}),
            ("MatMul", ["queries", "keys"], ["dots"], {}),
            ("Unsqueeze", ["memory.1", "middle_axis"], ["mask"], {}),
            ("Add", ["dots", "mask"], ["masked"], {}),
            ("Softmax", ["masked"], ["shares"], {"axis": -1}),
            ("MatMul", ["shares", "memory.0"], ["contexts"], {}),
            ("Reshape", ["contexts", "flat"], ["context_rows"], {}),
            ("Gather", ["context_rows", "place"], ["context"], {}),
            ("Shape", ["memory.1"], ["time"], {"start": 1}),
            ("Concat", ["minus_one", "time"], ["flat_shares"], {"axis": 0}),
            ("Reshape", ["shares", "flat_shares"], ["share_rows"], {}),
            ("Gather", ["share_rows", "place"], ["attention"], {}),
            ("Add", ["next.0", "context"], ["features"], {}),
            ("MatMul", ["features", "output"], ["plain"], {}),
            ("Add", ["plain", "bias"], ["logits"], {}),
            ("LogSoftmax", ["logits"], ["log_probs"], {"axis": -1}),
            ("TopK", ["log_probs", "k"], ["best", "ids"], {"axis": -1}),
            ("GatherElements", ["log_probs", "also"], ["also_log_probs"], {"axis": 1}),
        ],
        [("output", [SIZE, TARGET_SYMBOLS])],
        {
            "bias": bias,
            "middle_axis": np.array([1]),
            "minus_one": np.array([-1]),
            "flat": np.array([-1, SIZE]),
        },
    )


def engine(folder, *, least_rows=1, seed=5):
    """The engine over the graphs; what it asks of them is kept in `engine.asked`."""
    given = weights(seed)
    names = {"tables": ["source_embedding", "target_embedding"], "encoder": [], "step": ["output"]}
    sessions = []
    for name, model in (("tables", tables()), ("encoder", encoder()), ("step", step())):
        path = folder / f"{name}.onnx"
        path.write_bytes(model.SerializeToString())
        sessions.append(Watched(Session(path, {weight: given[weight] for weight in names[name]})))
    sizes = Sizes(SOURCE_SYMBOLS, TARGET_SYMBOLS, SIZE, SIZE, 2, 1, least_rows)
    made = OnnxEngine(Graphs(*sessions), sizes, precision="fp32")
    made.asked = {"tables": sessions[0].asked, "encoder": sessions[1].asked, "step": sessions[2].asked}
    return made


class Watched:
    """A session that remembers what it was asked."""

    def __init__(self, session):
        self.session = session
        self.asked = []

    def run(self, names, feed):
        self.asked.append(feed)
        return self.session.run(names, feed)

    def __getattr__(self, name):
        return getattr(self.session, name)


def log_probs_of(source, target, given=None):
    """What follows `target` as the translation of `source`, and the last step's attention: one row, from scratch."""
    given = given or weights()
    memory = given["source_embedding"][[*source, EOS]].astype(np.float64)
    hidden = memory[-1]
    for word in [GO, *target]:
        hidden = np.tanh(hidden + given["target_embedding"][word])
    shares = np.exp(memory @ hidden - (memory @ hidden).max())
    shares /= shares.sum()
    logits = (hidden + shares @ memory) @ given["output"]
    logits[FORBIDDEN] = -np.inf
    return logits - logits.max() - np.log(np.exp(logits - logits.max()).sum()), shares
