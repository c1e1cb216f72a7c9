"""BiDeep networks (Miceli Barone et al. 2017): stacks of deep transitions, by settings alone."""

from __future__ import annotations

import pytest
import torch
from tiny_models import BIDEEP, random_batch, tiny

from seq2seq import build
from seq2seq.data.batches import collate
from seq2seq.nn.deep_transition import DeepTransition
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.schema import Recipe

# The published shape: an encoder of 4 layers with 2 cells each, and so of combined depth 8; GRUs with layer norm, and
# residual connections between the layers. The paper's decoder has 4 cells in its first layer and 2 in the others, as a
# conditional GRU has two to begin with; here a layer has as many as the next.
PUBLISHED = [
    'model.cell="gru"',
    "model.layer_norm=true",
    "model.residual=true",
    "model.encoder_layers=4",
    "model.encoder_transition=2",
    "model.decoder_layers=4",
    "model.decoder_transition=2",
]
SIZES = ["model.embedding_size=8", "model.encoder_size=12", "model.decoder_size=12"]


@pytest.mark.parametrize(
    "wiring", [["model.wiring=input-feeding", "model.attention=additive"], ["model.wiring=parallel"]]
)
def test_the_published_shape_can_be_set(wiring: list[str]) -> None:
    recipe = apply_overrides(Recipe(), [*PUBLISHED, *SIZES, *wiring])
    network = build.model(recipe.model, source_symbols=20, target_symbols=20)
    assert len(network.encoder.layers) == len(network.decoder.cells) == 4
    for layer in network.encoder.layers:
        for cell in (layer.forward_cell, layer.backward_cell):
            assert isinstance(cell, DeepTransition)
            assert [one.input_size == 0 for one in cell.cells] == [False, True]
            assert all(one.state_norm is not None for one in cell.cells)
    assert [len(cell.cells) for cell in network.decoder.cells] == [2] * 4
    assert network.encoder.residual
    assert network.decoder.residual


def test_the_encoder_is_its_equations_layer_by_layer() -> None:
    """x^1 = f^1(e), x^l = x^{l-1} + f^l(x^{l-1}), each f a transition through two cells in both directions."""
    model = tiny(**next(iter(BIDEEP.values()))).double().eval()
    batch = collate(*random_batch([5, 5, 5], [1, 1, 1]))
    with torch.no_grad():
        x = model.source_embedding(batch.source)
        found = model.encoder(x, batch.source_lengths).outputs
        for number, layer in enumerate(model.encoder.layers):
            ways = []
            for cell, sequence in ((layer.forward_cell, x), (layer.backward_cell, x.flip(1))):
                first, second = cell.cells
                state, outputs = first.zero_state(x[:, 0]), []
                for now in sequence.unbind(1):
                    _, state = first.step(now, state)
                    output, state = second.step(now[:, :0], state)
                    outputs.append(output)
                ways.append(torch.stack(outputs, 1))
            made = torch.cat([ways[0], ways[1].flip(1)], -1)
            x = made + x if number else made
    torch.testing.assert_close(found, x)
