"""Several models that answer as one: their probabilities are averaged before anything is picked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seq2seq.engines.best import best
from seq2seq.engines.engine import Distribution, Engine, Start
from seq2seq.errors import UserError
from seq2seq.folders import describe
from seq2seq.search import FloatArray, IntArray, Step

if TYPE_CHECKING:
    from seq2seq.bundle import Bundle

TEXT_SETTINGS = ("unicode_form", "quotes", "spaces", "html_entities", "pretokenised")
"""What of a recipe's data settings decides which characters a model reads."""


class Ensemble:
    """An engine that means the mean of its members.

    log p(y | y_<, x) = log sum_i w_i p_i(y | y_<, x), with weights that add up to 1: the arithmetic mean of whole
    distributions, at every step. The k best are of the mean, so that a symbol which no member puts first can win.
    The weights of attention are averaged likewise, over the members that have any.

    Every step moves rows x symbols numbers a member, and each member takes its own time: n members cost n times one,
    and the sum.

    Args:
        engines: The members; any engines, of one target vocabulary, that read the same source ids.
        weights: How much each counts, above 0; only their ratios matter. None: all alike.

    Raises:
        UserError: There is no member, not one weight a member, a weight is no positive number, or the vocabularies
            differ in size.
    """

    def __init__(self, engines: Sequence[Engine], weights: Sequence[float] | None = None) -> None:
        if not engines:
            raise UserError("An ensemble needs at least one model.")
        sizes = [engine.vocabulary_size for engine in engines]
        if len(set(sizes)) > 1:
            raise UserError(
                f"The models of an ensemble must share one target vocabulary; these have {_listed(sizes)} symbols.",
                hint="Train them with the same tokenizers: from one prepared run, with other seeds.",
            )
        self.engines = list(engines)
        self.weights = _shares(weights, len(engines))
        self.go, self.eos, self.vocabulary_size = engines[0].go, engines[0].eos, sizes[0]
        self.parallel = min(engine.parallel for engine in engines)
        self.precision = " + ".join(dict.fromkeys(engine.precision for engine in engines))
        self.name = " + ".join(engine.name for engine in engines)

    def start(self, sources: Sequence[Sequence[int]]) -> Start:
        """See `Engine.start`; memory and state are tuples, one part a member."""
        starts = [engine.start(sources) for engine in self.engines]
        return Start(
            tuple(start.memory for start in starts), tuple(start.state for start in starts), starts[0].source_lengths
        )

    def step(
        self,
        memory: tuple[Any, ...],
        owner: IntArray,
        last_ids: IntArray,
        state: tuple[Any, ...],
        k: int,
        also: IntArray | None = None,
    ) -> Step:
        """See `StepModel.step`."""
        found = self.distribution(memory, owner, last_ids, state)
        ids, values = best(found.log_probs, k)
        wanted = None if also is None else np.take_along_axis(found.log_probs, also, axis=1)
        return Step(ids, values, found.state, wanted, found.attention)

    def distribution(
        self, memory: tuple[Any, ...], owner: IntArray, last_ids: IntArray, state: tuple[Any, ...]
    ) -> Distribution:
        """See `Engine.distribution`."""
        members = [
            engine.distribution(its_memory, owner, last_ids, its_state)
            for engine, its_memory, its_state in zip(self.engines, memory, state, strict=True)
        ]
        return Distribution(
            log_mean([member.log_probs for member in members], self.weights),
            tuple(member.state for member in members),
            self._attention([member.attention for member in members]),
        )

    def select(self, state: tuple[Any, ...], rows: IntArray) -> tuple[Any, ...]:
        """See `StepModel.select`."""
        return tuple(engine.select(its, rows) for engine, its in zip(self.engines, state, strict=True))

    def _attention(self, found: Sequence[FloatArray | None]) -> FloatArray | None:
        having = [(weight, one) for weight, one in zip(self.weights, found, strict=True) if one is not None]
        if not having:
            return None
        total = sum(weight for weight, _ in having)
        mean = np.zeros_like(having[0][1])
        for weight, one in having:
            mean += np.float32(weight / total) * one
        return mean


def log_mean(log_probs: Sequence[FloatArray], weights: Sequence[float]) -> FloatArray:
    """Returns log sum_i w_i exp(log_probs_i), element by element, so that no row can touch another.

    The largest term is taken out before the exponential: what all members hold for very unlikely keeps its order, and
    does not become -inf, which means "never".

    Args:
        log_probs: [rows, symbols] of each member.
        weights: One a member; they add up to 1.
    """
    terms = [one + np.float32(np.log(weight)) for one, weight in zip(log_probs, weights, strict=True)]
    largest = terms[0].copy()
    for term in terms[1:]:
        np.maximum(largest, term, out=largest)
    largest[largest == -np.inf] = 0.0
    total = np.zeros_like(largest)
    for term in terms:
        total += np.exp(term - largest)
    with np.errstate(divide="ignore"):  # what no member ever writes stays so
        np.log(total, out=total)
    total += largest
    return total


def check_alike(bundles: Sequence[Bundle]) -> None:
    """Checks that models read and write the same ids, and translate the same way: one text is encoded once for all.

    Two directions of one corpus can have one joint vocabulary.

    Raises:
        UserError: Directions, tokenizers or normalisers differ; names the two models.
    """
    first = bundles[0]
    files = describe(first.tokenizers)
    settings = {name: getattr(first.recipe.data, name) for name in TEXT_SETTINGS}
    for other in bundles[1:]:
        ways = [one.facts.languages for one in (first, other)]
        if all(map(all, ways)) and ways[0] != ways[1]:
            raise UserError(
                f"{first.path} translates from {' to '.join(ways[0])}, and {other.path} from {' to '.join(ways[1])}: "
                "they cannot translate as one.",
                hint="Take models of one direction.",
            )
        if describe(other.tokenizers) != files:
            raise UserError(
                f"{first.path} and {other.path} have different tokenizers, and so cannot translate as one.",
                hint="Train them from one prepared run, with other seeds.",
            )
        for name, value in settings.items():
            if getattr(other.recipe.data, name) != value:
                raise UserError(
                    f"{first.path} and {other.path} read text differently: data.{name} is {value!r} in the one and "
                    f"{getattr(other.recipe.data, name)!r} in the other.",
                    hint="Train them from one prepared run, with other seeds.",
                )


def _shares(weights: Sequence[float] | None, count: int) -> list[float]:
    """Returns the weights, scaled to add up to 1."""
    given = [1.0] * count if weights is None else [float(weight) for weight in weights]
    if len(given) != count:
        raise UserError(
            f"There must be one weight for each of the {count} models, not {len(given)}.", hint="For two: 2,1"
        )
    if wrong := [weight for weight in given if not (np.isfinite(weight) and weight > 0)]:
        raise UserError(f"A model's weight must be a number above 0, not {wrong[0]}.")
    total = sum(given)
    return [weight / total for weight in given]


def _listed(sizes: Sequence[int]) -> str:
    return " and ".join(f"{size:,}" for size in dict.fromkeys(sizes))
