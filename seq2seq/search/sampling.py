"""Sampling: tokens drawn at random from the model's distribution, or from the top of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seq2seq.errors import UserError
from seq2seq.search.blocking import block, check_blocking
from seq2seq.search.candidates import Candidates
from seq2seq.search.constraints import Constraints
from seq2seq.search.draws import uniforms
from seq2seq.search.hypothesis import Hypothesis, check_length_penalty
from seq2seq.search.limits import DEFAULT_LIMITS, Limits
from seq2seq.search.required import Required, refuse_required
from seq2seq.search.step_model import AnyFloatArray, DoubleArray, IntArray, Memory, State, StepModel
from seq2seq.search.walk import reorder, walk


class Sampling:
    """Draws each token from softmax(log_probs / temperature), cut to its top by `top_k` and `top_p`.

    The draws are independent, so the `nbest` samples of a sentence may hold the same translation twice. They are
    functions of (seed, sentence number, sample number, position) and of nothing else. `log_prob` and `score` are the
    model's own: no temperature and no cut enters them.

    Args:
        temperature: Above 0; 1 is the model's distribution, towards 0 it becomes greedy.
        top_k: Draw from the k likeliest tokens only; 0: no such cut.
        top_p: Draw from the fewest likeliest tokens whose probabilities (with the temperature) reach this share of the
            whole (nucleus sampling, Holtzman et al. 2020); 1: no such cut. With `top_k` too, a token must pass both.
        seed: Of the draws.
        nbest: How many samples a sentence; returned best score first, then by sample number.
        length_penalty: Changes the scores, never the samples.
        limits: How long a translation may get.
        min_length: The fewest tokens, without EOS; lifts the limit where that is lower. What may not be written is left
            out of the draw, as if it had no probability; likewise with the next and with what is banned.
        no_repeat_ngram: No so many tokens in a row stand in a translation twice; 0: they may.

    Raises:
        UserError: A setting is out of range.
    """

    def __init__(
        self,
        *,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        seed: int = 1,
        nbest: int = 1,
        length_penalty: float = 1.0,
        limits: Limits = DEFAULT_LIMITS,
        min_length: int = 0,
        no_repeat_ngram: int = 0,
    ) -> None:
        if not (np.isfinite(temperature) and temperature > 0):
            raise UserError(
                f"The temperature must be a finite number above 0, not {temperature}.",
                hint="For no randomness at all use the greedy search.",
            )
        if top_k < 0:
            raise UserError(f"top_k must be at least 0, not {top_k}.", hint="0 means all tokens.")
        if not 0 < top_p <= 1:
            raise UserError(f"top_p must be above 0 and at most 1, not {top_p}.", hint="1 means all tokens.")
        if nbest < 1:
            raise UserError(f"The number of samples, nbest, must be at least 1, not {nbest}.")
        check_length_penalty(length_penalty)
        check_blocking(min_length, no_repeat_ngram)
        self.temperature = temperature
        self.top_k = top_k
        self.top_p = top_p
        self.seed = seed
        self.nbest = nbest
        self.length_penalty = length_penalty
        self.limits = limits
        self.min_length = min_length
        self.no_repeat_ngram = no_repeat_ngram

    def __call__(
        self,
        model: StepModel,
        memory: Memory,
        state: State,
        source_lengths: IntArray,
        *,
        prefixes: Sequence[Sequence[int]] | None = None,
        required: Required | None = None,
        banned: Sequence[Sequence[int]] | None = None,
        want_attention: bool = False,
        sentence_numbers: IntArray | None = None,
    ) -> list[list[Hypothesis]]:
        """Returns `nbest` samples a sentence; see `Search` for the arguments."""
        refuse_required(required, "Sampling")
        num_sentences = len(source_lengths)
        constraints = Constraints(np.maximum(self.limits(source_lengths), self.min_length), prefixes, model)
        numbers = np.arange(num_sentences, dtype=np.int64) if sentence_numbers is None else sentence_numbers
        if len(numbers) != num_sentences:
            raise ValueError(f"There must be {num_sentences} sentence numbers, one a sentence, not {len(numbers)}.")
        sentences = np.repeat(np.arange(num_sentences, dtype=np.int64), self.nbest)
        samples = np.tile(np.arange(self.nbest, dtype=np.int64), num_sentences)

        def draw(candidates: Candidates, paths: IntArray, position: int) -> tuple[IntArray, AnyFloatArray]:
            draws = uniforms(self.seed, numbers[sentences[paths]], samples[paths], position)
            rows, columns = np.arange(len(paths)), pick(self.probabilities(candidates.log_probs), draws)
            return candidates.ids[rows, columns], candidates.log_probs[rows, columns]

        whole = self.top_k == 0 or self.top_p < 1
        found = walk(
            model,
            memory,
            reorder(model, state, sentences, num_sentences),
            sentences=sentences,
            source_lengths=source_lengths,
            constraints=constraints,
            blocking=block(
                model,
                len(sentences),
                min_length=self.min_length,
                no_repeat_ngram=self.no_repeat_ngram,
                banned=banned,
            ),
            k=model.vocabulary_size if whole else min(self.top_k, model.vocabulary_size),
            choose=draw,
            length_penalty=self.length_penalty,
            want_attention=want_attention,
        )
        groups = [found[i : i + self.nbest] for i in range(0, len(found), self.nbest)]
        return [sorted(group, key=lambda hypothesis: -hypothesis.score) for group in groups]

    def probabilities(self, log_probs: AnyFloatArray) -> DoubleArray:
        """Returns what each candidate is drawn with, up to a row's constant factor; [rows, k], best first, as given."""
        log_probs = log_probs.astype(np.float64)
        weights = np.exp((log_probs - log_probs[:, :1]) / self.temperature)
        if self.top_k:
            beyond_k = np.arange(weights.shape[1]) >= self.top_k
        else:
            beyond_k = np.zeros(weights.shape[1], dtype=np.bool_)
        # A token is in the nucleus while those before it fall short of top_p; so the first always is.
        before = np.cumsum(weights, axis=1) - weights
        beyond_p = before >= self.top_p * weights.sum(axis=1, keepdims=True)
        beyond_p[:, 0] = False
        return np.where(beyond_k | (beyond_p if self.top_p < 1 else False), 0.0, weights)


def pick(weights: DoubleArray, draws: DoubleArray) -> IntArray:
    """Inverts each row's cumulative weights at its draw; [rows] columns, never one of weight 0.

    Args:
        weights: [rows, k], at least 0, the first of each row above 0, with all zeros of a row at its end.
        draws: [rows], in [0, 1).
    """
    cumulative = np.cumsum(weights, axis=1)
    columns = (cumulative <= draws[:, None] * cumulative[:, -1:]).sum(axis=1)
    # Rounding may carry draw * total up to the total itself.
    last: IntArray = (weights > 0).sum(axis=1) - 1
    return np.asarray(np.minimum(columns, last))
