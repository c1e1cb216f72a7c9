"""What every decoder must do, whichever the wiring, the cell and the attention."""

from __future__ import annotations

import pytest
import torch
from tiny_models import GRID, JOINED, concrete_members, random_batch, registered, tiny

from seq2seq.data.batches import collate
from seq2seq.nn.bridge import SUMMARIES, Bridge
from seq2seq.nn.decoders import Decoder
from seq2seq.nn.memory import Encoded
from seq2seq.nn.state import select
from seq2seq.registry import CELLS, WIRINGS

every_decoder = pytest.mark.parametrize(("wiring", "cell", "attention"), GRID)
BATCH = collate(*random_batch([4, 1, 6, 3], [5, 2, 0, 4]))


def read(model, batch=BATCH):
    memory = model.encode(batch.source, batch.source_lengths)
    embedded = model.target_embedding(batch.target_in)
    return memory, embedded


def stepped(model, memory, embedded, owner=None):
    """The features of all positions, one step after another."""
    owner = torch.arange(len(embedded)) if owner is None else owner
    state, features, attention = select(model.start(memory), owner), [], []
    for position in range(embedded.shape[1]):
        feature, weights, state = model.decoder.step(embedded[:, position], memory, owner, state)
        features.append(feature)
        attention.append(weights)
    return torch.stack(features, dim=1), torch.stack(attention, dim=1)


def test_every_wiring_in_the_folder_is_registered() -> None:
    assert concrete_members("seq2seq.nn.decoders", Decoder) == registered(WIRINGS)


@every_decoder
@pytest.mark.parametrize(("kind", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
@torch.no_grad()
def test_forward_equals_step_over_the_positions(wiring, cell, attention, kind, tolerance) -> None:
    model = tiny(wiring, cell, attention, dropout=0.5, decoder_layers=3).to(kind).eval()
    memory, embedded = read(model)
    features = model.decoder(embedded, memory)
    assert features.shape == (*BATCH.target_in.shape, model.decoder.feature_size)
    torch.testing.assert_close(stepped(model, memory, embedded)[0], features, rtol=tolerance, atol=tolerance)


@every_decoder
@torch.no_grad()
def test_hypotheses_of_any_owner_are_stepped_as_their_sentence_is(wiring, cell, attention) -> None:
    model = tiny(wiring, cell, attention).double().eval()
    memory, embedded = read(model)
    wanted, wanted_weights = stepped(model, memory, embedded)
    owner = torch.tensor([2, 0, 2, 3])
    found, weights = stepped(model, memory, embedded[owner], owner)
    torch.testing.assert_close(found, wanted[owner])
    torch.testing.assert_close(weights, wanted_weights[owner])


@every_decoder
@torch.no_grad()
def test_a_sentence_is_decoded_as_if_it_were_alone(wiring, cell, attention) -> None:
    model = tiny(wiring, cell, attention).double().eval()
    memory, embedded = read(model)
    features, weights = model.decoder(embedded, memory), stepped(model, memory, embedded)[1]
    for row, (length, width) in enumerate(zip(BATCH.target_lengths, BATCH.source_lengths, strict=True)):
        alone = model.encode(BATCH.source[row : row + 1, :width], BATCH.source_lengths[row : row + 1])
        torch.testing.assert_close(model.decoder(embedded[row : row + 1, :length], alone)[0], features[row, :length])
        assert not weights[row, :, width:].any()
        torch.testing.assert_close(weights[row].sum(dim=-1).float(), torch.ones(embedded.shape[1]))


@every_decoder
@torch.no_grad()
def test_no_position_sees_a_later_one(wiring, cell, attention) -> None:
    model = tiny(wiring, cell, attention).double().eval()
    memory, embedded = read(model)
    features = model.decoder(embedded, memory)
    changed = embedded.clone()
    changed[:, 3:] = 7.0
    torch.testing.assert_close(model.decoder(changed, memory)[:, :3], features[:, :3])
    assert not torch.allclose(model.decoder(changed, memory)[:, 3], features[:, 3])


@every_decoder
@torch.no_grad()
def test_the_source_reaches_the_features(wiring, cell, attention) -> None:
    model = tiny(wiring, cell, attention).eval()
    memory, embedded = read(model)
    other = model.encode(BATCH.source.flip(0), BATCH.source_lengths.flip(0))
    assert not torch.allclose(model.decoder(embedded, memory), model.decoder(embedded, other))


@pytest.mark.parametrize(("wiring", "attention"), JOINED)
def test_in_training_the_masks_are_locked_over_the_positions(wiring, attention) -> None:
    model = tiny(wiring, "gru", attention, dropout=0.5, size=16).train()
    features = model.decoder(*reversed(read(model)))
    dropped = features == 0
    assert 0.3 < dropped.float().mean() < 0.7
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert not torch.equal(dropped[0], dropped[1])


@torch.no_grad()
def test_parallel_is_its_equations() -> None:
    model = tiny("parallel", "lstm", "dot", decoder_layers=3).double().eval()
    memory, embedded = read(model)
    first, second, third = model.decoder.cells
    starts = model.start(memory)
    low, _ = first.loop(embedded, starts[0])
    context, _ = model.decoder.attention(low, memory.keys, memory.mask)
    middle, _ = second.loop(torch.cat([low, context], -1), starts[1])
    high, _ = third.loop(torch.cat([middle, context], -1), starts[2])
    torch.testing.assert_close(model.decoder(embedded, memory), torch.cat([high, context], -1))


@torch.no_grad()
def test_input_feeding_is_its_equations() -> None:
    model = tiny("input-feeding", "gru", "dot", decoder_layers=2).double().eval()
    memory, embedded = read(model)
    below, above = model.decoder.cells
    (low, high), fed = model.start(memory)
    assert not fed.any()
    features = model.decoder(embedded, memory)
    for t in range(embedded.shape[1]):
        hidden, low = below.step(torch.cat([embedded[:, t], fed], -1), low)
        hidden, high = above.step(hidden, high)
        context, _ = model.decoder.attention(hidden[:, None], memory.keys, memory.mask)
        combine = model.decoder.combine
        fed = torch.tanh(torch.cat([context[:, 0], hidden], -1) @ combine.weight.T + combine.bias)
        torch.testing.assert_close(features[:, t], fed)


@torch.no_grad()
def test_fixed_vector_is_its_equations() -> None:
    model = tiny("fixed-vector", "lstm", "none", decoder_layers=2).double().eval()
    memory, embedded = read(model)
    below, above = model.decoder.cells
    starts = model.start(memory)
    hidden, _ = below.loop(embedded, starts[0])
    hidden, _ = above.loop(hidden, starts[1])
    torch.testing.assert_close(model.decoder(embedded, memory), hidden)


ENCODED = Encoded(
    torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [0.0, 0.0]]]),
    torch.tensor([[7.0, 8.0], [9.0, 10.0]]),
    torch.tensor([[True, True], [True, False]]),
)
START = {"zero": [[0.0, 0.0], [0.0, 0.0]], "last": [[7.0, 8.0], [9.0, 10.0]], "mean": [[2.0, 3.0], [5.0, 6.0]]}


@pytest.mark.parametrize("name", list(SUMMARIES))
@pytest.mark.parametrize("cell", list(CELLS))
def test_the_bridge_starts_every_layer_from_what_it_says(name: str, cell: str) -> None:
    cells = [CELLS.load(cell)(3, 4) for _ in range(2)]
    bridge = Bridge(name, 2, cells)
    start = bridge.summarise(ENCODED)
    assert start.tolist() == START[name]
    states = bridge(start, cells)
    assert len(states) == 2
    if name == "zero":
        assert not list(bridge.parameters()), "nothing to learn where nothing is read"
        assert not any(part.any() for state in states for part in state)
        return
    for state, layer in zip(states, bridge.projections, strict=True):
        wanted = torch.tanh(torch.tensor(START[name]) @ layer.weight.T + layer.bias)
        torch.testing.assert_close(torch.cat(list(state), dim=-1), wanted)


def test_the_bridge_knows_these_summaries() -> None:
    assert set(SUMMARIES) == set(START)
