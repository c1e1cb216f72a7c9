"""A model whose every probability is a hash of (sentence, whole prefix, token), and can be asked for directly."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from seq2seq.search import Step

GO, EOS = 0, 1


def scramble(word: np.ndarray) -> np.ndarray:
    """A 64-bit hash, element by element (not the one under test)."""
    word = (word ^ (word >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    word = (word ^ (word >> np.uint64(29))) * np.uint64(0xC4CEB9FE1A85EC53)
    return word ^ (word >> np.uint64(32))


@dataclass(frozen=True)
class Memory:
    keys: np.ndarray  # [sentences], what tells one sentence's table from another's
    lengths: np.ndarray


@dataclass
class ToyModel:
    """Its state is nested, and holds the sentence's key, so that a row which lost its owner is noticed.

    `levels` 0: continuous logits; n: whole ones from 0 to n - 1, so that ties abound. GO is never written.
    """

    vocabulary_size: int = 5
    levels: int = 0
    spread: float = 3.0
    eos_bonus: float = 0.0
    has_attention: bool = True
    never: int = GO
    go: int = GO
    eos: int = EOS
    calls: list[tuple[int, int]] = field(default_factory=list)  # (rows, k) of each step

    def batch(self, keys, lengths=None):
        keys = np.asarray(keys, dtype=np.uint64)
        lengths = np.full(len(keys), 3) if lengths is None else np.asarray(lengths)
        return Memory(keys, lengths.astype(np.int64)), (scramble(keys + np.uint64(7)), (keys,)), lengths

    def table(self, prefix_hash: np.ndarray) -> np.ndarray:
        """[rows] hashes of what was written -> [rows, vocabulary] log-probabilities, float32."""
        words = scramble(prefix_hash[:, None] + np.arange(1, self.vocabulary_size + 1, dtype=np.uint64))
        logits = (words >> np.uint64(11)).astype(np.float64) * 2.0**-53
        logits = np.floor(logits * self.levels) if self.levels else logits * self.spread
        logits[:, self.eos] += self.eos_bonus
        logits[:, [self.go, self.never]] = -np.inf
        return (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)

    def read(self, prefix_hash, ids):
        return scramble(prefix_hash * np.uint64(31) + np.asarray(ids).astype(np.uint64) + np.uint64(1))

    def log_probs_after(self, key: int, ids) -> np.ndarray:
        """[vocabulary]: what may follow `ids`. The direct way, for the references."""
        word = scramble(np.array([key], dtype=np.uint64) + np.uint64(7))
        for value in (self.go, *ids):
            word = self.read(word, [value])
        return self.table(word)[0]

    def weights(self, prefix_hash, lengths, width):
        """[rows] hashes -> [rows, width] attention, 0 on padding."""
        places = np.arange(width, dtype=np.uint64)
        attention = (scramble(prefix_hash[:, None] + places) >> np.uint64(40)).astype(np.float32)
        attention[places >= lengths[:, None].astype(np.uint64)] = 0
        return attention

    def attention_after(self, key, ids, length=3):
        """[length]: what the token after `ids` looks at. The direct way, for the references."""
        word = scramble(np.array([key], dtype=np.uint64) + np.uint64(7))
        for value in (self.go, *ids):
            word = self.read(word, [value])
        return self.weights(word, np.array([length]), length)[0]

    def step(self, memory, owner, last_ids, state, k, also=None):
        assert 1 <= k <= self.vocabulary_size
        prefix_hash, (keys,) = state
        assert owner.dtype == last_ids.dtype == np.int64
        assert len(owner) == len(last_ids) == len(prefix_hash) > 0
        assert (memory.keys[owner] == keys).all(), "a row's state belongs to another sentence"
        self.calls.append((len(owner), k))
        prefix_hash = self.read(prefix_hash, last_ids)
        full = self.table(prefix_hash)
        ids = np.argsort(-full, axis=1, kind="stable")[:, :k]
        attention = None
        if self.has_attention:
            attention = self.weights(prefix_hash, memory.lengths[owner], memory.lengths.max())
        return Step(
            ids=ids,
            log_probs=np.take_along_axis(full, ids, axis=1),
            state=(prefix_hash, (keys,)),
            also_log_probs=None if also is None else np.take_along_axis(full, also, axis=1),
            attention=attention,
        )

    def select(self, state, rows):
        assert len(rows) > 0
        prefix_hash, (keys,) = state
        return prefix_hash[rows], (keys[rows],)


class Attending(ToyModel):
    """Its attention adds up to 1."""

    def weights(self, prefix_hash, lengths, width):
        attention = super().weights(prefix_hash, lengths, width)
        # Added one after the other, so that padding changes no bit.
        return attention / np.cumsum(attention, axis=1)[:, -1:]
