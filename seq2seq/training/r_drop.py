"""The objective of R-Drop: two dropouts of one network read each sentence, and should say the same."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from seq2seq.data.batches import Batch
from seq2seq.nn.draws import twice
from seq2seq.nn.model import EncoderDecoder
from seq2seq.training.guidance import Guide, watched
from seq2seq.training.objective import CrossEntropy
from seq2seq.training.precision import computing


class RDrop(CrossEntropy):
    """Cross-entropy of two readings under two dropouts, and how much they disagree (R-Drop, Liang et al. 2021).

    L = 1/T sum_t { 1/2 [CE_t(p) + CE_t(p')] + a/4 [KL(p_t || p'_t) + KL(p'_t || p_t)] }

    T counts the real target tokens of the update once, though each is read twice. The loss is so that of the paper over
    2T: the mean of both readings' cross-entropies and a/2 of the mean of both divergences. Where the two agree it is
    the ordinary loss, so learning rate and clipping keep their meaning; between cross-entropy and agreement the balance
    is the paper's, so its values of a hold (1 to 5, larger for smaller corpora).

    Both readings are one pass over a batch of twice the rows, which takes nearly twice the time of
    a plain update (1.7 times on a CPU) and twice its memory.

    Args:
        r_drop: a.
        label_smoothing: Share of the probability that goes to the whole vocabulary.
        guide: Shows the attention of both readings where to look, each counting half.
    """

    def __init__(self, r_drop: float, label_smoothing: float = 0.0, *, guide: Guide | None = None) -> None:
        super().__init__(label_smoothing, guide=guide)
        self.r_drop = r_drop

    def add_gradient(
        self, model: nn.Module, batch: Batch, *, num_tokens: int, progress: float, precision: str
    ) -> Tensor:
        """Adds the gradient of L. Returns its cross-entropy alone, which a training without R-Drop reports as well."""
        network, targets = cast(EncoderDecoder, model), batch.target_out.flatten().index_select(0, batch.real)
        both = doubled(batch)
        with computing(precision, batch.source.device), twice(), watched(model, self.guide) as weights:
            memory = network.encode(both.source, both.source_lengths)
            features, _ = network.read_part(both.target_in, both.target_lengths, memory, real=both.real)
            loss, cross_entropy = network.output.r_drop(
                features, targets, r_drop=self.r_drop, label_smoothing=self.label_smoothing
            )
        guidance = 0.0 if self.guide is None else self.guide.loss(both, torch.cat(weights, dim=1), progress) / 2
        torch.autograd.backward((loss + guidance) / num_tokens)
        return cross_entropy / num_tokens


def doubled(batch: Batch) -> Batch:
    """Returns the rows of `batch`, and then all of them again."""
    return Batch(
        batch.source.repeat(2, 1),
        batch.source_lengths.repeat(2),
        batch.target_in.repeat(2, 1),
        batch.target_out.repeat(2, 1),
        batch.target_lengths.repeat(2),
        torch.cat([batch.real, batch.real + batch.target_out.numel()]),
    )
