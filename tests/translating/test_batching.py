"""Batches by length and budget, and several of them at a time."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2seq.translating.batching import batches, each


@given(
    st.lists(st.integers(1, 60), max_size=80),
    st.integers(1, 20),
    st.integers(1, 300),
    st.integers(1, 4),
)
def test_batches_hold_all_of_like_length_within_the_budget(lengths, sentences, tokens, parallel):
    found = batches(lengths, sentences=sentences, tokens=tokens, parallel=parallel)
    flat = [number for batch in found for number in batch]
    assert sorted(flat) == list(range(len(lengths)))
    assert flat == sorted(flat, key=lambda number: (-lengths[number], number))
    for batch in found:
        assert 1 <= len(batch) <= sentences
        assert len(batch) * max(lengths[number] for number in batch) <= tokens or len(batch) == 1
    assert all(len(batch) <= -(-len(lengths) // parallel) for batch in found)


def test_as_few_batches_as_the_budget_allows():
    assert batches([5] * 10, sentences=64, tokens=20) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert batches([1, 9, 3], sentences=64, tokens=100) == [[1, 2, 0]]
    assert batches([1, 9, 3], sentences=64, tokens=100, parallel=2) == [[1, 2], [0]]


class Steps:
    """An engine that counts its steps."""

    def __init__(self, parallel):
        self.count = 0
        self.go = 2
        self.parallel = parallel

    def start(self, sources):
        return sources

    def step(self, *_):
        self.count += 1
        time.sleep(0.001)


def test_one_after_another_is_done_in_this_thread():
    engine = Steps(1)
    threads = list(each(lambda own, _: (own, threading.current_thread()), [1, 2, 3], engine))
    assert threads == [(engine, threading.current_thread())] * 3


def test_as_many_at_a_time_as_the_engine_wants_and_in_order():
    meeting = threading.Barrier(3)  # nobody passes it unless three are there

    def work(engine, item):
        assert (engine.go, engine.start([item])) == (2, [item])
        meeting.wait(timeout=20)
        time.sleep(0.01 * (9 - item))
        return item, threading.current_thread()

    found = list(each(work, list(range(9)), Steps(3)))
    assert [item for item, _ in found] == list(range(9))
    assert len({thread for _, thread in found}) == 3


def endless(engine, item):
    """Ends at once for item 0, and of the others not before it is told to."""
    for _ in range(20_000 if item else 0):
        engine.step()
    return item


def test_an_error_reaches_the_caller_and_ends_the_others():
    engine = Steps(2)

    def work(own, item):
        if not item:
            raise ValueError("the first of them")
        return endless(own, item)

    with pytest.raises(ValueError, match="the first of them"):
        list(each(work, [0, 1, 2, 3], engine))
    assert engine.count < 10_000
    assert not [t for t in threading.enumerate() if t.name.startswith("translating")]


def test_nobody_works_on_for_one_who_has_left():
    engine = Steps(3)
    found = each(endless, list(range(9)), engine)
    assert next(found) == 0
    found.close()
    assert engine.count < 10_000
    assert not [t for t in threading.enumerate() if t.name.startswith("translating")]


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_control_c_ends_it():
    engine = Steps(2)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            list(each(endless, [1, 2, 3], engine))
    finally:
        signal.signal(signal.SIGINT, before)
    assert engine.count < 20_000
    assert not [t for t in threading.enumerate() if t.name.startswith("translating")]
