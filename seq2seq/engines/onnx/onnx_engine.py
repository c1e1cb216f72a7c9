"""The ONNX engine: three graphs run by ONNX Runtime. No torch, no package `onnx`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seq.bundle import Bundle
from seq2seq.data.padding import pad
from seq2seq.device import physical_cores
from seq2seq.engines.engine import Distribution, Start
from seq2seq.engines.onnx.folder import AGAIN, FOLDER, Graphs, Sizes, open_graphs
from seq2seq.engines.onnx.memory import Memory, State, view
from seq2seq.engines.onnx.places import lay_out
from seq2seq.engines.onnx.tables import Table
from seq2seq.errors import UserError
from seq2seq.search import FloatArray, IntArray, Step
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.special import EOS, GO


@dataclass(frozen=True, eq=False)
class _Raw:
    """What a run of the step graph gave, by name, and the state after it."""

    outputs: dict[str, NDArray[Any]]
    state: State


class OnnxEngine:
    """Answers the search from three graphs: tables, encoder, step.

    States and memory are never copied on their way from step to step. It keeps nothing between calls but the tables,
    and threads may share it.

    Args:
        graphs: tables (ids -> the rows that first layers take from a token alone), encoder (ids, lengths -> memory and
            first state) and step (one step of the decoder, with the k best).
        sizes: Of all of them.
        parallel: See `Engine.parallel`.
        precision: What it multiplies with, "int8" or "fp32"; see `Engine.precision`.
    """

    go = GO
    eos = EOS

    def __init__(self, graphs: Graphs, sizes: Sizes, *, precision: str, parallel: int = 1) -> None:
        self._graphs = graphs
        self.parallel = parallel
        self.precision = precision
        self.name = f"OnnxEngine {precision} cpu"
        self._least = sizes.least_rows
        self.vocabulary_size = sizes.target_symbols
        self._source = Table(sizes.source_symbols, sizes.source_width, lambda ids: self._rows("source", ids))
        self._target = Table(sizes.target_symbols, sizes.target_width, lambda ids: self._rows("target", ids))
        self._memory_names = _numbered("memory", sizes.num_memory)
        self._state_names = _numbered("state", sizes.num_state)
        self._next_names = _numbered("next", sizes.num_state)
        self._attends = "attention" in graphs.step.outputs
        # ONNX Runtime refuses what a graph has no place for: the grid, where nothing attends.
        self._unread = {"grid", "place"} - graphs.step.inputs

    def start(self, sources: Sequence[Sequence[int]]) -> Start:
        """See `Engine.start`."""
        num_sentences = len(sources)
        ids, lengths = pad(sources or [[]])  # no graph reads a batch of none
        self._source.ensure(ids)
        feed: dict[str, NDArray[Any]] = {
            "ids": self._at_least(ids),
            "lengths": self._at_least(lengths),
            "source_table": self._source.rows,
        }
        found = self._graphs.encoder.run([*self._memory_names, *self._state_names], feed)
        memory = tuple(part[:num_sentences] for part in found[: len(self._memory_names)])
        state = State(tuple(part[: max(num_sentences, self._least)] for part in found[len(memory) :]))
        return Start(Memory(memory, num_sentences), state, lengths[:num_sentences])

    def step(
        self,
        memory: Memory,
        owner: IntArray,
        last_ids: IntArray,
        state: State,
        k: int,
        also: IntArray | None = None,
    ) -> Step:
        """See `StepModel.step`."""
        names = ["ids", "best"] if also is None else ["ids", "best", "also_log_probs"]
        found = self._run(names, memory, owner, last_ids, state, k, also)
        outputs = found.outputs
        return Step(
            outputs["ids"], outputs["best"], found.state, outputs.get("also_log_probs"), outputs.get("attention")
        )

    def distribution(self, memory: Memory, owner: IntArray, last_ids: IntArray, state: State) -> Distribution:
        """See `Engine.distribution`."""
        found = self._run(["log_probs"], memory, owner, last_ids, state, 1, None)
        return Distribution(found.outputs["log_probs"], found.state, found.outputs.get("attention"))

    def select(self, state: State, rows: IntArray) -> State:
        """See `StepModel.select`; nothing is moved before the next step."""
        return state.select(rows)

    def _run(
        self,
        names: list[str],
        memory: Memory,
        owner: IntArray,
        last_ids: IntArray,
        state: State,
        k: int,
        also: IntArray | None,
    ) -> _Raw:
        """Runs the step graph for the outputs called `names`, and for the attention and the state."""
        num_rows = len(owner)
        self._target.ensure(last_ids)
        rows = np.arange(num_rows, dtype=np.int64) if state.rows is None else state.rows
        owner, last_ids, rows = self._at_least(owner), self._at_least(last_ids), self._at_least(rows)
        seen = view(memory, state.kept, owner)
        grid, place = lay_out(seen.owner, seen.counts)
        feed: dict[str, NDArray[Any]] = {
            "last_ids": last_ids,
            "rows": rows,
            "grid": grid,
            "place": place,
            "also": np.empty((len(owner), 0), np.int64) if also is None else self._at_least(also),
            "k": np.array([k], np.int64),
            "target_table": self._target.rows,
            **dict(zip(self._memory_names, seen.parts, strict=True)),
            **dict(zip(self._state_names, state.parts, strict=True)),
        }
        names = [*names, "attention"] if self._attends else names
        for name in self._unread:
            del feed[name]
        fetched = self._graphs.step.run(names + self._next_names, feed)
        return _Raw(
            {name: value[:num_rows] for name, value in zip(names, fetched, strict=False)},
            State(tuple(fetched[len(names) :]), None, seen.kept),
        )

    def _rows(self, side: str, ids: IntArray) -> FloatArray:
        """Computes rows of the "source" or the "target" table."""
        found: FloatArray = self._graphs.tables.run([side], {"ids": self._at_least(ids)})[0]
        return found[: len(ids)]

    def _at_least(self, rows: IntArray) -> IntArray:
        """Doubles a lone row where it would else be rounded otherwise than among others."""
        return rows if len(rows) >= self._least else np.repeat(rows, 2, axis=0)


def _numbered(what: str, count: int) -> list[str]:
    return [f"{what}.{number}" for number in range(count)]


def load_engine(bundle: Bundle, tokenizers: TokenizerPair, *, precision: str = "int8", threads: int = 1) -> OnnxEngine:
    """Opens the ONNX engine of a bundle.

    Args:
        bundle: The model.
        tokenizers: Its tokenizers, whose sizes must be the graphs'.
        precision: "int8" or "fp32".
        threads: Cores to keep busy: how many batches may be computed at a time; 0: all.

    Raises:
        UserError: The bundle has no such graphs, they are damaged or of a newer version, or have other
            vocabularies.
    """
    graphs, sizes = open_graphs(bundle, precision)
    for side, found in (("source", sizes.source_symbols), ("target", sizes.target_symbols)):
        known = getattr(tokenizers, side).vocabulary_size
        if found != known:  # ids would be looked up outside of the tables
            raise UserError(
                f"The graphs in {bundle.path / FOLDER} have {found:,} {side} symbols, and the tokenizer has {known:,}.",
                hint=AGAIN,
            )
    return OnnxEngine(graphs, sizes, parallel=threads or physical_cores(), precision=precision)
