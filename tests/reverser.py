"""A translator made by hand, whose every output can be told from its input."""

from __future__ import annotations

import numpy as np

from seq2seq.engines.engine import Start
from seq2seq.recipe.schema import Search as SearchSettings
from seq2seq.search import Step
from seq2seq.text.normaliser import Normaliser
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.words import Words
from seq2seq.translator import Translator


class Reverser:
    """An engine made by hand: it writes a word for each source word in reverse order, and attends to that one alone."""

    go, eos = 2, 3
    precision, name = "torch", "Reverser"

    def __init__(self, words: Words, *, attends=True, parallel=None):
        self.parallel = parallel or 1
        self.vocabulary_size = words.vocabulary_size
        self.attends = attends
        self.batches, self.tokens = [], 0

    def start(self, sources):
        self.batches.append(len(sources))
        self.tokens += sum(map(len, sources))
        return Start(
            [list(ids) for ids in sources], np.zeros(len(sources), int), np.array([len(i) + 1 for i in sources])
        )

    def step(self, memory, owner, last_ids, state, k, also=None):
        full = (
            np.full((len(owner), self.vocabulary_size), -9.0, np.float32)
            - np.arange(self.vocabulary_size, dtype=np.float32) / 100
        )
        full[:, [0, self.go]] = -np.inf
        attention = np.zeros((len(owner), max(map(len, memory)) + 1), np.float32)
        for row, (sentence, place) in enumerate(zip(owner, state, strict=True)):
            ids = [*reversed(memory[sentence])]
            full[row, ids[place] if place < len(ids) else self.eos] = -0.1
            attention[row, max(len(ids) - 1 - place, 0)] = 1
        order = np.argsort(-full, axis=1, kind="stable")[:, :k]
        best = np.take_along_axis(full, order, axis=1)
        asked = None if also is None else np.take_along_axis(full, also, axis=1)
        return Step(order, best, state + 1, asked, attention if self.attends else None)

    def select(self, state, rows):
        return state[rows]


def reverser(*, attends=True, parallel=None, **settings):
    """A translator that reverses the order of the words, knows five of them, and copies the others."""
    words = Words([(word, 1) for word in ["we", "have", "dogs", "cats", "and"]])
    return Translator(
        Reverser(words, attends=attends, parallel=parallel),
        TokenizerPair(words, words),
        Normaliser(),
        SearchSettings(**{"name": "beam", "beam": 3, **settings}),
    )
