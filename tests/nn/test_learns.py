"""Each kind of network learns to turn short sequences round, which takes the source's content and its order."""

from __future__ import annotations

import itertools

import pytest
import torch
from tiny_models import GRID

from seq2seq import build
from seq2seq.data.batches import collate
from seq2seq.engines.torch_engine import TorchEngine
from seq2seq.recipe.schema import Choice, Model
from seq2seq.search import Greedy
from seq2seq.training.objective import CrossEntropy

LETTERS = range(4, 9)
SEQUENCES = [list(s) for n in (1, 2, 3) for s in itertools.product(LETTERS, repeat=n)]  # 155
BETTER_THAN_CHANCE = 0.5
"""Of unseen sequences, four fifths of which have three letters: knowing the length alone gets less than 2 % right."""
COVER = [
    ("parallel", "lstm", "multi-head"),
    ("parallel", "gru", "dot"),
    ("input-feeding", "lstm", "dot"),
    ("input-feeding", "gru", "additive"),
    ("fixed-vector", "lstm", "none"),
    ("fixed-vector", "gru", "none"),
]


def learn(wiring: str, cell: str, attention: str, *, most: int) -> float:
    """Trains on four fifths of the sequences. Returns the share of the others that greedy search turns round."""
    torch.manual_seed(1)
    size = 48
    settings = Model(
        wiring=Choice(wiring),
        cell=Choice(cell),
        attention=Choice(attention),
        embedding_size=32,
        encoder_size=size,
        decoder_size=size,
        bridge="last",
        dropout=0.0,
    )
    model = build.model(settings, source_symbols=9, target_symbols=9)
    optimizer, objective = torch.optim.Adam(model.parameters(), lr=8e-3), CrossEntropy()
    shuffled = torch.randperm(len(SEQUENCES), generator=torch.Generator().manual_seed(1)).tolist()
    unseen, seen = [SEQUENCES[i] for i in shuffled[::5]], [SEQUENCES[i] for i in set(shuffled) - set(shuffled[::5])]
    batch, loss = collate(seen, [s[::-1] for s in seen]), torch.inf
    for _ in range(most):
        optimizer.zero_grad()
        total = objective(model, batch) / batch.num_tokens
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss = total.item()
        if loss < 0.005:
            break
    # A network that ignores the source cannot fall below the entropy of a letter, ln 5 nats.
    assert loss < 0.1
    engine = TorchEngine(model)
    start = engine.start(unseen)
    found = Greedy()(engine, start.memory, start.state, start.source_lengths)
    right = [list(one.ids) == s[::-1] for (one,), s in zip(found, unseen, strict=True)]
    return sum(right) / len(right)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(("wiring", "cell", "attention"), COVER)
def test_it_learns_to_reverse(wiring: str, cell: str, attention: str) -> None:
    assert learn(wiring, cell, attention, most=250) >= BETTER_THAN_CHANCE


@pytest.mark.slow
@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(("wiring", "cell", "attention"), [kind for kind in GRID if kind not in COVER])
def test_every_kind_learns_to_reverse(wiring: str, cell: str, attention: str) -> None:
    assert learn(wiring, cell, attention, most=400) >= BETTER_THAN_CHANCE
