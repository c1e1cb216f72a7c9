"""The gradient of an update whose batches are divided between processes, on one machine or many.

Every process holds all weights and plans every batch, from the same seed. Of each batch process r of n computes rows
r, r + n, r + 2n, ... Rows stand in the order of their lengths, so all get about the same work. Each draws the random
masks of the whole batch and takes its own rows of them (`seq2seq.nn.draws`); how a text is cut into pieces is a
function of its row and the epoch anyway. The loss is summed over tokens, and divided by the tokens of all processes
once they are known. So n processes make the same updates as one, up to the order in which numbers are added:

    g = (1 / sum_r t_r) sum_r g_r        t_r: real target tokens of process r; g_r: the gradient of its summed loss

An update costs one exchange: gradients, loss and count side by side in one buffer of fp32, which is kept for the next
update. A ring all-reduce sends and receives 2 (n - 1) / n times its size in each process, so the cost hardly grows
with n; what grows is the number of its steps. `scripts/scale_out.py` computes it for a network and a number of
processes. Four things then count:

* The exchange waits for the whole gradient. In this network the two largest weights, the embeddings and the output
  layer, are tied or dense (every word gets a gradient from the softmax), and the embeddings' gradient is complete
  last, so there is little to send before the end.
* A larger global batch makes the exchange rarer per token: `training.batch_tokens` and `training.accumulate` are of
  the whole batch, whatever the number of processes. With k times the batch the rate of AdamW may grow by the square
  root of k (Malladi et al. 2022), with a warm-up of as many tokens as before, until the batch is so large that more
  data an update does not help (McCandlish et al. 2018).
* An embedding that no softmax is tied to (`model.tie`) has a gradient in few rows only. Sending just those pays while
  the processes' batches together have fewer tokens than twice the vocabulary: for two processes, hardly for eight. So
  all gradients travel dense.
* The host's own exchanges (a flag an update: has someone asked to stop?) take a time that grows with n, since gloo
  walks a ring. A thousand processes want them rarer than every update.

For the network of embedding 256 and layers of 512 with 8,000 subwords (10.2 million parameters, 40.8 MB of gradients)
and processes that compute 10,000 tokens a second in batches of 2,048, the script gives: two machines on 1 Gbit/s
compute for 39 % of the time, on 10 Gbit/s for 86 %; a thousand send 81.5 MB each an update and compute for 66 % on 10
Gbit/s, for 83 % on 400 Gbit/s, where the 1,998 steps of the ring are what is left. A thousand GPUs so want the
hierarchical rings and trees of NCCL, fewer and larger updates, and a corpus to match: at 2 million tokens an update,
a billion pairs of 30 tokens are 15,000 updates an epoch. Such a corpus is prepared in shards: `prepare --shard i/n`,
on n machines at once. Every process then maps all of it from its own disk or a shared one, and plans an epoch from
the lengths alone, which takes memory in proportion to the pairs: some 30 bytes each while planning.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seq2seq.training.gradient import Sums
from seq2seq.training.group import Group

_ALIGNED = 16  # numbers of 4 bytes: every gradient begins where a cache line does
_DIGIT = 4096
"""Counts travel in fp32, which holds whole numbers up to 2 ^ 24: as two digits they are exact up to 2 ^ 36."""


class Part(Protocol):
    """Computes a part of each batch, in this process: `seq2seq.training.gradient.Whole` for one."""

    def add(
        self,
        batches: Sequence[NDArray[np.int64]],
        *,
        epoch: int,
        update: int,
        progress: float,
        part: tuple[int, int] = (0, 1),
    ) -> tuple[Tensor, int]:
        """Adds the gradient of the summed loss of rows k::n of each batch, `part` = (k, n), to the weights' `grad`.

        Returns:
            The summed loss, [] on the weights' device, and its real target tokens.
        """


class Across:
    """A `GradientSource` that has its part of the rows computed here, and adds what the other processes have.

    The weights' `grad` afterwards are views of one buffer, the same bits in all processes.

    Args:
        local: Computes this process's part.
        model: The network.
        group: The processes.
    """

    def __init__(self, local: Part, model: nn.Module, group: Group) -> None:
        self._local, self._group = local, group
        self._weights = [weight for weight in model.parameters() if weight.requires_grad]
        self._used: list[Tensor] | None = None

    def __call__(self, batches: Sequence[NDArray[np.int64]], *, epoch: int, update: int, progress: float) -> Sums:
        """See `GradientSource`."""
        part = (self._group.rank, self._group.size)
        loss, num_tokens = self._local.add(batches, epoch=epoch, update=update, progress=progress, part=part)
        if self._used is None:
            self._agree()
        self._gather(loss, num_tokens)
        self._group.sum_([self._flat])
        count = self._count(num_tokens)
        # One pass over the buffer; dividing before the backward pass would need the count of all beforehand.
        self._flat[:-_ALIGNED].div_(count)
        for weight, view in zip(self._used or [], self._views, strict=True):
            weight.grad = view
        return Sums(self._tail[0] / count, count)

    def _count(self, num_tokens: int) -> int:
        """Returns the tokens of all processes, which the buffer holds."""
        if self._device.type == "cpu":
            return int(self._tail[1]) * _DIGIT + int(self._tail[2])
        # Reading it would wait until a GPU has computed its gradient; the hosts can tell each other meanwhile.
        count = torch.tensor(num_tokens)
        self._group.sum_([count])
        return int(count)

    def _agree(self) -> None:
        """Finds out which weights get a gradient, once: those that do in any process, since one may have no rows.

        A weight without a gradient must stay so, or the optimizer would decay it.
        """
        seen = torch.tensor([float(weight.grad is not None) for weight in self._weights], device=self._device)
        self._group.sum_([seen])
        self._used = [weight for weight, count in zip(self._weights, seen.tolist(), strict=True) if count]
        sizes = [-(-weight.numel() // _ALIGNED) * _ALIGNED for weight in self._used]
        self._flat = torch.zeros(sum(sizes) + _ALIGNED, device=self._device)
        *parts, self._tail = torch.split(self._flat, [*sizes, _ALIGNED])
        self._views = [part[: w.numel()].view_as(w) for part, w in zip(parts, self._used, strict=True)]

    @property
    def _device(self) -> torch.device:
        return self._weights[0].device

    def _gather(self, loss: Tensor, num_tokens: int) -> None:
        """Writes this process's gradients, loss and count into the buffer; zeros where it had no rows."""
        for view, weight in zip(self._views, self._used or [], strict=True):
            if weight.grad is None:
                view.zero_()
        here = [(v, w.grad) for v, w in zip(self._views, self._used or [], strict=True) if w.grad is not None]
        if len(here) < sum(weight.grad is not None for weight in self._weights):
            raise RuntimeError("a weight has a gradient that none of the processes had in the first update")
        if here:
            torch._foreach_copy_([view for view, _ in here], [gradient for _, gradient in here])
        self._tail[0].copy_(loss)
        for place, digit in enumerate(divmod(num_tokens, _DIGIT), start=1):
            self._tail[place].fill_(digit)
