"""What every decoder must do, whichever the wiring, the cell and the attention."""

from __future__ import annotations

import pytest
import torch
from tiny_models import CELL_KINDS, JOINED, MIXED, NETWORKS, ONE_CELL, concrete_members, random_batch, registered, tiny

from seq2seq import build
from seq2seq.data.batches import collate
from seq2seq.nn.bridge import SUMMARIES, Bridge
from seq2seq.nn.decoders import Decoder
from seq2seq.nn.memory import Encoded
from seq2seq.nn.state import select
from seq2seq.registry import CELLS, WIRINGS
from seq2seq.training.precision import cpu_has_bf16

every_decoder = pytest.mark.parametrize("kind", NETWORKS)
each_decoder = pytest.mark.parametrize("kind", ONE_CELL)
BATCH = collate(*random_batch([4, 1, 6, 3], [5, 2, 0, 4]))
STEPPING = {"input-feeding"}


def read(model, batch=BATCH):
    memory = model.encode(batch.source, batch.source_lengths)
    embedded = model.target_embedding(batch.target_in)
    return memory, embedded


def whole(model, embedded, memory):
    features, _ = model.decoder(embedded, memory)
    return features


def stepped(model, memory, embedded, owner=None):
    """The features and weights of all positions, one step after another, and the last state."""
    owner = torch.arange(len(embedded)) if owner is None else owner
    state, features, attention = select(model.start(memory), owner), [], []
    for position in range(embedded.shape[1]):
        feature, weights, state = model.decoder.step(embedded[:, position], memory, owner, state)
        features.append(feature)
        attention.append(weights)
    return torch.stack(features, dim=1), torch.stack(attention, dim=1), state


def leaves(state) -> list[torch.Tensor]:
    return [state] if isinstance(state, torch.Tensor) else [leaf for part in state for leaf in leaves(part)]


@pytest.mark.skipif(not cpu_has_bf16(), reason="this CPU computes no bf16")
@pytest.mark.parametrize(("wiring", "attention"), JOINED)
def test_what_its_cells_add_up_is_kept_in_their_own_type(wiring, attention) -> None:
    model = tiny(wiring, attention=attention)
    with torch.autocast("cpu", torch.bfloat16):
        memory, embedded = read(model)
        before = model.decoder.initial_state(memory)
        _, after = model.decoder(embedded, memory)
    # A fused call adds up in 32 bits inside, and rounds what comes out of it once.
    for layers, *_ in (before, after) if wiring in STEPPING else (before,):
        assert {c.dtype for _, c in layers} == {torch.float32}


def assert_same(found, wanted, **tolerance) -> None:
    for one, other in zip(leaves(found), leaves(wanted), strict=True):
        torch.testing.assert_close(one, other, **tolerance)


def test_every_wiring_in_the_folder_is_registered() -> None:
    assert concrete_members("seq2seq.nn.decoders", Decoder) == registered(WIRINGS)


def check_forward_equals_step(model, tolerance) -> None:
    memory, embedded = read(model.eval())
    features, state = model.decoder(embedded, memory)
    words = 0 if memory.words is None else memory.words.shape[-1]
    assert features.shape == (*BATCH.target_in.shape, model.decoder.feature_size + words)
    one_by_one, _, last = stepped(model, memory, embedded)
    torch.testing.assert_close(one_by_one, features, rtol=tolerance, atol=tolerance)
    assert_same(last, state, rtol=tolerance, atol=tolerance)


@every_decoder
@torch.no_grad()
def test_forward_equals_step_over_the_positions(kind) -> None:
    check_forward_equals_step(tiny(**{"dropout": 0.5, "decoder_layers": 3, **NETWORKS[kind]}).double(), 1e-10)


@each_decoder
@torch.no_grad()
def test_forward_equals_step_in_32_bits_too(kind) -> None:
    check_forward_equals_step(tiny(**NETWORKS[kind]), 1e-5)


@every_decoder
@torch.no_grad()
def test_a_target_may_be_read_in_parts_in_training_too(kind) -> None:
    """Dropout, also that inside the cells, belongs to the sentence: all parts meet the same masks."""
    model = tiny(**{"dropout": 0.4, "recurrent_dropout": 0.3, **NETWORKS[kind]}).double().train()
    memory, embedded = read(model)
    features, wanted = model.decoder(embedded, memory)
    state, parts = None, []
    for begin, end in [(0, 2), (2, 3), (3, embedded.shape[1])]:
        part, state = model.decoder(embedded[:, begin:end], memory, state)
        parts.append(part)
    torch.testing.assert_close(torch.cat(parts, dim=1), features)
    assert_same(state, wanted)


@pytest.mark.parametrize("share", [0.0, 0.3])
@each_decoder
@torch.no_grad()
def test_rows_of_a_memory_are_read_as_their_sentences_are_noise_included(kind, share) -> None:
    changes = {"dropout": 0.4, "recurrent_dropout": share, "recurrent_weight_dropout": 0.3}
    model = tiny(**{**NETWORKS[kind], **changes}).double().train()
    memory, embedded = read(model)
    rows = torch.tensor([2, 0, 2, 3, 3])
    wanted, state = model.decoder(embedded, memory)
    found, after = model.decoder(embedded[rows], memory.select(rows))
    torch.testing.assert_close(found, wanted[rows])
    assert_same(after, select(state, rows))


@each_decoder
@torch.no_grad()
def test_the_state_is_one_row_a_hypothesis_and_knows_its_position(kind) -> None:
    model = tiny(**NETWORKS[kind]).eval()
    memory, embedded = read(model)
    start = model.start(memory)
    assert all(len(leaf) == len(embedded) for leaf in leaves(start))
    assert start[1].tolist() == [0, 0, 0, 0]
    _, state = model.decoder(embedded, memory)
    assert state[1].dtype == torch.int64
    assert state[1].tolist() == [embedded.shape[1]] * 4


@each_decoder
@torch.no_grad()
def test_hypotheses_of_any_owner_and_position_are_stepped_as_their_sentence_is(kind) -> None:
    model = tiny(**NETWORKS[kind]).double().eval()
    memory, embedded = read(model)
    wanted, wanted_weights, _ = stepped(model, memory, embedded)
    owner = torch.tensor([2, 0, 2, 3])
    found, weights, _ = stepped(model, memory, embedded[owner], owner)
    torch.testing.assert_close(found, wanted[owner])
    torch.testing.assert_close(weights, wanted_weights[owner])
    # Rows that have come to different positions: two after one word, two after three.
    _, early = model.decoder(embedded[:, :1], memory)
    _, late = model.decoder(embedded[:, :3], memory)
    rows = torch.tensor([0, 5, 2, 7])
    both = torch.tensor([0, 1, 2, 3])
    mixed = select(join(early, late), rows)
    words = torch.stack([embedded[0, 1], embedded[1, 3], embedded[2, 1], embedded[3, 3]])
    features, _, _ = model.decoder.step(words, memory, both, mixed)
    torch.testing.assert_close(features, torch.stack([wanted[0, 1], wanted[1, 3], wanted[2, 1], wanted[3, 3]]))


def join(above, below):
    if isinstance(above, torch.Tensor):
        return torch.cat([above, below])
    return tuple(join(one, other) for one, other in zip(above, below, strict=True))


@each_decoder
@torch.no_grad()
def test_a_sentence_is_decoded_as_if_it_were_alone(kind) -> None:
    model = tiny(**NETWORKS[kind]).double().eval()
    memory, embedded = read(model)
    features, weights = whole(model, embedded, memory), stepped(model, memory, embedded)[1]
    for row, (length, width) in enumerate(zip(BATCH.target_lengths, BATCH.source_lengths, strict=True)):
        alone = model.encode(BATCH.source[row : row + 1, :width], BATCH.source_lengths[row : row + 1])
        torch.testing.assert_close(whole(model, embedded[row : row + 1, :length], alone)[0], features[row, :length])
        assert not weights[row, :, width:].any()
        torch.testing.assert_close(weights[row].sum(dim=-1).float(), torch.ones(embedded.shape[1]))


@each_decoder
@torch.no_grad()
def test_no_position_sees_a_later_one(kind) -> None:
    model = tiny(**NETWORKS[kind]).double().eval()
    memory, embedded = read(model)
    features = whole(model, embedded, memory)
    changed = embedded.clone()
    changed[:, 3:] = 7.0
    torch.testing.assert_close(whole(model, changed, memory)[:, :3], features[:, :3])
    assert not torch.allclose(whole(model, changed, memory)[:, 3], features[:, 3])


@each_decoder
@torch.no_grad()
def test_the_source_reaches_the_features(kind) -> None:
    model = tiny(**NETWORKS[kind]).eval()
    memory, embedded = read(model)
    other = model.encode(BATCH.source.flip(0), BATCH.source_lengths.flip(0))
    assert not torch.allclose(whole(model, embedded, memory), whole(model, embedded, other))


@pytest.mark.parametrize(("wiring", "attention"), JOINED)
def test_in_training_the_masks_are_locked_over_the_positions(wiring, attention) -> None:
    model = tiny(wiring, "gru", attention, dropout=0.5, size=16).train()
    memory, embedded = read(model)
    features = whole(model, embedded, memory)
    dropped = features == 0
    assert 0.3 < dropped.float().mean() < 0.7
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert not torch.equal(dropped[0], dropped[1])
    assert torch.equal(whole(model, embedded, memory), features), "the noise is the memory's"
    assert not torch.equal(whole(model, embedded, read(model)[0]), features), "and drawn with each"


def test_a_step_of_a_search_meets_no_noise() -> None:
    model = tiny("input-feeding", "gru", "dot", dropout=0.5, recurrent_dropout=0.5)
    memory, embedded = read(model.eval())
    wanted = stepped(model, memory, embedded)[0]
    torch.testing.assert_close(stepped(model.train(), memory, embedded)[0], wanted)
    assert not torch.allclose(whole(model, embedded, read(model)[0]), wanted)


def masked(x, mask):
    """What is left of `x` behind a mask [batch, size]; None is no mask."""
    return x if mask is None else x * (mask if x.dim() == 2 else mask[:, None])


in_both_modes = pytest.mark.parametrize("training", [False, True])
NOISY = {"dropout": 0.5, "recurrent_dropout": 0.5}
"""In training the equations hold with the memory's noise in them."""


def noisy(model, training):
    memory, embedded = read(model.double().train(training))
    noise = memory.noise
    assert (noise.features is None) == (not training)
    assert all((mask is None) == (not training) for mask in [*noise.inputs, *noise.cells])
    return memory, embedded, noise


@in_both_modes
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("attention", ["dot", "local"])
@torch.no_grad()
def test_parallel_is_its_equations(attention, residual, training) -> None:
    model = tiny("parallel", "lstm", attention, decoder_layers=3, residual=residual, **NOISY)
    memory, embedded, noise = noisy(model, training)
    first, second, third = model.decoder.cells
    starts, _ = model.start(memory)
    places = torch.arange(embedded.shape[1]).expand(len(embedded), -1)
    low, _ = first.loop(masked(embedded, noise.inputs[0]), starts[0], None, noise.cells[0])
    context, _ = model.decoder.attention(low, memory.keys, memory.mask, places)
    middle, _ = second.loop(masked(torch.cat([low, context], -1), noise.inputs[1]), starts[1], None, noise.cells[1])
    middle = middle + low if residual else middle  # the hidden below, whole; not the context
    high, _ = third.loop(masked(torch.cat([middle, context], -1), noise.inputs[2]), starts[2], None, noise.cells[2])
    high = high + middle if residual else high
    wanted = masked(torch.cat([high, context], -1), noise.features)
    torch.testing.assert_close(whole(model, embedded, memory), wanted)


@pytest.mark.parametrize("after", [2, 3])
@torch.no_grad()
def test_a_second_attention_joins_all_that_follows(after) -> None:
    model = tiny("parallel", "gru", "multi-head", decoder_layers=3, second_attention=after).double().eval()
    memory, embedded = read(model)
    decoder, (starts, _) = model.decoder, model.start(memory)
    places = torch.arange(embedded.shape[1]).expand(len(embedded), -1)
    hidden, _ = decoder.cells[0].loop(embedded, starts[0])
    context, weights = decoder.attention(hidden, memory.keys, memory.mask, places)
    for number in (1, 2):
        hidden, _ = decoder.cells[number].loop(torch.cat([hidden, context], -1), starts[number])
        if number + 1 == after:
            second, more = decoder.second_attention(hidden, memory.second_keys, memory.mask, places)
            context = torch.cat([context, second], -1)
    torch.testing.assert_close(whole(model, embedded, memory), torch.cat([hidden, context], -1))
    torch.testing.assert_close(stepped(model, memory, embedded)[1], (weights + more) / 2)
    assert not torch.allclose(weights, more)


@pytest.mark.parametrize("after", [1, 4])
def test_a_second_attention_stands_within_the_layers(after) -> None:
    with pytest.raises(ValueError, match=f"follows layer 2 to 3, not {after}"):
        tiny("parallel", decoder_layers=3, second_attention=after)


@in_both_modes
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("attention", ["dot", "local"])
@torch.no_grad()
def test_input_feeding_is_its_equations(attention, residual, training) -> None:
    model = tiny("input-feeding", "gru", attention, decoder_layers=2, residual=residual, **NOISY)
    memory, embedded, noise = noisy(model, training)
    below, above = model.decoder.cells
    (low, high), _, fed = model.start(memory)
    assert not fed.any()
    features = whole(model, embedded, memory)
    for t in range(embedded.shape[1]):
        under, low = below.step(masked(torch.cat([embedded[:, t], fed], -1), noise.inputs[0]), low, noise.cells[0])
        over, high = above.step(masked(under, noise.inputs[1]), high, noise.cells[1])
        hidden = over + under if residual else over
        place = torch.full((len(embedded), 1), t)
        context, _ = model.decoder.attention(hidden[:, None], memory.keys, memory.mask, place)
        combine = model.decoder.combine
        fed = torch.tanh(torch.cat([context[:, 0], hidden], -1) @ combine.weight.T + combine.bias)
        fed = masked(fed, noise.features)
        torch.testing.assert_close(features[:, t], fed)


@in_both_modes
@pytest.mark.parametrize("residual", [False, True])
@torch.no_grad()
def test_fixed_vector_is_its_equations(residual, training) -> None:
    model = tiny("fixed-vector", "lstm", "none", decoder_layers=2, residual=residual, **NOISY)
    memory, embedded, noise = noisy(model, training)
    below, above = model.decoder.cells
    starts, _ = model.start(memory)
    low, _ = below.loop(masked(embedded, noise.inputs[0]), starts[0], None, noise.cells[0])
    high, _ = above.loop(masked(low, noise.inputs[1]), starts[1], None, noise.cells[1])
    wanted = masked(high + low if residual else high, noise.features)
    torch.testing.assert_close(whole(model, embedded, memory), wanted)


@torch.no_grad()
def test_a_wiring_that_steps_asks_for_the_next_embedding() -> None:
    model = tiny("input-feeding", "gru", "general").double().eval()
    memory, embedded = read(model)
    asked = []

    def choose(features, true):
        asked.append((features, true))
        return true + 1.0

    features, _ = model.decoder(embedded, memory, None, choose)
    moved = torch.cat([embedded[:, :1], embedded[:, 1:] + 1.0], dim=1)
    torch.testing.assert_close(features, whole(model, moved, memory))
    assert len(asked) == embedded.shape[1] - 1
    for position, (before, true) in enumerate(asked, start=1):
        torch.testing.assert_close(before, features[:, position - 1])
        torch.testing.assert_close(true, embedded[:, position])
    # In a later part the first position, too, has one before it.
    _, state = model.decoder(embedded[:, :2], memory, None, choose)
    rest, _ = model.decoder(embedded[:, 2:], memory, state, choose)
    torch.testing.assert_close(rest, features[:, 2:])


@pytest.mark.parametrize("wiring", [name for name in WIRINGS if name not in STEPPING])
def test_a_wiring_that_reads_all_at_once_refuses_to_choose(wiring) -> None:
    model = tiny(wiring, attention=dict(JOINED)[wiring])
    memory, embedded = read(model)
    with pytest.raises(ValueError, match="reads all target words at once"):
        model.decoder(embedded, memory, None, lambda features, true: true)


@pytest.mark.parametrize("wiring", ["parallel", "fixed-vector"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "elman"])
def test_a_whole_target_is_one_fused_call_a_layer(wiring, cell, monkeypatch) -> None:
    model = tiny(wiring, cell, dict(JOINED)[wiring], decoder_layers=3, dropout=0.3).train()
    calls = []
    for number, layer in enumerate(model.decoder.cells):
        layer.kernel.register_forward_hook(lambda _kernel, given, _made, number=number: calls.append((number, given)))
        monkeypatch.setattr(type(layer), "advance", None)  # a step would fail
    memory, embedded = read(model)
    whole(model, embedded, memory)
    assert [number for number, _ in calls] == [0, 1, 2]
    assert all(given[0].shape[:2] == embedded.shape[:2] for _, given in calls)


ENCODED = Encoded(
    torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [0.0, 0.0]]]),
    torch.tensor([[7.0, 8.0], [9.0, 10.0]]),
    torch.tensor([[True, True], [True, False]]),
)
START = {"zero": [[0.0, 0.0], [0.0, 0.0]], "last": [[7.0, 8.0], [9.0, 10.0]], "mean": [[2.0, 3.0], [5.0, 6.0]]}


@pytest.mark.parametrize("name", list(SUMMARIES))
@pytest.mark.parametrize("cells", [*([kind, kind] for kind in CELL_KINDS), ["gru", "lstm", "jordan"]], ids="-".join)
def test_the_bridge_starts_every_layer_from_what_it_says(name: str, cells: list[str]) -> None:
    made = []
    for kind in cells:
        settings = dict(CELL_KINDS[kind])
        made.append(build.member(CELLS, settings.pop("cell"))(3, 4, **settings))
    bridge = Bridge(name, 2, made)
    start = bridge.summarise(ENCODED)
    assert start.tolist() == START[name]
    states = bridge(start, made)
    assert len(states) == len(cells)
    if name == "zero":
        assert not list(bridge.parameters()), "nothing to learn where nothing is read"
        assert not any(part.any() for state in states for part in state)
        return
    for cell, state, layer in zip(made, states, bridge.projections, strict=True):
        wanted = torch.tanh(torch.tensor(START[name]) @ layer.weight.T + layer.bias)
        assert wanted.shape[1] == cell.state_size
        torch.testing.assert_close(torch.cat(list(state), dim=-1), wanted)


def test_the_bridge_knows_these_summaries() -> None:
    assert set(SUMMARIES) == set(START)


@pytest.mark.parametrize("bridge", list(SUMMARIES))
@pytest.mark.parametrize(("wiring", "attention"), [pair for pair in JOINED if pair[1] in ("dot", "none")])
@torch.no_grad()
def test_every_wiring_starts_from_every_bridge(wiring, attention, bridge) -> None:
    model = tiny(wiring, attention=attention, bridge=bridge, **MIXED).double().eval()
    memory, embedded = read(model)
    torch.testing.assert_close(stepped(model, memory, embedded)[0], whole(model, embedded, memory))
    first = leaves(model.start(memory)[0])
    assert any(leaf.any() for leaf in first) == (bridge != "zero")
