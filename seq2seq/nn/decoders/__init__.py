"""Decoders. Each file is one wiring of cells and attention; `seq2seq.registry.WIRINGS` names them."""

from seq2seq.nn.decoders.decoder import Decoder

__all__ = ["Decoder"]
