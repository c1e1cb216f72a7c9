"""Bridges: what of the encoder starts the decoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seq2seq.nn.cells import Cell
from seq2seq.nn.memory import Encoded
from seq2seq.nn.state import State

SUMMARIES: dict[str, Callable[[Encoded], Tensor]] = {
    "zero": lambda encoded: torch.zeros_like(encoded.last),
    "last": lambda encoded: encoded.last,
    "mean": lambda encoded: encoded.mean(),
}
"""What is read off the encoder, by name; each returns [batch, size]."""


class Bridge(nn.Module):
    """Makes the initial state of every decoder layer from one vector: s_0 = tanh(W v) (Cho et al. 2014).

    Args:
        summary: A name in `SUMMARIES`; "zero" starts every layer from zeros.
        input_size: Size of the encoder's output.
        cells: The decoder's cells.
    """

    def __init__(self, summary: str, input_size: int, cells: Sequence[Cell]) -> None:
        super().__init__()
        self.summary = summary
        learned = [] if summary == "zero" else cells
        self.projections = nn.ModuleList(nn.Linear(input_size, cell.state_size) for cell in learned)

    def summarise(self, encoded: Encoded) -> Float[Tensor, "batch size"]:
        """Returns the vector that the decoder starts from."""
        return SUMMARIES[self.summary](encoded)

    def forward(self, start: Float[Tensor, "batch size"], cells: Sequence[Cell]) -> tuple[State, ...]:
        """Returns the initial state of each of `cells`."""
        if not self.projections:
            return tuple(cell.zero_state(start) for cell in cells)
        return tuple(
            cell.initial_state(torch.tanh(projection(start)))
            for cell, projection in zip(cells, self.projections, strict=True)
        )
