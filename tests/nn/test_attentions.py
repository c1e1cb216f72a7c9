"""What every attention must do, whichever it is, and the equations of each one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_models import ATTENTION_SETTINGS, concrete_members, registered, scramble

from seq2seq.nn.attention import Attention
from seq2seq.nn.attention.attention import masked_softmax
from seq2seq.registry import ATTENTIONS

SIZE, BATCH, TARGET, SOURCE = 8, 3, 4, 5
LENGTHS = [5, 1, 3]
MASK = torch.tensor([[s < n for s in range(SOURCE)] for n in LENGTHS])
every_attention = pytest.mark.parametrize("name", list(ATTENTIONS))


def make(name: str, query: int = SIZE, memory: int = SIZE, **settings) -> Attention:
    torch.manual_seed(3)
    given = {**ATTENTION_SETTINGS.get(name, {}), **settings}
    return scramble(ATTENTIONS.load(name)(query, memory, **given)).double()


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


QUERY, MEMORY = draw(BATCH, TARGET, SIZE), draw(BATCH, SOURCE, SIZE)
POSITION = torch.tensor([[0, 1, 2, 3], [4, 2, 0, 1], [1, 2, 3, 9]])  # each row at places of its own, past the end too


def ask(attention: Attention, query=QUERY, memory=MEMORY, mask=MASK, position=POSITION):
    return attention(query, attention.prepare(memory), mask, position)


def test_every_attention_in_the_folder_is_registered() -> None:
    assert concrete_members("seq2seq.nn.attention", Attention) == registered(ATTENTIONS)


@every_attention
def test_weights_are_a_distribution_over_the_real_tokens(name: str) -> None:
    context, weights = ask(make(name))
    assert context.shape == (BATCH, TARGET, make(name).context_size)
    assert weights.shape == (BATCH, TARGET, SOURCE)
    assert (weights >= 0).all()
    assert (weights[~MASK[:, None].expand_as(weights)] == 0).all()
    torch.testing.assert_close(weights.sum(dim=-1).double(), torch.ones(BATCH, TARGET, dtype=torch.float64))


@every_attention
@pytest.mark.parametrize("filler", [1e3, -1e3])
def test_what_stands_in_the_padding_does_not_matter(name: str, filler: float) -> None:
    attention = make(name)
    filled = torch.where(MASK[:, :, None], MEMORY, filler)
    for wanted, found in zip(ask(attention), ask(attention, memory=filled), strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=0)


@every_attention
def test_each_query_is_answered_alone_and_nothing_is_remembered(name: str) -> None:
    attention = make(name)
    context, weights = ask(attention)
    for t in reversed(range(TARGET)):
        alone, alone_weights = ask(attention, query=QUERY[:, t : t + 1], position=POSITION[:, t : t + 1])
        torch.testing.assert_close(alone[:, 0], context[:, t])
        torch.testing.assert_close(alone_weights[:, 0], weights[:, t])
    again, _ = ask(attention)
    assert torch.equal(again, context)


@every_attention
def test_each_sentence_is_read_alone(name: str) -> None:
    attention = make(name)
    context, _ = ask(attention)
    for b, length in enumerate(LENGTHS):
        row = slice(b, b + 1)
        alone, _ = ask(attention, QUERY[row], MEMORY[row, :length], MASK[row, :length], POSITION[row])
        torch.testing.assert_close(alone, context[row])


@every_attention
def test_keys_are_batch_first(name: str) -> None:
    attention = make(name)
    keys, turned = attention.prepare(MEMORY), attention.prepare(MEMORY.flip(0))
    for key, other in zip(keys, turned, strict=True):
        torch.testing.assert_close(other, key.flip(0))


@every_attention
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    attention = make(name, 4, 4)
    query, memory = draw(2, 2, 4).requires_grad_(), draw(2, 3, 4).requires_grad_()
    mask = torch.tensor([[True, True, True], [True, True, False]])
    position = torch.tensor([[0, 1], [1, 2]])

    def function(q, m, *_weights):
        context, _ = attention(q, attention.prepare(m), mask, position)
        return torch.cat([context, 0 * q], dim=-1)  # so that an empty context, too, has an output

    assert torch.autograd.gradcheck(function, (query, memory, *attention.parameters()))


def softmax(scores: np.ndarray) -> np.ndarray:
    e = np.exp(scores - scores.max())
    return e / e.sum()


def numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().numpy()


def each_query():
    for b, length in enumerate(LENGTHS):
        for t in range(TARGET):
            yield b, t, QUERY[b, t].numpy(), MEMORY[b, :length].numpy(), length


def test_additive_is_its_equation() -> None:
    attention = make("additive")
    context, weights = ask(attention)
    w, v = numpy(attention.query_projection.weight), numpy(attention.score.weight)[0]
    u, bias = numpy(attention.memory_projection.weight), numpy(attention.memory_projection.bias)
    for b, t, q, memory, length in each_query():
        a = softmax(np.array([v @ np.tanh(w @ q + u @ m + bias) for m in memory]))
        np.testing.assert_allclose(numpy(weights[b, t, :length]), a, rtol=1e-10)
        np.testing.assert_allclose(numpy(context[b, t]), sum(x * m for x, m in zip(a, memory, strict=True)), rtol=1e-9)


def test_dot_is_its_equation() -> None:
    context, weights = ask(make("dot"))
    for b, t, q, memory, length in each_query():
        a = softmax(np.array([q @ m for m in memory]))
        np.testing.assert_allclose(numpy(weights[b, t, :length]), a, rtol=1e-10)
        np.testing.assert_allclose(numpy(context[b, t]), sum(x * m for x, m in zip(a, memory, strict=True)), rtol=1e-9)


def test_general_is_its_equation() -> None:
    attention = make("general")
    context, weights = ask(attention)
    w = numpy(attention.key_projection.weight)
    for b, t, q, memory, length in each_query():
        a = softmax(np.array([q @ w @ m for m in memory]))
        np.testing.assert_allclose(numpy(weights[b, t, :length]), a, rtol=1e-10)
        np.testing.assert_allclose(numpy(context[b, t]), sum(x * m for x, m in zip(a, memory, strict=True)), rtol=1e-9)


@pytest.mark.parametrize("window", [1, 2, 10])
def test_local_is_its_equation(window: int) -> None:
    attention = make("local", window=window)
    context, weights = ask(attention)
    w = numpy(attention.key_projection.weight)
    for b, t, q, memory, length in each_query():
        middle = min(int(POSITION[b, t]), length - 1)
        inside = range(max(0, middle - window), min(length, middle + window + 1))
        wanted = np.zeros(length)
        wanted[list(inside)] = softmax(np.array([q @ w @ memory[s] for s in inside]))
        np.testing.assert_allclose(numpy(weights[b, t, :length]), wanted, rtol=1e-10)
        np.testing.assert_allclose(numpy(context[b, t]), wanted @ memory, rtol=1e-9)


def test_local_reads_a_window_that_moves_on_and_stays_at_the_end() -> None:
    _, weights = ask(make("local"), position=torch.tensor([[0, 2, 4, 7]] * BATCH))
    places = [[row.nonzero().flatten().tolist() for row in sentence] for sentence in weights]
    assert places[0] == [[0, 1], [1, 2, 3], [3, 4], [3, 4]]  # of 5 tokens
    assert places[1] == [[0], [0], [0], [0]]  # of 1
    assert places[2] == [[0, 1], [1, 2], [1, 2], [1, 2]]  # of 3


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_multi_head_is_its_equation(heads: int) -> None:
    attention = make("multi-head", SIZE, SIZE, heads=heads)
    context, weights = ask(attention)
    size = SIZE // heads
    project_q, project_k, project_v, project_o = (
        numpy(getattr(attention, f"{part}_projection").weight) for part in ("query", "key", "value", "output")
    )
    for b, t, q, memory, length in each_query():
        read, mean = [], np.zeros(length)
        for h in range(heads):
            part = slice(h * size, (h + 1) * size)
            a = softmax(np.array([(project_q[part] @ q) @ (project_k[part] @ m) / np.sqrt(size) for m in memory]))
            read.append(sum(x * (project_v[part] @ m) for x, m in zip(a, memory, strict=True)))
            mean += a / heads
        np.testing.assert_allclose(numpy(context[b, t]), project_o @ np.concatenate(read), rtol=1e-9)
        np.testing.assert_allclose(numpy(weights[b, t, :length]), mean, rtol=1e-9)


def test_none_gives_nothing() -> None:
    attention = make("none")
    context, weights = ask(attention)
    assert attention.context_size == 0
    assert context.shape == (BATCH, TARGET, 0)
    assert not list(attention.parameters())
    np.testing.assert_allclose(numpy(weights[2, 0]), [1 / 3, 1 / 3, 1 / 3, 0, 0], rtol=1e-6)


@pytest.mark.parametrize("name", sorted(set(ATTENTIONS) - {"dot"}))
def test_queries_and_memory_may_differ_in_size(name: str) -> None:
    attention = make(name, 4, 6)
    context, _ = ask(attention, query=draw(BATCH, TARGET, 4), memory=draw(BATCH, SOURCE, 6))
    assert context.shape == (BATCH, TARGET, attention.context_size)


def test_sizes_that_cannot_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"queries \(4\) and memory \(6\)"):
        ATTENTIONS.load("dot")(4, 6)
    with pytest.raises(ValueError, match="3 heads do not divide a query of size 8"):
        ATTENTIONS.load("multi-head")(8, 8, heads=3)
    with pytest.raises(ValueError, match="at least 1 position to each side, not 0"):
        ATTENTIONS.load("local")(8, 8, window=0)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float32, torch.float64])
def test_the_softmax_has_at_least_32_bits(kind: torch.dtype) -> None:
    scores = torch.tensor([[0.0, 1.0, 100.0]], dtype=kind)
    weights = masked_softmax(scores, torch.tensor([[True, True, False]]))
    assert weights.dtype == (torch.float64 if kind == torch.float64 else torch.float32)
    e = np.e
    np.testing.assert_allclose(weights[0].numpy(), [1 / (1 + e), e / (1 + e), 0], rtol=1e-6)


def test_the_softmax_takes_one_mask_a_sentence_or_one_a_query() -> None:
    scores = torch.zeros(1, 2, 3)
    each = torch.tensor([[[True, False, True], [False, True, False]]])
    assert masked_softmax(scores, each).tolist() == [[[0.5, 0, 0.5], [0, 1, 0]]]
    assert masked_softmax(scores, each[:, 0]).tolist() == [[[0.5, 0, 0.5], [0.5, 0, 0.5]]]
