"""The encoder over padded rows equals reading each sentence alone."""

from __future__ import annotations

import itertools

import pytest
import torch
from tiny_models import scramble

from seq2seq.nn.encoder import Encoder, reorder, reverse_index
from seq2seq.registry import CELLS

INPUT, SIZE, TIME = 3, 4, 6
LENGTHS = torch.tensor([4, 6, 1, 3])


def make(cell: str = "lstm", depth: int = 2, **settings) -> Encoder:
    torch.manual_seed(5)
    names = itertools.islice(itertools.cycle(CELLS if cell == "mixed" else [cell]), depth)
    return scramble(Encoder(INPUT, SIZE, cells=[CELLS.load(name) for name in names], **settings)).double().eval()


def sentences() -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randn(len(LENGTHS), TIME, INPUT, dtype=torch.float64, generator=generator)


def test_reverse_index_turns_each_row_within_its_length() -> None:
    index = reverse_index(torch.tensor([3, 1, 4]), 4)
    assert index.tolist() == [[2, 1, 0, 3], [0, 1, 2, 3], [3, 2, 1, 0]]
    x = torch.arange(12.0).view(3, 4, 1)
    assert reorder(x, index)[:, :, 0].tolist() == [[2, 1, 0, 3], [4, 5, 6, 7], [11, 10, 9, 8]]
    assert torch.equal(reorder(reorder(x, index), index), x)


@pytest.mark.parametrize(
    ("cell", "depth", "ways"),
    list(itertools.product([*CELLS, "mixed"], [1, 3], [(True, False), (False, False), (False, True)])),
)
def test_padding_cannot_reach_a_sentence(cell: str, depth: int, ways: tuple[bool, bool]) -> None:
    bidirectional, backwards = ways
    encoder = make(cell, depth, bidirectional=bidirectional, reverse_source=backwards, residual=depth > 1)
    x = sentences()
    encoded = encoder(x, LENGTHS)
    other = encoder(torch.where(encoded.mask[:, :, None], x, 1e3), LENGTHS)
    assert torch.equal(other.outputs, encoded.outputs)
    assert torch.equal(other.last, encoded.last)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = encoder(x[row : row + 1, :length], LENGTHS[row : row + 1])
        torch.testing.assert_close(encoded.outputs[row, :length], alone.outputs[0], rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(encoded.last[row], alone.last[0], rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(encoded.mean()[row], alone.outputs[0].mean(dim=0), rtol=1e-10, atol=1e-10)
        assert not encoded.outputs[row, length:].any()
    assert encoded.mask.sum(dim=1).tolist() == LENGTHS.tolist()


@pytest.mark.parametrize("cell", list(CELLS))
def test_both_directions_equal_two_cells_stepped_by_hand(cell: str) -> None:
    encoder, x = make(cell, 1), sentences()
    encoded, layer = encoder(x, LENGTHS), encoder.layers[0]
    for row, length in enumerate(LENGTHS.tolist()):
        words = x[row : row + 1, :length]
        ahead, _ = layer.forward_cell.loop(words)
        back, _ = layer.backward_cell.loop(words.flip(1))
        torch.testing.assert_close(encoded.outputs[row, :length], torch.cat([ahead, back.flip(1)], dim=-1)[0])
        # The last of each direction: ahead at the end of the sentence, back at its beginning.
        torch.testing.assert_close(encoded.last[row], torch.cat([ahead[0, -1], back[0, -1]]))


def test_one_way_reads_from_the_left_or_from_the_right() -> None:
    x = sentences()
    plain, turned = make(depth=1, bidirectional=False), make(depth=1, bidirectional=False, reverse_source=True)
    encoded, backwards = plain(x, LENGTHS), turned(x, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        words = x[row : row + 1, :length]
        ahead, _ = plain.layers[0].forward_cell.loop(words)
        back, _ = turned.layers[0].forward_cell.loop(words.flip(1))
        torch.testing.assert_close(encoded.last[row], ahead[0, -1])
        torch.testing.assert_close(backwards.last[row], back[0, -1])
        torch.testing.assert_close(backwards.outputs[row, :length], back[0].flip(0))  # position s belongs to word s


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("residual", [False, True])
def test_each_layer_reads_the_one_below_and_may_add_it(bidirectional: bool, residual: bool) -> None:
    encoder, x = make("mixed", 3, bidirectional=bidirectional, residual=residual), sentences()
    low = encoder.layers[0](x, LENGTHS)  # its input has another size: nothing is added
    middle = encoder.layers[1](low, LENGTHS) + (low if residual else 0)
    high = encoder.layers[2](middle, LENGTHS) + (middle if residual else 0)
    encoded = encoder(x, LENGTHS)
    torch.testing.assert_close(encoded.outputs, high * encoded.mask[:, :, None])
    torch.testing.assert_close(encoded.last, encoder.layers[2].last(high, LENGTHS))


def test_the_layers_of_a_mixed_stack_are_the_cells_in_their_order() -> None:
    kinds = [type(layer.forward_cell) for layer in make("mixed", len(list(CELLS))).layers]
    assert kinds == [CELLS.load(name) for name in CELLS]


def test_each_layer_reads_features_dropped_for_whole_sentences() -> None:
    encoder, rows = make("gru", 2, bidirectional=False, dropout=0.5), 400
    ones, lengths = torch.ones(rows, TIME, INPUT, dtype=torch.float64), torch.full((rows,), TIME)
    read: list[torch.Tensor] = []
    for layer in encoder.layers:
        layer.register_forward_pre_hook(lambda _layer, given: read.append(given[0]))
    encoder.layers[0].register_forward_hook(lambda _layer, _read, made: torch.ones_like(made))
    encoder(ones, lengths)
    assert [x.shape for x in read] == [(rows, TIME, INPUT), (rows, TIME, SIZE)]
    assert all((x == 1).all() for x in read)
    read.clear()
    encoder.train()(ones, lengths)
    assert len(read) == 2
    for x in read:
        assert set(x.unique().tolist()) == {0.0, 2.0}
        assert torch.equal(x, x[:, :1].expand_as(x))  # locked over time
        assert len(x[:, 0].unique(dim=0)) > 1  # another mask for another sentence
        dropped = (x[:, 0] == 0).double()
        assert dropped.mean().item() == pytest.approx(0.5, abs=5 * (0.25 / dropped.numel()) ** 0.5)


def test_what_is_added_is_not_dropped() -> None:
    encoder, x = make("gru", 2, bidirectional=False, residual=True, dropout=0.5).train(), sentences()
    for weight in encoder.layers[1].parameters():
        torch.nn.init.zeros_(weight)  # a GRU of zeros that starts from zeros gives zeros
    encoder.layers[0].register_forward_hook(lambda _layer, _read, made: torch.ones_like(made))
    encoded = encoder(x, LENGTHS)
    assert (encoded.outputs[encoded.mask] == 1).all()


def test_an_odd_size_cannot_be_read_both_ways() -> None:
    with pytest.raises(ValueError, match="needs an even size, not 5"):
        Encoder(INPUT, 5, cells=[CELLS.load("gru")])
    assert Encoder(INPUT, 5, cells=[CELLS.load("gru")], bidirectional=False).output_size == 5
