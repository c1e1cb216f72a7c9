"""Candidates: translations of a batch's sentences that the network draws from its own distribution."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from seq2seq.nn.draws import uniform
from seq2seq.nn.model import EncoderDecoder
from seq2seq.nn.state import select

Ids = tuple[int, ...]


class Candidates:
    """Draws translations word by word from p(word | source, words before), with no dropout and no gradient.

    With a temperature T they are drawn from softmax(z / T), z being the network's logits. A network that was trained on
    smoothed labels gives all wrong words together some chance at every position, so at T = 1 most long samples hold one
    of them; below 1 that noise goes, and what is left to choose among are translations. How likely the network holds a
    sample is another matter, and knows no temperature.

    The random numbers are a function of (seed, update, sentence, sample, position), through `seq2seq.nn.draws`: a part
    of a batch, and a resumed run, draw what the whole one would have drawn. A sample that has not ended at the limit is
    ended there.

    Each sentence is read once, and its memory serves all its samples; a sample that has ended costs nothing more.

    Args:
        samples: How many a sentence. They may be alike.
        limits: Returns the longest translation of each sentence, in tokens, from its number of source tokens.
        go: The id before the first word.
        eos: The id after the last.
        never: Ids that no translation holds.
        temperature: T, above 0.
    """

    def __init__(
        self,
        *,
        samples: int,
        limits: Callable[[NDArray[np.int64]], NDArray[np.int64]],
        go: int,
        eos: int,
        never: Sequence[int] = (),
        temperature: float = 1.0,
    ) -> None:
        self.samples, self.limits, self.go, self.eos, self.never = samples, limits, go, eos, list(never)
        self.temperature = temperature

    @torch.no_grad()
    def __call__(
        self, network: EncoderDecoder, source: Int[Tensor, "batch source"], lengths: Int[Tensor, " batch"]
    ) -> list[list[Ids]]:
        """Returns `samples` translations of each sentence, without EOS. Dropout is off meanwhile."""
        training = network.training
        network.eval()
        try:
            return self._draw(network, source, lengths)
        finally:
            network.train(training)

    def _draw(self, network: EncoderDecoder, source: Tensor, lengths: Tensor) -> list[list[Ids]]:
        memory = network.encode(source, lengths)
        num_sentences, device = len(lengths), source.device
        limits = torch.from_numpy(self.limits(lengths.cpu().numpy())).to(device)
        longest = int(limits.max())
        # All numbers in one call, position by position: so a part with shorter limits draws the same for its own.
        draws = uniform(num_sentences, longest * self.samples, torch.empty(0, device=device))
        draws = draws.reshape(num_sentences, longest, self.samples)
        rows = torch.arange(num_sentences * self.samples, device=device)
        written = torch.full((len(rows), longest), self.eos, device=device)
        owner, sample = rows // self.samples, rows % self.samples
        state, last = select(network.start(memory), owner), torch.full_like(rows, self.go)
        for position in range(longest):
            step = network.step(last, memory, owner, state)
            last = self._pick(step.logits.float(), draws[owner, position, sample])
            written[rows, position] = last
            going = ((last != self.eos) & (position + 1 < limits[owner])).nonzero()[:, 0]
            if not len(going):
                break
            state = step.state
            if len(going) < len(rows):
                rows, owner, sample, last = (x[going] for x in (rows, owner, sample, last))
                state = select(state, going)
        found = [self._cut(row) for row in written.cpu().numpy()]
        return [found[first : first + self.samples] for first in range(0, len(found), self.samples)]

    def _pick(self, logits: Tensor, draws: Tensor) -> Tensor:
        """Returns the symbol of each row at which the cumulative probability passes the row's draw."""
        logits[:, self.never] = -torch.inf
        cumulative = (logits / self.temperature).softmax(dim=-1).cumsum(dim=-1)
        # Of the whole sum, which rounding leaves a little off 1, and below it: what stands there has a probability.
        whole = cumulative[:, -1:]
        wanted = torch.minimum(draws[:, None] * whole, torch.nextafter(whole, torch.zeros_like(whole)))
        return torch.searchsorted(cumulative, wanted, right=True)[:, 0]

    def _cut(self, row: NDArray[np.int64]) -> Ids:
        ends = np.flatnonzero(row == self.eos)
        return tuple(row[: ends[0]].tolist() if len(ends) else row.tolist())


def distinct(first: Ids, others: Sequence[Ids]) -> list[Ids]:
    """Returns `first` and then the others, each text once."""
    return list(dict.fromkeys([first, *others]))
