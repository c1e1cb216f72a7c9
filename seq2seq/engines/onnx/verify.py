"""Whether the graphs say what torch says, on a sample of sentences: asked before they are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seq.engines.engine import Engine
from seq2seq.errors import WorkError
from seq2seq.search import Beam, Greedy, Hypothesis, Limits

LARGEST = {"fp32": 1e-3, "int8": 3.0}
"""The largest difference of the log-probability of one token that is let pass: rounding in 32 bits; in 8 bits one word
in a thousand may be weighed quite otherwise, where the network itself was unsure."""
MEAN = {"fp32": 1e-4, "int8": 0.15}
"""Likewise of all tokens on average."""
LIMITS = Limits(1.5, 5)
"""Long enough to show a difference; sentences of random ids would else be translated to the last token that may be."""
SEARCHES: tuple[Greedy | Beam, ...] = Greedy(limits=LIMITS), Beam(5, limits=LIMITS)
TIE = 1e-4
"""Two translations whose scores are this close are equals: which one is found is a matter of rounding."""
APART = 0.02
"""The share of translations that may differ in 32 bits; one may in any sample. Where two beginnings are equals,
rounding chooses which is kept, and their ends are not equals. A wrong graph is known by its log-probabilities."""


@dataclass(frozen=True)
class Differences:
    """What a sample showed.

    Attributes:
        sentences: In the sample.
        tokens: Whose log-probabilities were compared: those of torch's own translations.
        largest: The largest difference of a token's log-probability.
        mean: The mean of the differences.
        greedy: Greedy translations that differ and are no ties.
        beam: Likewise, of a beam search with 5 hypotheses.
    """

    sentences: int
    tokens: int
    largest: float
    mean: float
    greedy: int
    beam: int

    def to_dict(self) -> dict[str, Any]:
        """Returns the differences as JSON values."""
        return asdict(self)


class Sample:
    """Sentences, and what torch makes of them: computed once, however many engines are compared with it.

    Args:
        reference: The network in torch.
        sources: Id lists without EOS.
    """

    def __init__(self, reference: Engine, sources: Sequence[Sequence[int]]) -> None:
        self._sources = sources
        self._found = [_translate(search, reference, sources) for search in SEARCHES]
        self._targets = [found.ids for found in self._found[0]]
        self._log_probs = _forced(reference, sources, self._targets)

    def compare(self, engine: Engine) -> Differences:
        """Translates the sentences with `engine`, and has it score torch's greedy translations."""
        greedy, beam = (
            _apart(wanted, _translate(search, engine, self._sources))
            for search, wanted in zip(SEARCHES, self._found, strict=True)
        )
        apart = np.abs(_forced(engine, self._sources, self._targets) - self._log_probs)
        return Differences(
            sentences=len(self._sources),
            tokens=apart.size,
            largest=float(apart.max()),
            mean=float(apart.mean()),
            greedy=greedy,
            beam=beam,
        )


def check(found: Differences, precision: str) -> None:
    """Refuses graphs that differ from torch by more than rounding.

    Raises:
        WorkError: They do.
    """
    most = max(1, int(APART * found.sentences)) if precision == "fp32" else found.sentences
    same = max(found.greedy, found.beam) <= most
    if same and found.largest <= LARGEST[precision] and found.mean <= MEAN[precision]:
        return
    raise WorkError(
        f"The {precision} graphs do not give what torch gives: log-probabilities differ by up to {found.largest:.2g}, "
        f"{found.mean:.2g} on average, and {max(found.greedy, found.beam)} of {found.sentences} translations differ.",
        hint="They are not written. The model translates with --engine torch.",
    )


def _translate(search: Greedy | Beam, model: Engine, sources: Sequence[Sequence[int]]) -> list[Hypothesis]:
    start = model.start(sources)
    return [found[0] for found in search(model, start.memory, start.state, start.source_lengths)]


def _apart(wanted: Sequence[Hypothesis], found: Sequence[Hypothesis]) -> int:
    pairs = zip(wanted, found, strict=True)
    return sum(one.ids != other.ids and abs(one.score - other.score) > TIE for one, other in pairs)


def _forced(model: Engine, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    """The log-probability of every token of `targets`, EOS included, sentence by sentence."""
    start, rows = model.start(sources), np.arange(len(sources))
    lengths = np.array([len(target) + 1 for target in targets])
    padded = np.full((len(targets), lengths.max()), model.eos, np.int64)
    for row, target in enumerate(targets):
        padded[row, : len(target)] = target
    state, last, found = start.state, np.full(len(rows), model.go, np.int64), np.empty(padded.shape)
    for position in range(padded.shape[1]):
        step = model.step(start.memory, rows, last, state, 1, padded[:, position : position + 1])
        assert step.also_log_probs is not None
        found[:, position], state, last = step.also_log_probs[:, 0], step.state, padded[:, position]
    return found[np.arange(padded.shape[1]) < lengths[:, None]]


def random_sample(num_sentences: int, num_symbols: int, *, first: int, longest: int = 16) -> list[list[int]]:
    """Returns sentences of random ids from `first` on, of lengths from 1: what there is where no text is at hand."""
    draw = np.random.default_rng(0)
    lengths = np.linspace(1, longest, num_sentences).astype(int)
    return [draw.integers(first, num_symbols, length).tolist() for length in lengths]
