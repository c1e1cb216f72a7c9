"""Rules that a sentence pair must pass to be worth training on. One class a rule; the registry lists them."""

from __future__ import annotations

from seq2seq.corpus.filters.filter import Filter
from seq2seq.corpus.filters.words import count_words

__all__ = ["Filter", "count_words"]
