"""Initialisations: what the weights of a new network are, by name; `seq2seq.registry.INITIALISATIONS` lists them.

Each is a function of a built network. In all of them:

* The matrices of a cell are filled gate by gate, each gate's block being a matrix of its own: [hidden, hidden] for the
  recurrent ones, [hidden, input] for the others.
* Every other matrix (attention, bridge, projections, an output matrix that is not tied) is filled as a whole. Its
  columns are its fan-in, its rows its fan-out.
* An embedding has no fan-in, since one of its rows is read at a time: it stays normal(0, 1 / size), which is also what
  LeCun's rule gives it as a tied output matrix. Only `uniform` fills it, too.
* Biases are 0, but for that of the gate which remembers (an LSTM's forget gate, a GRU's update gate): it stays 1.
  Gains of layer norms stay 1, and vectors that are neither stay as they are.

The draws come from torch's global generator, as those of the constructors do: a function of the seed set before.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from seq2seq.nn.cells import Cell

Fill = Callable[[Tensor], object]
"""Fills one matrix [rows, columns] in place."""


def orthogonal(network: nn.Module) -> None:
    """Leaves the network as its constructors made it; the default.

    Each gate's recurrent matrix is orthogonal (Saxe et al. 2014), each gate's input matrix is Glorot's uniform, and the
    matrices outside the cells are as each part of the network says.
    """


def glorot_uniform(network: nn.Module) -> None:
    """U(-b, b), b = sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010)."""
    _fill(network, nn.init.xavier_uniform_)


def glorot_normal(network: nn.Module) -> None:
    """N(0, s^2), s = sqrt(2 / (fan_in + fan_out)) (Glorot & Bengio 2010)."""
    _fill(network, nn.init.xavier_normal_)


def he_uniform(network: nn.Module) -> None:
    """U(-b, b), b = sqrt(6 / fan_in) (He et al. 2015); meant for rectifiers."""
    _fill(network, lambda matrix: nn.init.kaiming_uniform_(matrix, nonlinearity="relu"))


def he_normal(network: nn.Module) -> None:
    """N(0, s^2), s = sqrt(2 / fan_in) (He et al. 2015); meant for rectifiers."""
    _fill(network, lambda matrix: nn.init.kaiming_normal_(matrix, nonlinearity="relu"))


def lecun_normal(network: nn.Module) -> None:
    """N(0, s^2), s = sqrt(1 / fan_in) (LeCun et al. 1998)."""
    _fill(network, lambda matrix: nn.init.kaiming_normal_(matrix, nonlinearity="linear"))


def uniform(network: nn.Module, *, bound: float) -> None:
    """U(-bound, bound) in every matrix, embeddings too (Sutskever et al. 2014, who took 0.08).

    Deviation: they draw the biases as well.

    Raises:
        ValueError: `bound` is not above 0, or infinite.
    """
    if not 0 < bound < math.inf:
        raise ValueError(f"the bound of uniform weights must be a number above 0, not {bound}")

    def fill(matrix: Tensor) -> None:
        nn.init.uniform_(matrix, -bound, bound)

    _fill(network, fill, embedding=fill)


def identity(network: nn.Module) -> None:
    """The recurrent matrix passes the state on unchanged (Le et al. 2015, for ReLU); the others are Glorot's uniform.

    Where G gates share a stack, each one's block is the identity divided by sqrt(G), so that the stack as a whole keeps
    the state's length; in an Elman or a Jordan network G = 1. Deviation: Le et al. draw the other matrices from
    N(0, 0.001^2), from which gates hardly move.
    """
    _fill(network, nn.init.xavier_uniform_)
    for cell in _cells(network):
        for stack in cell.matrices().recurrent:
            blocks = torch.split(stack.detach(), cell.hidden_size)
            for block in blocks:
                nn.init.eye_(block).div_(len(blocks) ** 0.5)


@torch.no_grad()
def _fill(network: nn.Module, matrix: Fill, *, embedding: Fill | None = None) -> None:
    """Fills every matrix of `network`, and its embeddings where told; a matrix in two places is filled once."""
    done = set()
    for cell in _cells(network):
        for stack in (*cell.matrices().recurrent, *cell.matrices().inputs):
            for block in torch.split(stack, cell.hidden_size):
                matrix(block)
        # What else a cell holds, its biases and gains, its constructor knows best.
        done |= {id(weight) for weight in cell.parameters()}
    for module in network.modules():
        if isinstance(module, nn.Embedding) and id(module.weight) not in done:
            if embedding is not None:
                embedding(module.weight)
            done.add(id(module.weight))
    for module in network.modules():
        if isinstance(module, nn.Linear) and module.bias is not None and id(module.bias) not in done:
            nn.init.zeros_(module.bias)
    for weight in network.parameters():
        if weight.dim() == 2 and id(weight) not in done:
            matrix(weight)


def _cells(network: nn.Module) -> list[Cell]:
    return [module for module in network.modules() if isinstance(module, Cell)]
