"""Recurrent cells. Each file is one cell, or what cells share; `seq2seq.registry.CELLS` names them."""

from seq2seq.nn.cells.cell import Cell, CellFactory, Noise, Thinned

__all__ = ["Cell", "CellFactory", "Noise", "Thinned"]
