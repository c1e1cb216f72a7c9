"""Recurrent cells. Each file is one cell; `seq2seq.registry.CELLS` names them."""

from seq2seq.nn.cells.cell import Cell

__all__ = ["Cell"]
