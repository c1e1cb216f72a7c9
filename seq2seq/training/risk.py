"""Minimum-risk training: what is minimised is how bad the network's own translations are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, cast

import numpy as np
import torch
from torch import Tensor, nn

from seq2seq.data.batches import Batch, collate
from seq2seq.nn.draws import repeated as repeated_draws
from seq2seq.nn.memory import Memory
from seq2seq.nn.model import EncoderDecoder
from seq2seq.training.candidates import Candidates, Ids, distinct
from seq2seq.training.precision import computing

PARTS = 4
"""The texts of a batch are read in so many parts: more save little padding, and make each product small."""


class Costs(Protocol):
    """What says how bad translations are."""

    def __call__(self, candidates: Sequence[Sequence[Ids]], references: Sequence[Ids]) -> list[list[float]]:
        """Returns the cost of each candidate of each sentence, from 0 for the best to 1.

        Args:
            candidates: Those of each sentence, as ids without EOS.
            references: The reference of each.
        """


class Risk:
    """The expected cost of the network's own translations (Shen et al. 2016, equation 11).

    R = sum_s sum_{y in S(s)} Q(y | x_s) cost(y),      Q(y | x) = p(y | x)^a / sum_{y' in S} p(y' | x)^a

    S(s) are the candidates that the network draws (`seq2seq.training.candidates`), each text once, with the reference
    where it is wanted. What is minimised is R plus a share of the ordinary cross-entropy of the reference, without
    which a network forgets how to write what it has not drawn. A cost below the mean makes a candidate likelier:

    dR_s/dlog p(y | x) = a Q(y | x) (cost(y) - R_s)

    S(s) may be drawn at a temperature below 1, where Q stays that of the network's own p.

    One deviation: R_s counts as often as the reference of s has tokens. R and the cross-entropy then are means over the
    same tokens, as every loss of the trainer is, in pieces and in several processes as well. Corpus BLEU weighs
    sentences in the same way, and those of a batch are about equally long.

    Candidates are drawn without dropout, and their probabilities computed with it, all of a sentence through the same
    masks of states; words that are hidden from the decoder are each candidate's own. The encoder reads each sentence
    once for them and for the reference.

    Args:
        candidates: Draws them.
        costs: Says how bad each is.
        sharpness: a, above 0.
        reference: Whether the reference is a candidate too.
        cross_entropy: Share of the ordinary loss.
        label_smoothing: Of the ordinary loss.
    """

    def __init__(
        self,
        candidates: Candidates,
        costs: Costs,
        *,
        sharpness: float,
        reference: bool = True,
        cross_entropy: float = 0.0,
        label_smoothing: float = 0.0,
    ) -> None:
        self.candidates, self.costs = candidates, costs
        self.sharpness, self.reference = sharpness, reference
        self.cross_entropy, self.label_smoothing = cross_entropy, label_smoothing

    def add_gradient(
        self, model: nn.Module, batch: Batch, *, num_tokens: int, progress: float, precision: str
    ) -> Tensor:
        """See `Objective.add_gradient`."""
        network, device = cast(EncoderDecoder, model), batch.source.device
        # In a context of its own: weights that autocast has turned into bf16 here know no gradient.
        with computing(precision, device):
            drawn = self.candidates(network, batch.source, batch.source_lengths)
        texts = self._texts(batch, drawn)
        with computing(precision, device):
            memory = network.encode(batch.source, batch.source_lengths)
            log_probs, ordinary = self._read(network, texts, memory)
            loss = (self._risks(texts, log_probs) * batch.target_lengths).sum() + self.cross_entropy * ordinary
        loss = loss / num_tokens
        torch.autograd.backward(loss)
        return loss.detach()

    def _texts(self, batch: Batch, drawn: list[list[Ids]]) -> _Texts:
        """Puts together what is read of each sentence: its reference first, and the candidates that are not it."""
        rows, lengths = batch.target_out.tolist(), batch.target_lengths.tolist()
        references = [tuple(row[: length - 1]) for row, length in zip(rows, lengths, strict=True)]
        ids = [distinct(reference, found) for reference, found in zip(references, drawn, strict=True)]
        counts = [self.reference or reference in found for reference, found in zip(references, drawn, strict=True)]
        return _Texts(ids, counts, self.costs(ids, references))

    def _read(self, network: EncoderDecoder, texts: _Texts, memory: Memory) -> tuple[Tensor, Tensor]:
        """Reads all texts of all sentences under teacher forcing.

        Returns:
            The log-probability of each, [sentences, samples + 1], 0 where there is none; and the ordinary loss.
        """
        width, device = self.candidates.samples + 1, memory.mask.device
        # Texts of like length together, or half of what the layers read would be padding.
        places = [(len(text), i, k) for i, of_one in enumerate(texts.ids) for k, text in enumerate(of_one)]
        order = np.array(sorted(places), dtype=np.int64)
        log_probs, ordinary = torch.zeros(len(texts.ids) * width, device=device), torch.zeros((), device=device)
        for part in np.array_split(order, min(PARTS, len(order))):
            owner, number = (torch.from_numpy(part[:, column].copy()).to(device) for column in (1, 2))
            side = _targets([texts.ids[i][k] for _, i, k in part.tolist()]).to(device)
            with repeated_draws(width, owner, number):
                features, _ = network.read_part(
                    side.target_in, side.target_lengths, memory.select(owner), real=side.real
                )
            targets = side.target_out.flatten().index_select(0, side.real)
            text = side.real // side.target_out.shape[1]
            log_probs = log_probs.index_add(
                0, (owner * width + number)[text], network.output.log_probs(features, targets)
            )
            if self.cross_entropy:
                first = (number == 0)[text]
                ordinary = ordinary + network.output.loss(
                    features[first], targets[first], label_smoothing=self.label_smoothing
                )
        return log_probs.view(-1, width), ordinary

    def _risks(self, texts: _Texts, log_probs: Tensor) -> Tensor:
        """Returns the risk of each sentence."""
        costs = torch.zeros(log_probs.shape)
        there = torch.zeros(log_probs.shape, dtype=torch.bool)
        for i, (of_one, counts) in enumerate(zip(texts.costs, texts.counts, strict=True)):
            costs[i, : len(of_one)] = torch.tensor(of_one)
            there[i, : len(of_one)] = True
            there[i, 0] = counts
        scores = (self.sharpness * log_probs).masked_fill(~there.to(log_probs.device), -torch.inf)
        return (scores.softmax(dim=1) * costs.to(log_probs.device)).sum(dim=1)


def _targets(texts: Sequence[Ids]) -> Batch:
    """Returns a batch of which only the target side counts."""
    return collate([()] * len(texts), texts)


class _Texts(NamedTuple):
    """What is read of each sentence: its reference, then the candidates that are not it."""

    ids: list[list[Ids]]
    counts: list[bool]  # whether the reference is a candidate
    costs: list[list[float]]
