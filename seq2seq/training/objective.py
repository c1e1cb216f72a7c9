"""The objective of ordinary training."""

from __future__ import annotations

from torch import Tensor, nn

from seq2seq.data.batches import Batch
from seq2seq.nn.loss import cross_entropy
from seq2seq.nn.memory import sequence_mask


class CrossEntropy:
    """The cross-entropy of every real target token under teacher forcing.

    Args:
        label_smoothing: Share of the probability that goes to the whole vocabulary.
    """

    def __init__(self, label_smoothing: float = 0.0) -> None:
        self.label_smoothing = label_smoothing

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """Returns the summed loss in nats."""
        logits = model(batch.source, batch.source_lengths, batch.target_in, batch.target_lengths)
        real = sequence_mask(batch.target_lengths, batch.target_out.shape[1])
        return cross_entropy(logits, batch.target_out[real], label_smoothing=self.label_smoothing)
