"""Every variant of every registered cell, and what the cells are in NumPy, one row and one step at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from tiny_models import scramble

from seq2seq.nn.cells import Cell
from seq2seq.nn.deep_transition import DeepTransition
from seq2seq.registry import CELLS

VALUES = {"activation": ("tanh", "relu")}
"""The values of settings that are words. Those that are true or false are tried both ways, others as they are."""
SHARED = ({}, {"layer_norm": True}, {"recurrent_dropout": 0.4}, {"layer_norm": True, "recurrent_dropout": 0.4})
DEPTH = 3


class Variant(NamedTuple):
    """A cell, by its name, with settings; `depth` above 1: a deep transition through cells of this kind."""

    name: str
    settings: dict
    depth: int = 1

    def __str__(self) -> str:
        told = [f"{key}={value}" for key, value in self.settings.items()]
        return "-".join([*(["deep"] if self.depth > 1 else []), self.name, *told])

    def build(self, input_size: int, hidden_size: int) -> Cell:
        """Makes the cell, in double precision, and nothing in it is zero."""
        torch.manual_seed(7)
        kind = CELLS.load(self.name)
        if self.depth > 1:
            cell = DeepTransition(
                input_size, hidden_size, cell=lambda *sizes: kind(*sizes, **self.settings), depth=self.depth
            )
        else:
            cell = kind(input_size, hidden_size, **self.settings)
        return scramble(cell).double()


def own_settings(name: str) -> list[dict]:
    """Every combination of the settings that only the cell called `name` takes."""
    combined: list[dict] = [{}]
    for key, default in CELLS.member(name).settings.items():
        values = (False, True) if isinstance(default, bool) else VALUES.get(key, (default,))
        combined = [{**before, key: value} for before in combined for value in values]
    return combined


VARIANTS = [Variant(name, {**own, **shared}) for name in CELLS for own in own_settings(name) for shared in SHARED]
DEEP = [
    Variant(name, {**own, **shared}, DEPTH)
    for name in CELLS
    for own, shared in ((own_settings(name)[0], SHARED[0]), (own_settings(name)[-1], SHARED[-1]))
]


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))


F = {"tanh": np.tanh, "relu": lambda x: np.where(x > 0, x, 0.0)}


def array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().numpy()


def normed(x: np.ndarray, norm) -> np.ndarray:
    """Ba et al. 2016, equation 4, where there is a norm; torch's epsilon."""
    if norm is None:
        return x
    y = (x - x.sum() / x.size) / np.sqrt(((x - x.sum() / x.size) ** 2).sum() / x.size + 1e-5) * array(norm.weight)
    return y if norm.bias is None else y + array(norm.bias)


def sums(cell: Cell, x: np.ndarray | None, h: np.ndarray, gates: str) -> tuple[dict, dict]:
    """What each gate gets from the input and from the state."""
    kernel = cell.kernel
    from_input, from_state = array(kernel.bias_ih_l0), array(kernel.bias_hh_l0)
    if x is not None:
        from_input = from_input + normed(array(kernel.weight_ih_l0) @ x, cell.input_norm)
    from_state = from_state + normed(array(kernel.weight_hh_l0) @ h, cell.state_norm)
    size = cell.hidden_size
    pieces = lambda whole: {gate: whole[n * size : (n + 1) * size] for n, gate in enumerate(gates)}  # noqa: E731
    return pieces(from_input), pieces(from_state)


def elman(cell, settings, x, state, mask):
    (h,) = state
    a, r = sums(cell, x, mask * h, "h")
    h = F[settings["activation"]](a["h"] + r["h"])
    return h, (h,)


def jordan(cell, settings, x, state, mask):
    (y,) = state
    a, r = sums(cell, x, mask * y, "h")
    h = F[settings["activation"]](a["h"] + r["h"])
    y = np.tanh(normed(array(cell.output.weight) @ h, cell.output_norm) + array(cell.output.bias))
    return y, (y,)


def lstm(cell, settings, x, state, mask):
    h, c = state
    a, r = sums(cell, x, mask * h, "ifgo")
    p = {gate: np.zeros(cell.hidden_size) for gate in "ifo"}
    if settings["peepholes"]:
        p = dict(zip("ifo", array(cell.peepholes).reshape(3, -1), strict=True))
    i = sigmoid(a["i"] + r["i"] + p["i"] * c)
    f = sigmoid(a["f"] + r["f"] + p["f"] * c)
    c = f * c + i * np.tanh(a["g"] + r["g"])
    h = sigmoid(a["o"] + r["o"] + p["o"] * c) * np.tanh(normed(c, cell.cell_norm))
    return h, (h, c)


def gru(cell, settings, x, state, mask):
    (h,) = state
    a, r = sums(cell, x, mask * h, "rzn")
    z = sigmoid(a["z"] + r["z"])
    n = np.tanh(a["n"] + sigmoid(a["r"] + r["r"]) * r["n"])
    h = z * h + (1 - z) * n
    return h, (h,)


STEPS = {"elman": elman, "jordan": jordan, "lstm": lstm, "gru": gru}


def reference(variant: Variant, cell: Cell, x: np.ndarray, state: tuple, masks: list) -> tuple[np.ndarray, tuple]:
    """Reads one sentence [time, input] from the state of one row; `masks` holds one for each cell of a transition."""
    step, outputs = STEPS[variant.name], []
    cells = list(cell.cells) if variant.depth > 1 else [cell]
    for now in x:
        for number, (part, mask) in enumerate(zip(cells, masks, strict=True)):
            y, state = step(part, variant.settings, now if number == 0 else None, state, mask)
        outputs.append(y)
    return np.stack(outputs), state
