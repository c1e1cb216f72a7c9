"""On going on, every process gets what the first one has read, bit for bit."""

from __future__ import annotations

import json

import torch
from test_checkpoint import COUNTERS, assert_equal, fresh, train

from seq2seq.training import checkpoint


class Recorder:
    """The first process of a group, alone: notes what it would send."""

    rank, size = 0, 2

    def __init__(self) -> None:
        self.sent = []

    def from_first(self, value):
        self.sent.append(json.dumps(value))
        return json.loads(self.sent[-1])

    def sum_(self, tensors) -> None:
        self.sent.append([tensor.clone() for tensor in tensors])


class Player:
    """Another process: gets what the first one sent, added to what it has itself."""

    rank, size = 1, 2

    def __init__(self, sent) -> None:
        self.sent = list(sent)

    def from_first(self, value):
        return json.loads(self.sent.pop(0))

    def sum_(self, tensors) -> None:
        for own, other in zip(tensors, self.sent.pop(0), strict=True):
            own.add_(other)


def share(first, other) -> None:
    recorder = Recorder()
    assert checkpoint.share(first, recorder) == first.counters
    player = Player(recorder.sent)
    assert checkpoint.share(other, player) == first.counters
    assert player.sent == []


def test_all_that_a_checkpoint_holds_is_shared() -> None:
    first = train(fresh(), 3)
    first.counters.__dict__.update(COUNTERS.__dict__)
    weight = next(first.model.parameters())
    weight.data.view(-1)[0] = -0.0  # whose sign a sum of floats would lose
    other = train(fresh(seed=2), 1)
    share(first, other)
    assert_equal(first, other)
    assert torch.signbit(next(other.model.parameters()).view(-1)[0])
    assert_equal(train(first, 2), train(other, 2))


def test_where_the_first_has_made_no_step_the_others_forget_theirs() -> None:
    first, other = fresh(), train(fresh(seed=2), 2)
    share(first, other)
    assert not any(other.optimizer.state.values())
    assert_equal(train(first, 1), train(other, 1))
