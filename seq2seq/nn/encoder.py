"""The encoder: layers of cells that read the source, in one direction or both."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seq2seq.nn.cells import CellFactory
from seq2seq.nn.dropout import LockedDropout
from seq2seq.nn.memory import Encoded, sequence_mask


def reverse_index(lengths: Int[Tensor, " batch"], time: int) -> Int[Tensor, "batch time"]:
    """Returns the index that reverses each row within its own length and leaves the padding where it is.

    Reversing by a gather keeps the input dense, and so the fused kernel usable; and since a recurrence never looks
    ahead, padding behind the sentence cannot reach it: a bidirectional layer over padded rows is exact.
    """
    position = torch.arange(time, device=lengths.device)[None]
    mirrored = lengths[:, None] - 1 - position
    return torch.where(mirrored >= 0, mirrored, position)


def reorder(x: Float[Tensor, "batch time size"], index: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time size"]:
    """Returns `x` with row b's positions in the order `index[b]`."""
    return x.gather(1, index[:, :, None].expand(-1, -1, x.shape[2]))


class OneWay(nn.Module):
    """A layer that reads from left to right."""

    def __init__(self, cell: CellFactory, input_size: int, output_size: int) -> None:
        super().__init__()
        self.forward_cell = cell(input_size, output_size)

    def forward(
        self, x: Float[Tensor, "batch time input"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch time output"]:
        """Returns the outputs; those past a row's length are without meaning."""
        outputs: Tensor
        outputs, _ = self.forward_cell(x)
        return outputs

    def last(
        self, outputs: Float[Tensor, "batch time output"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch output"]:
        """Returns what stands where the reading of each row ended."""
        return _at(outputs, lengths - 1)


class BothWays(nn.Module):
    """A layer that reads in both directions; each gives half of the output (Schuster & Paliwal 1997).

    Raises:
        ValueError: The output size is odd.
    """

    def __init__(self, cell: CellFactory, input_size: int, output_size: int) -> None:
        super().__init__()
        if output_size % 2:
            raise ValueError(f"a bidirectional layer needs an even size, not {output_size}")
        self.forward_cell = cell(input_size, output_size // 2)
        self.backward_cell = cell(input_size, output_size // 2)

    def forward(
        self, x: Float[Tensor, "batch time input"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch time output"]:
        """Returns the outputs; those past a row's length are without meaning."""
        index = reverse_index(lengths, x.shape[1])
        ahead, _ = self.forward_cell(x)
        back, _ = self.backward_cell(reorder(x, index))
        return torch.cat([ahead, reorder(back, index)], dim=-1)

    def last(
        self, outputs: Float[Tensor, "batch time output"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch output"]:
        """Returns what stands where each direction's reading of each row ended: the backward one's at position 0."""
        ahead, back = outputs.chunk(2, dim=-1)
        return torch.cat([_at(ahead, lengths - 1), back[:, 0]], dim=-1)


def _at(x: Float[Tensor, "batch time size"], position: Int[Tensor, " batch"]) -> Float[Tensor, "batch size"]:
    """Returns each row of `x` at its own position."""
    return x.gather(1, position[:, None, None].expand(-1, 1, x.shape[2])).squeeze(1)


class Encoder(nn.Module):
    """Layers of cells over the embedded source.

    Args:
        input_size: Size of an embedding.
        output_size: Size of every layer's output.
        cells: What makes the cells of each layer; its length is the depth.
        bidirectional: Whether the layers read both ways.
        reverse_source: Whether the source is read from its end (Sutskever et al. 2014); only a one-way encoder differs.
        dropout: Share of the features dropped before each layer, locked over time.
        residual: Whether each layer from the second on adds its input to its output: y = x + layer(drop(x)).
    """

    def __init__(
        self,
        input_size: int,
        output_size: int,
        *,
        cells: Sequence[CellFactory],
        bidirectional: bool = True,
        reverse_source: bool = False,
        dropout: float = 0.0,
        residual: bool = False,
    ) -> None:
        super().__init__()
        layer = BothWays if bidirectional else OneWay
        sizes = [input_size] + [output_size] * (len(cells) - 1)
        self.layers = nn.ModuleList(layer(cell, size, output_size) for cell, size in zip(cells, sizes, strict=True))
        self.output_size = output_size
        self.reverse_source = reverse_source
        self.dropout = LockedDropout(dropout)
        self.residual = residual

    def forward(self, x: Float[Tensor, "batch source input"], lengths: Int[Tensor, " batch"]) -> Encoded:
        """Reads the embedded sources; `lengths` counts the real tokens of each, at least 1."""
        index = reverse_index(lengths, x.shape[1]) if self.reverse_source else None
        if index is not None:
            x = reorder(x, index)
        for number, layer in enumerate(self.layers):
            outputs = layer(self.dropout(x), lengths)
            x = outputs + x if self.residual and number > 0 else outputs
        top = self.layers[-1]
        assert isinstance(top, OneWay | BothWays)
        last = top.last(x, lengths)
        if index is not None:
            x = reorder(x, index)
        mask = sequence_mask(lengths, x.shape[1])
        return Encoded(x * mask[:, :, None], last, mask)
