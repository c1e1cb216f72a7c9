"""Attentions. Each file is one attention; `seq2seq.registry.ATTENTIONS` names them."""

from seq2seq.nn.attention.attention import Attention, Keys

__all__ = ["Attention", "Keys"]
