"""The objectives of ordinary training: cross-entropy over whole targets, and over targets read in parts."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from seq2seq.data.batches import Batch
from seq2seq.nn.memory import Memory, sequence_mask
from seq2seq.nn.model import EncoderDecoder
from seq2seq.nn.state import map_state
from seq2seq.training.guidance import Guide, watched
from seq2seq.training.precision import computing


class CrossEntropy:
    """The cross-entropy of every real target token under teacher forcing.

    With scheduled sampling (Bengio et al. 2015) the decoder reads its own guess in the place of some true words. Their
    share grows in a straight line with the training, from 0 to its largest value at the last update: s(p) = s_1 p. It
    is a function of the progress alone, so a resumed training goes on exactly; while no end is known it is 0.

    Args:
        label_smoothing: Share of the probability that goes to the whole vocabulary.
        scheduled_sampling: s_1, the share of words read from guesses by the last update; 0 for none.
        guide: Shows the attention where to look; None: it finds out by itself.
    """

    def __init__(
        self, label_smoothing: float = 0.0, *, scheduled_sampling: float = 0.0, guide: Guide | None = None
    ) -> None:
        self.label_smoothing = label_smoothing
        self.scheduled_sampling = scheduled_sampling
        self.guide = guide

    def __call__(self, model: nn.Module, batch: Batch, *, guess_share: float = 0.0) -> Tensor:
        """Returns the summed loss in nats, with its graph; `guess_share` of the words read are guesses."""
        network = cast(EncoderDecoder, model)
        memory = network.encode(batch.source, batch.source_lengths)
        features, _ = network.read_part(
            batch.target_in, batch.target_lengths, memory, guess_share=guess_share, real=batch.real
        )
        targets = batch.target_out.flatten().index_select(0, batch.real)
        return network.output.loss(features, targets, label_smoothing=self.label_smoothing)

    def add_gradient(
        self, model: nn.Module, batch: Batch, *, num_tokens: int, progress: float, precision: str
    ) -> Tensor:
        """Adds the gradient. Returns the cross-entropy alone, which a training without a guide reports as well."""
        with computing(precision, batch.source.device), watched(model, self.guide) as weights:
            loss = self(model, batch, guess_share=self.scheduled_sampling * progress)
        guidance = 0.0 if self.guide is None else self.guide.loss(batch, torch.cat(weights, dim=1), progress)
        torch.autograd.backward((loss + guidance) / num_tokens)
        return loss.detach() / num_tokens


class TruncatedCrossEntropy(CrossEntropy):
    """The same loss, with gradients that flow back through at most k target steps (Williams & Peng 1990).

    The target is read in parts of k steps. Each part starts from the state in which the part before ended, cut off from
    its past, and is propagated back at once, so that only one part's activations are held: memory grows with k and not
    with the length of the target. The loss is the same as without truncation; of its gradient, what would flow from a
    part into the parts before it is missing. The encoder reads the whole source once: the gradients of all parts are
    summed at its outputs, and go through it in one pass at the end.

    A batch whose targets are no longer than k is read whole, at no cost.

    Args:
        steps: k, at least 1.
        label_smoothing: As in `CrossEntropy`; likewise the rest.
        scheduled_sampling: The share of words read from guesses by the last update.

    Raises:
        ValueError: k is below 1.
    """

    def __init__(self, steps: int, label_smoothing: float = 0.0, *, scheduled_sampling: float = 0.0) -> None:
        if steps < 1:
            raise ValueError(f"a part of the target needs at least 1 step, not {steps}")
        super().__init__(label_smoothing, scheduled_sampling=scheduled_sampling)
        self.steps = steps

    def add_gradient(
        self, model: nn.Module, batch: Batch, *, num_tokens: int, progress: float, precision: str
    ) -> Tensor:
        """See `Objective.add_gradient`."""
        if batch.target_in.shape[1] <= self.steps:
            return super().add_gradient(model, batch, num_tokens=num_tokens, progress=progress, precision=precision)
        network, device = cast(EncoderDecoder, model), batch.source.device
        with computing(precision, device):
            border = _Border(network.encode(batch.source, batch.source_lengths))
        total, state = torch.zeros((), device=device), None
        for begin in range(0, batch.target_in.shape[1], self.steps):
            part = slice(begin, begin + self.steps)
            words, wanted = batch.target_in[:, part], batch.target_out[:, part]
            lengths = (batch.target_lengths - begin).clamp(0, words.shape[1])
            with computing(precision, device):
                features, after = network.read_part(
                    words, lengths, border.memory, state, guess_share=self.scheduled_sampling * progress
                )
                real = sequence_mask(lengths, words.shape[1])
                loss = network.output.loss(features, wanted[real], label_smoothing=self.label_smoothing) / num_tokens
            torch.autograd.backward(loss)
            total += loss.detach()
            state = map_state(Tensor.detach, after)
        border.cross()
        return total


class _Border:
    """Cuts a memory off from its encoder: gradients gather on the decoder's side, and cross once, at the end.

    Args:
        memory: What the encoder made, with its graph.
    """

    def __init__(self, memory: Memory) -> None:
        self._pairs: list[tuple[Tensor, Tensor]] = []
        self.memory = memory.changed(self._cut)

    def _cut(self, inside: Tensor) -> Tensor:
        outside = inside.detach().requires_grad_(inside.requires_grad)
        self._pairs.append((inside, outside))
        return outside

    def cross(self) -> None:
        """Propagates what has gathered back through the encoder."""
        reached = [(inside, outside.grad) for inside, outside in self._pairs if outside.grad is not None]
        if reached:
            torch.autograd.backward([inside for inside, _ in reached], [gradient for _, gradient in reached])
