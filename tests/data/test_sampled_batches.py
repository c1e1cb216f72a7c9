"""Texts read from a store one by one, and batches whose ids are cut from them anew each epoch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seq2seq.data import store as store_module
from seq2seq.data.batches import Batches
from seq2seq.data.store import Row, Store, write_split
from seq2seq.text.segmentation import Draws, SubwordSampler
from seq2seq.text.special import EOS, GO, PAD
from seq2seq.text.subwords import Subwords

TEXTS = ["the mill turns", "", "水車 é", "a wheel of the mill", "\x00 tab\t", "the miller's wheel turns", "mill"]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pairs=st.lists(st.tuples(*[st.text(st.characters(exclude_categories=["Cs"]), max_size=8)] * 2), max_size=12),
    rows_a_chunk=st.sampled_from([1, 3, 100]),
)
def test_each_text_comes_back(tmp_path, pairs, rows_a_chunk: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_module, "ROWS_A_CHUNK", rows_a_chunk)
        write_split(tmp_path / "a.arrow", (Row(i, s, t, [], []) for i, (s, t) in enumerate(pairs)))
    store = Store(tmp_path / "a.arrow")
    order = list(reversed(range(len(pairs))))
    assert [store.source_text[i] for i in order] == [pairs[i][0] for i in order]
    assert [store.target_text[i] for i in order] == [pairs[i][1] for i in order]


def test_a_column_may_begin_in_the_middle_of_its_buffer() -> None:
    import pyarrow as pa

    whole = pa.array(TEXTS)
    column = store_module.Texts(pa.chunked_array([whole.slice(2, 3), whole.slice(0, 0), whole.slice(5)]))
    assert [column[i] for i in range(5)] == TEXTS[2:]


def plain_store(tmp_path, subwords: Subwords) -> Store:
    targets = [text[::-1] for text in TEXTS]
    rows = [
        Row(i, s, t, subwords.encode(s), subwords.encode(t))
        for i, (s, t) in enumerate(zip(TEXTS, targets, strict=True))
    ]
    write_split(tmp_path / "a.arrow", rows)
    return Store(tmp_path / "a.arrow")


def test_a_sampler_is_asked_with_the_epoch_the_pair_and_the_side(tmp_path) -> None:
    store = plain_store(tmp_path, Subwords.train(TEXTS, vocabulary_size=300))
    asked = []

    def ask(name: str):
        def cut(text, *, key):
            asked.append((name, text, key))
            return [4 + key[0], 4 + key[1], 4 + key[2]]

        return cut

    batches = Batches(store, batch_tokens=20, seed=1, sampler=(ask("source"), ask("target")))
    batch = batches.fill(np.array([3, 0]), 5)
    assert sorted(asked) == sorted(
        [
            ("source", TEXTS[3], (5, 3, 0)),
            ("source", TEXTS[0], (5, 0, 0)),
            ("target", TEXTS[3][::-1], (5, 3, 1)),
            ("target", TEXTS[0][::-1], (5, 0, 1)),
        ]
    )
    assert batch.source.tolist() == [[9, 7, 4, EOS], [9, 4, 4, EOS]]
    assert batch.target_in.tolist() == [[GO, 9, 7, 5], [GO, 9, 4, 5]]
    assert batch.target_out.tolist() == [[9, 7, 5, EOS], [9, 4, 5, EOS]]
    assert batch.target_lengths.tolist() == [4, 4]


def test_a_loss_is_computed_on_the_ids_as_they_were_prepared(tmp_path) -> None:
    def never(text, *, key):
        raise AssertionError("no sampling without an epoch")

    store = plain_store(tmp_path, Subwords.train(TEXTS, vocabulary_size=300))
    batches = Batches(store, batch_tokens=20, seed=1, sampler=(never, never))
    assert sum(batch.num_tokens for batch in batches.in_order()) == sum(store.target.lengths) + len(TEXTS)
    batches.fill(np.array([0]))


def test_sampled_batches_say_the_same_in_other_pieces_and_again_the_same(tmp_path) -> None:
    subwords = Subwords.train(TEXTS * 5, vocabulary_size=320)
    store = plain_store(tmp_path, subwords)

    def batches() -> Batches:
        cut = SubwordSampler(subwords, Draws(subwords, model="bpe", probability=0.4, seed=7))
        return Batches(store, batch_tokens=20, seed=1, sampler=(cut, cut))

    rows, whole = np.arange(len(TEXTS)), batches()
    epochs = [whole.fill(rows, epoch) for epoch in range(4)]
    for batch in epochs:
        said = [subwords.decode([i for i in ids if i not in (EOS, PAD)]) for ids in batch.source.tolist()]
        assert said == TEXTS
    assert len({str(batch.source.tolist()) for batch in epochs}) == 4
    other = batches().fill(rows[::-1].copy(), 2)  # from the middle, in another batch: a pair's ids are its own
    lengths = epochs[2].target_lengths.tolist()
    assert other.target_lengths.tolist() == lengths[::-1]
    for row, length in enumerate(lengths):
        assert other.target_out[-1 - row, :length].tolist() == epochs[2].target_out[row, :length].tolist()
