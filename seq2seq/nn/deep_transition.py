"""Deep transition: several cells in sequence within one step of time."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from seq2seq.nn.cells import Cell, CellFactory, Noise
from seq2seq.nn.cells.cell import Matrices
from seq2seq.nn.state import State


class DeepTransition(Cell):
    """A cell whose step goes through several cells (Pascanu et al. 2014; in translation Miceli Barone et al. 2017).

    _, s^1_t = cell_1(x_t, s^L_{t-1})    y^l_t, s^l_t = cell_l(s^{l-1}_t), 1 < l <= L    y_t = y^L_t, s_t = s^L_t

    Only the first cell reads the input; the others change the state on its way to the next step, so that the state is
    that of one cell, whatever the depth. No kernel computes it.

    Args:
        input_size: Size of x.
        hidden_size: Size of y, and of every cell's output.
        cell: Makes each of the cells; what it is told of layer norm and recurrent dropout holds for all of them.
        depth: L, the number of cells, at least 2.

    Raises:
        ValueError: `depth` is smaller.
    """

    def __init__(self, input_size: int, hidden_size: int, *, cell: CellFactory, depth: int) -> None:
        if depth < 2:
            raise ValueError(f"a deep transition has at least 2 cells, not {depth}")
        cells = [cell(input_size if number == 0 else 0, hidden_size) for number in range(depth)]
        super().__init__(
            input_size,
            hidden_size,
            layer_norm=cells[0].layer_norm,
            recurrent_dropout=cells[0].recurrent_dropout.share,
        )
        self.cells = nn.ModuleList(cells)

    @property
    def _cells(self) -> list[Cell]:
        return [cell for cell in self.cells if isinstance(cell, Cell)]

    @property
    def state_size(self) -> int:
        """That of one cell."""
        return self._cells[0].state_size

    @property
    def bounded(self) -> bool:
        """That of the last cell: what it gives is given."""
        return self._cells[-1].bounded

    def initial_state(self, values: Float[Tensor, "batch state"]) -> State:
        """Returns the first cell's."""
        return self._cells[0].initial_state(values)

    def project(self, x: Float[Tensor, "*rest input"]) -> Float[Tensor, "*rest projected"]:
        """Returns the first cell's; the others have no input."""
        return self._cells[0].project(x)

    def advance(
        self, projected: Float[Tensor, "batch projected"], state: State, noise: Noise | None = None
    ) -> tuple[Float[Tensor, "batch hidden"], State]:
        """One step through all cells; see `Cell.advance`."""
        first, *later = self._cells
        assert noise is None or isinstance(noise, tuple)
        masks = [None] * len(self._cells) if noise is None else list(noise)
        output, state = first.advance(projected, state, masks[0])
        nothing = projected.new_empty(projected.shape[0], 0)
        for cell, mask in zip(later, masks[1:], strict=True):
            output, state = cell.step(nothing, state, mask)
        return output, state

    def noise(self, rows: int, like: Tensor) -> Noise | None:
        """Draws for one cell after another; see `Cell.noise`."""
        drawn = [noise for cell in self._cells if (noise := cell.noise(rows, like)) is not None]
        return tuple(drawn) or None

    def matrices(self) -> Matrices:
        """None: the cells own them all."""
        return Matrices()

    @property
    def execution(self) -> str:
        """See `Cell.execution`."""
        return f"step by step: a transition through {len(self.cells)} cells without a kernel"
