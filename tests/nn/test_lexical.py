"""The lexical model: its equations, where it stands in a network, and what it costs where it is not wanted."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_models import LEXICAL, NETWORKS, SYMBOLS, random_batch, tiny

from seq2seq.data.batches import collate
from seq2seq.nn.loss import cross_entropy
from seq2seq.nn.output import Output

BATCH = collate(*random_batch([4, 1, 6, 3], [5, 2, 0, 4]))
every_network = pytest.mark.parametrize("kind", LEXICAL)


def array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().numpy()


def run(model) -> torch.Tensor:
    return model(BATCH.source, BATCH.source_lengths, BATCH.target_in, BATCH.target_lengths)


@every_network
@torch.no_grad()
def test_the_logits_are_its_equations(kind: str) -> None:
    """Nguyen & Chiang 2018, equations 4 to 6, in NumPy, from the weights that each step tells."""
    model = tiny(**NETWORKS[kind]).double().eval()
    lexical, plain = model.output.lexical, Output(model.output.projection.in_features, model.target_embedding, tie=True)
    plain.load_state_dict({name: w for name, w in model.output.state_dict().items() if "lexical" not in name})
    memory, owner = model.encode(BATCH.source, BATCH.source_lengths), torch.arange(len(BATCH.source))
    state, table = model.start(memory), array(model.source_embedding.weight)
    hidden, bias, matrix = array(lexical.hidden.weight), array(lexical.hidden.bias), array(lexical.weight)
    for position in range(BATCH.target_in.shape[1]):
        last = model.target_embedding(BATCH.target_in[:, position])
        features, attention, _ = model.decoder.step(last, memory, owner, state)
        after = model.step(BATCH.target_in[:, position], memory, owner, state)
        state = after.state
        own = array(plain.double()(features[:, : model.output.projection.in_features]))
        for row, length in enumerate(BATCH.source_lengths.tolist()):
            ids = BATCH.source[row, :length].tolist()
            f = np.tanh(sum(a * table[symbol] for a, symbol in zip(attention[row].tolist(), ids, strict=False)))
            h = f + np.tanh(hidden @ f + bias)
            np.testing.assert_allclose(array(after.logits)[row], own[row] + matrix @ h, rtol=1e-9, atol=1e-11)


def test_a_word_that_is_looked_at_alone_votes_by_its_own_embedding() -> None:
    """All else put to zero, the logits are E' tanh(e) of a source of one word, whatever has been written."""
    model = tiny("parallel", "lstm", "dot", lexical=True, tie="none").double().eval()
    with torch.no_grad():
        for weight in (model.output.weight, model.output.bias, model.output.lexical.hidden.weight):
            weight.zero_()
        model.output.lexical.hidden.bias.zero_()
    batch = collate([[7], [9]], [[4, 5], [6]])
    with torch.no_grad():
        memory = model.encode(batch.source[:, :1], torch.tensor([1, 1]))
        logits, _ = model.decode_part(batch.target_in, batch.target_lengths, memory)
        wanted = torch.tanh(model.source_embedding.weight[[7, 7, 7, 9, 9]]) @ model.output.lexical.weight.T
    torch.testing.assert_close(logits, wanted)


@every_network
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_that_holds_few_logits_is_that_of_all_of_them(kind: str, smoothing: float) -> None:
    model = tiny(**NETWORKS[kind]).double().eval()
    targets = BATCH.target_out.flatten().index_select(0, BATCH.real)
    found = {}
    for name in ("logits", "factors"):
        model.zero_grad()
        if name == "logits":
            loss = torch.nn.functional.cross_entropy(run(model), targets, reduction="sum", label_smoothing=smoothing)
        else:
            memory = model.encode(BATCH.source, BATCH.source_lengths)
            features, _ = model.read_part(BATCH.target_in, BATCH.target_lengths, memory)
            loss = model.output.loss(features, targets, label_smoothing=smoothing)
        loss.backward()
        found[name] = [loss.detach(), *(weight.grad for weight in model.parameters())]
    for one, other in zip(*found.values(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-8)


@torch.no_grad()
def test_factors_are_those_of_the_logits() -> None:
    for changes in ({"lexical": True}, {"lexical": True, "tie": "none"}, {}):
        model = tiny(**changes).double().eval()
        features = torch.randn(5, model.output.projection.in_features + (6 if changes else 0), dtype=torch.float64)
        x, weight = model.output.factors(features)
        torch.testing.assert_close(x @ weight.T + model.output.bias, model.output(features))
        targets = torch.tensor([1, 4, 2, 2, 12])
        # Two readings that agree have the loss of one.
        twice, _ = model.output.r_drop(features.repeat(2, 1), targets, r_drop=3.0)
        torch.testing.assert_close(twice, model.output.loss(features, targets))
        torch.testing.assert_close(
            model.output.loss(features, targets), cross_entropy(model.output(features), targets), check_dtype=False
        )
    assert model.output.factors(features)[1] is model.target_embedding.weight, "nothing is copied without one"


def test_in_training_it_knows_no_word_that_the_encoder_was_denied() -> None:
    model = tiny(lexical=True, word_dropout=0.5, dropout=0.25).train()
    lengths, symbols = torch.full((300,), 6), torch.randint(4, SYMBOLS, (300, 6))
    heard = []
    model.encoder.register_forward_hook(lambda _module, given, _made: heard.append(given[0]))
    memory = model.encode(symbols, lengths)
    words = memory.words
    gone = (heard[0] == 0).all(-1)
    assert 0.4 < gone.double().mean() < 0.6
    assert not words[gone].any()
    # Features are dropped for a whole sentence, and what is kept is scaled up.
    kept = words != 0
    for row in range(300):
        seen = kept[row][~gone[row]]
        assert torch.equal(seen, seen[:1].expand_as(seen))
    torch.testing.assert_close(words[kept], (heard[0] / 0.75)[kept])
    assert torch.equal(model.eval().encode(symbols, lengths).words, model.source_embedding(symbols))


def test_without_it_a_network_is_what_it_was() -> None:
    plain, lexical = tiny(), tiny(lexical=True)
    assert plain.output.lexical is None
    assert plain.encode(BATCH.source, BATCH.source_lengths).words is None
    added = dict(lexical.named_parameters()).keys() - dict(plain.named_parameters()).keys()
    assert {name.removeprefix("output.lexical.") for name in added} == {"weight", "hidden.weight", "hidden.bias"}
    assert not dict(plain.named_parameters()).keys() - dict(lexical.named_parameters()).keys()
