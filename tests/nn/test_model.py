"""The whole network: which logits it gives, what is shared, and what is learned."""

from __future__ import annotations

import itertools

import pytest
import torch
from jaxtyping import TypeCheckError
from tiny_models import EXTRAS, JOINED, NETWORKS, SYMBOLS, random_batch, tiny
from torch import Tensor, nn

from seq2seq.data.batches import collate
from seq2seq.nn.memory import sequence_mask
from seq2seq.nn.output import Output
from seq2seq.nn.state import map_state
from seq2seq.text.special import GO, PAD
from seq2seq.training.objective import CrossEntropy
from seq2seq.training.precision import computing, cpu_has_bf16

BATCH = collate(*random_batch([4, 1, 6, 3], [5, 2, 0, 4]))
SHARED = {"none": 3, "target": 2, "all": 1}
TIED = [(kind, tie) for kind in NETWORKS for tie in SHARED if tie == "all" or kind in EXTRAS]


def run(model, batch=BATCH, **settings):
    return model(batch.source, batch.source_lengths, batch.target_in, batch.target_lengths, **settings)


def test_shapes_are_checked_in_these_tests() -> None:
    with pytest.raises(TypeCheckError):
        sequence_mask(torch.tensor([[1, 2]]), 3)


@pytest.mark.parametrize(("wiring", "attention"), JOINED)
@torch.no_grad()
def test_logits_are_those_of_each_real_position_sentence_by_sentence(wiring: str, attention: str) -> None:
    model = tiny(wiring, "lstm", attention).double().eval()
    logits, begin = run(model), 0
    assert logits.shape == (int(BATCH.target_lengths.sum()), SYMBOLS)
    for row, (width, length) in enumerate(zip(BATCH.source_lengths, BATCH.target_lengths, strict=True)):
        own = slice(row, row + 1)
        lengths = BATCH.source_lengths[own], BATCH.target_lengths[own]
        alone = model(BATCH.source[own, :width], lengths[0], BATCH.target_in[own, :length], lengths[1])
        torch.testing.assert_close(logits[begin : begin + length], alone)
        begin += int(length)


@torch.no_grad()
def test_the_objective_pairs_each_logit_with_its_own_symbol() -> None:
    model = tiny().double().eval()
    wanted = 0.0
    for row, (width, length) in enumerate(zip(BATCH.source_lengths, BATCH.target_lengths, strict=True)):
        memory = model.encode(BATCH.source[row : row + 1, :width], BATCH.source_lengths[row : row + 1])
        state = model.start(memory)
        for position in range(int(length)):
            last = BATCH.target_in[row : row + 1, position]
            after = model.step(last, memory, torch.zeros(1, dtype=torch.int64), state)
            state = after.state
            wanted -= after.logits.log_softmax(-1)[0, BATCH.target_out[row, position]].item()
    assert CrossEntropy()(model, BATCH).item() == pytest.approx(wanted, rel=1e-6)


def in_parts(model, ends, **settings):
    """The logits of all real positions from targets read in parts, sentence by sentence."""
    memory, state = model.encode(BATCH.source, BATCH.source_lengths), None
    grid = torch.full((*BATCH.target_in.shape, SYMBOLS), torch.nan, dtype=torch.float64)
    for begin, end in itertools.pairwise([0, *ends, BATCH.target_in.shape[1]]):
        lengths = (BATCH.target_lengths - begin).clamp(0, end - begin)
        logits, state = model.decode_part(BATCH.target_in[:, begin:end], lengths, memory, state, **settings)
        grid[:, begin:end][sequence_mask(lengths, end - begin)] = logits
    return grid[sequence_mask(BATCH.target_lengths, BATCH.target_in.shape[1])]


@pytest.mark.parametrize("ends", [[1], [4], [2, 3], [1, 2, 3, 4, 5]])
@pytest.mark.parametrize(("wiring", "attention"), JOINED)
@torch.no_grad()
def test_a_target_read_in_parts_has_the_same_logits(wiring: str, attention: str, ends: list[int]) -> None:
    model = tiny(wiring, "lstm", attention).double().eval()
    torch.testing.assert_close(in_parts(model, ends), run(model))


def test_between_parts_the_gradient_may_be_cut() -> None:
    model = tiny("parallel", "gru", "general").double()
    memory = model.encode(BATCH.source, BATCH.source_lengths)
    embeddings = []
    model.target_embedding.register_forward_hook(lambda _m, _i, made: made.retain_grad() or embeddings.append(made))
    lengths = BATCH.target_lengths
    _, state = model.decode_part(BATCH.target_in[:, :2], lengths.clamp(max=2), memory)
    for cut in (False, True):
        carried = map_state(Tensor.detach, state) if cut else state
        logits, _ = model.decode_part(BATCH.target_in[:, 2:], (lengths - 2).clamp(min=0), memory, carried)
        embeddings[0].grad = None
        logits.sum().backward(retain_graph=True)
        assert (embeddings[0].grad is None) == cut
        assert embeddings[-1].grad.any()


class Doubled(nn.Module):
    def forward(self, x):
        return 2.0 * x


def guessing(**changes):
    model = tiny("input-feeding", "gru", "local", word_dropout=0.1, **changes).double().eval()
    model.output.bias.data[:3] = torch.tensor([50.0, 0.0, 60.0])
    assert {PAD, GO} == {0, 2}, "what no word has is made by far the likeliest"
    model.target_word_dropout = Doubled()  # so that it shows whether guesses go through it
    return model


def guessed_targets(model):
    """What a network reads that is asked at every step for its likeliest word."""
    memory = model.encode(BATCH.source, BATCH.source_lengths)
    state, words = model.start(memory), BATCH.target_in[:, 0]
    read, owner = [words], torch.arange(len(words))
    for _ in range(BATCH.target_in.shape[1] - 1):
        features, _, state = model.decoder.step(2.0 * model.target_embedding(words), memory, owner, state)
        logits = model.output(features)
        logits[:, [PAD, GO]] = -torch.inf
        words = logits.argmax(dim=-1)
        read.append(words)
    return torch.stack(read, dim=1)


def test_a_network_that_always_guesses_reads_its_own_words() -> None:
    model = guessing()
    with torch.no_grad():
        own = guessed_targets(model)
    assert not torch.equal(own, BATCH.target_in)
    assert (own[:, 0] == GO).all()
    gradients = {}
    for name, target_in, share in [("guessed", BATCH.target_in, 1.0), ("given", own, 0.0)]:
        model.zero_grad()
        logits = model(BATCH.source, BATCH.source_lengths, target_in, BATCH.target_lengths, guess_share=share)
        (logits**2).sum().backward()
        gradients[name] = [logits.detach(), *(weight.grad for weight in model.parameters())]
    # The gradient is that of words that were given: none flows through the choice.
    for guessed, given in zip(gradients["guessed"], gradients["given"], strict=True):
        torch.testing.assert_close(guessed, given)


@pytest.mark.parametrize(
    "precision",
    ["fp32", pytest.param("bf16", marks=pytest.mark.skipif(not cpu_has_bf16(), reason="this CPU has no bf16"))],
)
def test_every_weight_learns_though_words_are_guessed(precision: str) -> None:
    model, modes = guessing(), []
    model.output.register_forward_hook(lambda *_: modes.append(torch.is_grad_enabled()))
    with computing(precision, torch.device("cpu")):
        run(model, guess_share=0.5).float().logsumexp(dim=-1).sum().backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == []
    assert len(modes) > 1 and all(modes)  # else older versions of torch lose the gradients of the output layer


@torch.no_grad()
def test_guesses_go_on_across_parts() -> None:
    model = guessing()
    torch.testing.assert_close(in_parts(model, [1, 3], guess_share=1.0), run(model, guess_share=1.0))


@torch.no_grad()
def test_each_row_guesses_with_the_given_chance() -> None:
    model, batch = guessing(), collate([[5, 6]] * 4000, [[7]] * 4000)
    model.output.bias.data[9] = 40.0

    def second(share: float) -> torch.Tensor:
        torch.manual_seed(5)
        return run(model, batch, guess_share=share)[1::2]

    never, always, mixed = second(0.0), second(1.0), second(0.25)
    assert not torch.isclose(never, always).all(dim=1).any()
    guessed = torch.isclose(mixed, always).all(dim=1)
    torch.testing.assert_close(mixed, torch.where(guessed[:, None], always, never))
    assert guessed.double().mean().item() == pytest.approx(0.25, abs=0.04)  # 6 standard deviations
    assert torch.equal(second(0.25), mixed), "a function of torch's global generator"


@pytest.mark.parametrize(("wiring", "attention"), [("parallel", "dot"), ("fixed-vector", "none")])
def test_only_a_wiring_that_steps_can_guess(wiring: str, attention: str) -> None:
    with pytest.raises(ValueError, match="reads all target words at once"):
        run(tiny(wiring, attention=attention), guess_share=0.5)


@pytest.mark.parametrize("tie", SHARED)
def test_tied_weights_are_one_parameter(tie: str) -> None:
    model = tiny(tie=tie)
    matrices = [w for w in model.parameters() if w.shape == (SYMBOLS, 6)]
    assert len(matrices) == SHARED[tie]
    assert (model.output.weight is model.target_embedding.weight) == (tie != "none")
    assert (model.source_embedding.weight is model.target_embedding.weight) == (tie == "all")


@pytest.mark.parametrize(("kind", "tie"), TIED)
def test_the_gradient_reaches_every_parameter(kind: str, tie: str) -> None:
    model = tiny(**{"encoder_layers": 2, **NETWORKS[kind]}, tie=tie)
    CrossEntropy()(model, BATCH).backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.any(), name


def test_the_output_is_its_equation() -> None:
    embedding = nn.Embedding(5, 3)
    output = Output(4, embedding, tie=True)
    nn.init.normal_(output.bias)
    nn.init.normal_(output.projection.bias)
    features = torch.randn(2, 4)
    wanted = (features @ output.projection.weight.T + output.projection.bias) @ embedding.weight.T + output.bias
    torch.testing.assert_close(output(features), wanted)


def test_word_dropout_and_dropout_change_training_only() -> None:
    model = tiny(dropout=0.3, word_dropout=0.3)
    assert torch.equal(run(model.eval()), run(model))
    model.train()
    assert not torch.equal(run(model), run(model))


@pytest.mark.skipif(not cpu_has_bf16(), reason="this CPU does not compute in bf16")
@pytest.mark.parametrize("kind", [kind for kind in NETWORKS if "all of them" not in kind])
def test_bf16_gives_nearly_the_same_loss_and_gradient(kind: str) -> None:
    # Evaluating, since each precision draws its own dropout; little noise, since wild weights make chaotic networks.
    model, found = tiny(**NETWORKS[kind], size=16, noise=0.1).eval(), {}
    for precision in ("fp32", "bf16"):
        model.zero_grad()
        with computing(precision, torch.device("cpu")):
            loss = CrossEntropy()(model, BATCH)
        assert loss.dtype == torch.float32
        loss.backward()
        assert all(weight.grad.dtype == torch.float32 for weight in model.parameters())
        gradient = torch.cat([weight.grad.flatten() for weight in model.parameters()])
        found[precision] = (loss.item(), gradient)
    # bf16 has 8 bits: each product is off by about 2^-9, and errors add up along a few layers; a rectifier beside its
    # kink passes a gradient in one precision and none in the other.
    assert found["bf16"][0] == pytest.approx(found["fp32"][0], rel=0.02)
    assert torch.cosine_similarity(found["bf16"][1], found["fp32"][1], dim=0) > (0.95 if "relu" in kind else 0.99)
