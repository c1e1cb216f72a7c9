"""Writing a network as graphs: the folder `onnx` of a bundle. See `seq2seq.engines.onnx` for what is in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import onnx
from torch import Tensor

from seq2seq.engines.onnx.attentions import Asked, MemoryPart
from seq2seq.engines.onnx.cells import array_of
from seq2seq.engines.onnx.decoder import DecoderTwin
from seq2seq.engines.onnx.encoder import EncoderTwin
from seq2seq.engines.onnx.graph import Graph, Weights
from seq2seq.engines.onnx.products import Activation, Float, Int8, Matrix, Numbers, Products
from seq2seq.engines.onnx.top import LexicalTwin, best, log_probs
from seq2seq.engines.onnx.twins import find_wiring
from seq2seq.nn.cells import Cell
from seq2seq.nn.model import EncoderDecoder

GRAPHS = ("tables", "encoder", "step")
WEIGHTS = {"int8": "int8.safetensors", "fp32": "../weights.safetensors"}


@dataclass(frozen=True)
class Written:
    """A network as graphs.

    Attributes:
        models: The graphs by their names in `GRAPHS`.
        weights: What lies outside of them.
        facts: What an engine must know of them, as JSON values.
    """

    models: dict[str, onnx.ModelProto]
    weights: Weights
    facts: dict[str, Any] = field(default_factory=dict)


class Export:
    """Writes a network in one precision.

    Args:
        model: The network.
        precision: "int8" or "fp32".
        forbidden: Target ids that are never written.
        ranges: What `calibrate` found; only 8 bits have a use for it.
    """

    def __init__(
        self,
        model: EncoderDecoder,
        precision: str,
        *,
        forbidden: Sequence[int],
        ranges: Mapping[str, Numbers] | None = None,
    ) -> None:
        self._model, self._forbidden = model, list(forbidden)
        # What a cell without a bound gives has no range to rely on: over many steps it may outgrow all that was seen.
        ranges = None if any(isinstance(one, Cell) and not one.bounded for one in model.modules()) else ranges
        self._products: Products = Int8(ranges) if precision == Int8.name else Float()
        self._weights = Weights(WEIGHTS[precision])
        self._names = {id(weight): name for name, weight in model.named_parameters()}
        self._encoder = EncoderTwin(model.encoder, self._products)
        self._decoder: DecoderTwin = find_wiring(model.decoder)(model.decoder, self._products)
        lexical = model.output.lexical
        self._lexical = None if lexical is None else LexicalTwin(lexical, "output.lexical", self._products)

    def write(self) -> Written:
        """Writes the three graphs."""
        tables = self._tables()
        encoder, memory = self._encode()
        step = self._step(memory)
        models = {"tables": tables, "encoder": encoder, "step": step}
        return Written(models, self._weights, self._facts(memory, models))

    def _facts(self, memory: Sequence[MemoryPart], models: Mapping[str, onnx.ModelProto]) -> dict[str, Any]:
        symbols = self._model.target_embedding.num_embeddings
        return {
            "source_symbols": self._model.source_embedding.num_embeddings,
            "target_symbols": symbols,
            "source_width": self._encoder.table_width,
            "target_width": self._decoder.table_width,
            "num_memory": len(memory),
            "num_state": len(self._decoder.parts),
            "least_rows": self._products.fewest_rows,
            # A session takes the weights of its own graph, none more and none less.
            "weights": {name: outside(model) for name, model in models.items()},
            "scales": dict(sorted(self._weights.scales.items())),
        }

    @property
    def _attends(self) -> bool:
        return self._model.decoder.attention.context_size > 0

    def _matrix(self, weight: Tensor) -> Matrix:
        """A matrix under the name that the bundle's weights have for it, which tied ones share."""
        return Matrix(self._names[id(weight)], array_of(weight))

    def _tables(self) -> onnx.ModelProto:
        g = Graph("tables", self._weights)
        ids = g.input("ids", "i64", ["t"])
        sides = {
            "source": (self._model.source_embedding, self._encoder.table),
            "target": (self._model.target_embedding, self._decoder.table),
        }
        for name, (embedding, table) in sides.items():
            # A token of the other vocabulary may be no token of this one.
            last = g.constant(embedding.num_embeddings - 1, "int64")
            rows = self._products.embedded(g, self._matrix(embedding.weight), g.op("Min", ids, last))
            g.output(table(g, rows), name, "f32", ["t", name])
        return g.model()

    def _encode(self) -> tuple[onnx.ModelProto, list[MemoryPart]]:
        g = Graph("encoder", self._weights)
        ids, lengths = g.input("ids", "i64", ["n", "S"]), g.input("lengths", "i64", ["n"])
        table = g.input("source_table", "f32", ["V", "source"])
        source, start = self._encoder.write(g, ids, lengths, table, self._model.decoder.bridge.summary)
        rows = g.dim(lengths, 0)
        memory = [part for parts in self._decoder.prepare(g, source) for part in parts]
        state = self._decoder.initial(g, start, rows)
        if self._lexical is not None:
            memory.append(self._lexical.prepare(g, ids, self._matrix(self._model.source_embedding.weight)))

        for number, part in enumerate(memory):
            g.output(part.value, f"memory.{number}", part.kind, ["n", *part.dims])
        for number, (value, kept) in enumerate(zip(state, self._decoder.parts, strict=True)):
            g.output(value, f"state.{number}", self._products.kind(bounded=kept.bounded), ["n", kept.size])
        return g.model(), memory

    def _step(self, memory: Sequence[MemoryPart]) -> onnx.ModelProto:
        g, model, parts = Graph("step", self._weights), self._model, self._decoder.parts
        last_ids, rows = g.input("last_ids", "i64", ["R"]), g.input("rows", "i64", ["R"])
        grid, place = g.input("grid", "i64", ["n", "w"]), g.input("place", "i64", ["R"])
        also, k = g.input("also", "i64", ["R", "m"]), g.input("k", "i64", [1])
        table = g.input("target_table", "f32", ["V", "target"])
        values = [g.input(f"memory.{i}", part.kind, ["n", *part.dims]) for i, part in enumerate(memory)]
        state = [
            g.gather(g.input(f"state.{i}", self._products.kind(bounded=part.bounded), ["before", part.size]), rows)
            for i, part in enumerate(parts)
        ]
        words = [] if self._lexical is None else [values.pop()]
        share = len(values) // len(self._decoder.attentions)
        memories = [values[first : first + share] for first in range(0, len(values), share)] if share else [[]]
        asked = Asked(Activation(0), grid, place)
        stepped = self._decoder.step(g, g.gather(table, last_ids), asked, state, memories)
        symbols = self._matrix(model.output.weight)
        lexical = [] if self._lexical is None else [self._lexical.term(g, asked, stepped.weights, *words)]
        scores = log_probs(g, model.output, symbols, self._products, stepped.features, self._forbidden, lexical)
        ids, highest = best(g, scores, k)
        g.output(ids, "ids", "i64", ["R", "k"])
        g.output(highest, "best", "f32", ["R", "k"])
        g.output(g.op("GatherElements", scores, also, axis=1), "also_log_probs", "f32", ["R", "m"])
        if self._attends:
            g.output(stepped.weights, "attention", "f32", ["R", "S"])
        g.output(scores, "log_probs", "f32", ["R", "V"])
        for number, (part, value) in enumerate(zip(parts, stepped.state, strict=True)):
            kind = self._products.kind(bounded=part.bounded)
            g.output(self._products.kept(g, value), f"next.{number}", kind, ["R", part.size])
        return g.model()


def outside(model: onnx.ModelProto) -> list[str]:
    """Returns the names of the tensors that a graph is given when it is loaded."""
    return sorted(t.name for t in model.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL)
