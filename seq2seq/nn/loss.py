"""The training loss, together with the product that makes the logits."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F  # noqa: N812 - the field's name for it

LOGITS_AT_ONCE = 5 << 20
"""Logits that are held at a time: 10 megabytes in bf16, small enough for a last cache, large enough for a product."""


def cross_entropy(
    logits: Float[Tensor, "tokens symbol"], targets: Int[Tensor, " tokens"], *, label_smoothing: float = 0.0
) -> Float[Tensor, ""]:
    """Returns the summed cross-entropy in nats, with smoothed labels (Szegedy et al. 2016).

    L = - sum_t [(1 - e) log p(y_t) + (e / V) sum_v log p(v)]

    Computed in 32 bits whatever the logits are in: a sum over thousands of symbols loses too much in bf16. The plain
    version, which holds all logits several times; training takes `output_cross_entropy`, and the tests compare the two.
    """
    return F.cross_entropy(logits.float(), targets, reduction="sum", label_smoothing=label_smoothing)


def output_cross_entropy(
    features: Float[Tensor, "tokens feature"],
    weight: Float[Tensor, "symbol feature"],
    bias: Float[Tensor, " symbol"],
    targets: Int[Tensor, " tokens"],
    *,
    label_smoothing: float = 0.0,
) -> Float[Tensor, ""]:
    """Returns `cross_entropy(features @ weight.T + bias, targets)` without ever holding all logits.

    A few hundred tokens at a time, the logits are made, turned into p - q, which is their gradient (q: the smoothed
    labels), and multiplied away: what remains for the way back is of the size of the inputs. Of q only the word itself
    is subtracted from p; the e / V that all symbols share is worked into the products,

    dL/dh = (p - (1 - e) y) W - (e / V) sum_v W_v      dL/dW = (p - (1 - e) y)^T h - (e / V) 1 sum_t h_t,

    which saves a pass over the logits; so does sum_v l_v = h . sum_v W_v + sum_v b_v in the loss. The price is that the
    gradient is computed with the loss, wanted or not; where no gradient is recorded, it is not.

    Args:
        features: What stands before the last product; under autocast both go into it in bf16.
        weight: One row a symbol.
        bias: One number a symbol.
        targets: The right symbols.
        label_smoothing: e.
    """
    kind = product_dtype(features, weight)
    with torch.autocast(features.device.type, enabled=False):
        loss: Tensor = _OutputCrossEntropy.apply(  # type: ignore[no-untyped-call]
            features, weight, bias, targets, label_smoothing, kind, torch.is_grad_enabled()
        )
    return loss


def product_dtype(features: Tensor, weight: Tensor) -> torch.dtype:
    """Returns what the product of the two is computed in: autocast's type, or that of the weight."""
    device = features.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype


def in_parts(
    num_symbols: int, *rows: Tensor, dim: int = 0, readings: int = 1, at_once: int | None = None
) -> zip[tuple[Tensor, ...]]:
    """Cuts what has one row a token into parts whose logits are few enough to hold.

    All parts are of one size: a small last one would waste its product.

    Args:
        num_symbols: Logits of a token.
        rows: Tensors with as many tokens along `dim`.
        dim: Where they stand.
        readings: Rows of logits that a token has.
        at_once: Logits that are held at a time; None: `LOGITS_AT_ONCE`.
    """
    num_tokens = rows[0].shape[dim]
    at_once = LOGITS_AT_ONCE if at_once is None else at_once
    num_parts = max(1, -(-readings * num_tokens // max(1, at_once // num_symbols)))
    return zip(*(x.tensor_split(num_parts, dim=dim) for x in rows), strict=True)


class _OutputCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch gives no type for it
        features: Tensor,
        weight: Tensor,
        bias: Tensor,
        targets: Tensor,
        smoothing: float,
        kind: torch.dtype,
        wants_gradient: bool,
    ) -> Tensor:
        h, w, b = features.to(kind), weight.to(kind), bias.to(kind)
        exact = torch.promote_types(weight.dtype, torch.float32)
        num_symbols = weight.shape[0]
        share = smoothing / num_symbols
        sum_w, sum_h = weight.sum(0, dtype=exact), features.sum(0, dtype=exact)
        # The sum over all tokens of e / V times the sum of their logits.
        spread = share * (sum_h @ sum_w + len(targets) * bias.sum(dtype=exact))
        loss = -spread
        d_h, d_b = torch.empty_like(h), torch.zeros_like(bias, dtype=exact)
        d_w = torch.zeros_like(weight, dtype=exact) if len(targets) == 0 else torch.empty(0)
        for number, (part, d_part, wanted) in enumerate(in_parts(num_symbols, h, d_h, targets[:, None])):
            logits = torch.addmm(b, part, w.t())
            p = logits.softmax(-1, dtype=exact)
            # log sum_v exp(l_v) from the largest, whose p is at least 1 / V: that of the wanted symbol may be zero.
            log_sums = logits.amax(-1).to(exact) - p.amax(-1).log()
            loss += log_sums.sum() - (1.0 - smoothing) * logits.gather(1, wanted).sum(dtype=exact)
            if wants_gradient:
                p.scatter_add_(1, wanted, p.new_full(wanted.shape, smoothing - 1.0))
                d_b += p.sum(0)
                d_logits = p.to(kind)
                torch.mm(d_logits, w, out=d_part)
                product = d_logits.t() @ part
                d_w = product.to(exact) if number == 0 else d_w.add_(product)
        if wants_gradient:
            d_h -= (share * sum_w).to(kind)
            d_w -= share * sum_h
            d_b -= share * len(targets)
            ctx.save_for_backward(d_h.to(features.dtype), d_w, d_b)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_loss: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        return *(gradient.mul_(d_loss) for gradient in ctx.saved_tensors), None, None, None, None
