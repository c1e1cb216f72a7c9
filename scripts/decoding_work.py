"""Counts what a translation must compute: the steps that were really made, times what the network's matrices hold.

The steps are counted by a thin wrapper around the engine, in a pass of its own, so that nothing that is timed counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from seq2seq.bundle import Bundle
from seq2seq.engines.engine import Engine, Start
from seq2seq.translator import Translator

OF_MEMORY = re.compile(r"decoder\.(second_)?attention\.(key|value|memory)")
LOOKED_UP = re.compile(r"(encoder\.layers|decoder\.cells)\.0\..*weight_ih_l0$")
"""What of the first layers depends on the token alone: an engine may compute it once a token, and look it up."""


@dataclass
class Counts:
    """What was asked of an engine.

    Attributes:
        source: Lengths of the sources of each batch, EOS counted.
        rows: Hypotheses of each step.
        pairs: Of each step, the real source tokens that its hypotheses look at.
    """

    source: list[np.ndarray[Any, Any]] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    pairs: list[int] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Returns the totals."""
        tokens = sum(int(lengths.sum()) for lengths in self.source)
        padded = sum(len(lengths) * int(lengths.max()) for lengths in self.source)
        return {
            "batches": len(self.source),
            "source_tokens": tokens,
            "padded_share": round(1 - tokens / padded, 4),
            "steps": len(self.rows),
            "hypothesis_steps": sum(self.rows),
            "rows_a_step": round(sum(self.rows) / len(self.rows), 1),
        }


class Counting:
    """An engine that answers as another does, and takes note of what it is asked. Threads may share it.

    Args:
        inner: The other.
        counts: Where it takes note.
    """

    def __init__(self, inner: Engine, counts: Counts) -> None:
        self._inner, self._counts = inner, counts
        # The memories are held, or another one could get the number of one that is gone.
        self._lengths: dict[int, tuple[Any, np.ndarray[Any, Any]]] = {}

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else an engine has
        return getattr(self._inner, name)

    def start(self, sources: Sequence[Sequence[int]], *rest: Any, **named: Any) -> Start:  # noqa: ANN401
        """See `Engine.start`."""
        start = self._inner.start(sources, *rest, **named)
        self._lengths[id(start.memory)] = start.memory, start.source_lengths
        self._counts.source.append(start.source_lengths)
        return start

    def step(self, memory: Any, owner: np.ndarray[Any, Any], *rest: Any, **named: Any) -> Any:  # noqa: ANN401
        """See `StepModel.step`."""
        self._counts.rows.append(len(owner))
        self._counts.pairs.append(int(self._lengths[id(memory)][1][owner].sum()))
        return self._inner.step(memory, owner, *rest, **named)


@contextmanager
def counting(translator: Translator) -> Iterator[Counts]:
    """Within the block, what the translator asks of its engine is counted."""
    engine, counts = translator.engine, Counts()
    translator.engine = Counting(engine, counts)  # type: ignore[assignment]
    try:
        yield counts
    finally:
        translator.engine = engine


@dataclass(frozen=True)
class Work:
    """Products of two numbers, by what each is made for.

    Attributes:
        sentence: The decoder's start.
        source: A source token: the encoder, keys and values.
        step: A step of a hypothesis: the decoder, and the output layer with its whole vocabulary.
        pair: A source token that a step looks at: its score, and its share of the context.
        source_table: What of `source` is a function of the token alone.
        step_table: What of `step` is.
    """

    sentence: int
    source: int
    step: int
    pair: int
    source_table: int
    step_table: int

    @classmethod
    def of(cls, bundle: Bundle) -> Work:
        """Counts those of a model, from the shapes of its weights.

        Raises:
            SystemExit: The model has been exported without them.
        """
        from safetensors import safe_open

        if not bundle.weights.exists():
            raise SystemExit(f"{bundle.weights} is missing: measure the model that this one was exported from.")
        with safe_open(bundle.weights, "np") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        matrices = {name: prod(shape) for name, shape in shapes.items() if len(shape) == 2}

        def total(part: str) -> int:
            return sum(size for name, size in matrices.items() if name.startswith(part))

        of_memory = sum(size for name, size in matrices.items() if OF_MEMORY.match(name))
        hidden, (embedding, features) = bundle.recipe.model.decoder_size, shapes["output.projection.weight"]
        combined = shapes.get("decoder.combine.weight")
        contexts = (combined[1] if combined else features) - hidden
        attentions = (1 + ("decoder.second_attention" in " ".join(shapes))) if contexts else 0
        tables = [name for name in matrices if LOOKED_UP.match(name)]
        return cls(
            sentence=total("decoder.bridge."),
            source=total("encoder.") + of_memory,
            step=total("decoder.")
            - total("decoder.bridge.")
            - of_memory
            + embedding * features
            + embedding * shapes["output.bias"][0],
            pair=attentions * hidden + contexts,
            source_table=sum(matrices[name] for name in tables if name.startswith("encoder")),
            # The input-feeding decoder's first layer also reads what was attended to.
            step_table=sum(shapes[name][0] * embedding for name in tables if name.startswith("decoder")),
        )

    def macs(self, counts: Counts, *, tables: bool) -> int:
        """Returns the products that these counts take; `tables`: without those that are looked up."""
        source, step = self.source, self.step
        if tables:
            source, step = source - self.source_table, step - self.step_table
        return (
            self.sentence * sum(map(len, counts.source))
            + source * sum(int(lengths.sum()) for lengths in counts.source)
            + step * sum(counts.rows)
            + self.pair * sum(counts.pairs)
        )
