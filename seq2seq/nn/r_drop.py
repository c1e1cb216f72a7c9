"""The loss of two readings of the same text that should say the same, with the product that makes their logits."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from seq2seq.nn.loss import in_parts, product_dtype

LOGITS_AT_ONCE = 5 << 18
"""Logits of both readings that are held at a time: a quarter of those of `output_cross_entropy`, since more passes go
over them, which then stay in a cache."""


def r_drop_cross_entropy(
    features: Float[Tensor, "both feature"],
    weight: Float[Tensor, "symbol feature"],
    bias: Float[Tensor, " symbol"],
    targets: Int[Tensor, " tokens"],
    *,
    r_drop: float,
    label_smoothing: float = 0.0,
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Returns the loss of R-Drop (Liang et al. 2021) over 2 with its graph, and the part of it that is cross-entropy.

    L = 1/2 sum_t [CE_t(p) + CE_t(p')] + a/4 sum_t [KL(p_t || p'_t) + KL(p'_t || p_t)],  logits = features W^T + b

    p and p' are what the same network says of one word under two dropouts. The paper's loss is twice this one: halved,
    it is the ordinary loss wherever p = p', and a learning rate, a bound of the gradient and a curve mean the same with
    it and without.

    Like `seq2seq.nn.loss.output_cross_entropy` it never holds all logits, and computes the gradient with the loss. With
    l and l' the logits of a token, d = l - l', m = sum_v p_v d_v and m' = sum_v p'_v d_v,

    KL(p || p') + KL(p' || p) = m - m'
    dL/dl  = 1/2 (p - q)  + a/4 [p (d - m + 1) - p']
    dL/dl' = 1/2 (p' - q) - a/4 [p' (d - m' - 1) + p]

    (q: the smoothed labels): the logarithms of the sums cancel, so nothing is ever the logarithm of a small number.

    Args:
        features: What stands before the last product: of all tokens in the first reading, then in the second.
        weight: One row a symbol.
        bias: One number a symbol.
        targets: The right symbols, of one reading.
        r_drop: a, the weight of the disagreement.
        label_smoothing: Share of the labels that goes to the whole vocabulary.

    Raises:
        ValueError: The features are not those of two readings.
    """
    if len(features) != 2 * len(targets):
        raise ValueError(f"{len(targets)} tokens read twice have {2 * len(targets)} features, not {len(features)}")
    kind = product_dtype(features, weight)
    with torch.autocast(features.device.type, enabled=False):
        loss, cross_entropy = _RDropCrossEntropy.apply(  # type: ignore[no-untyped-call]
            features, weight, bias, targets, r_drop / 4.0, label_smoothing, kind, torch.is_grad_enabled()
        )
    return loss, cross_entropy


class _RDropCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch gives no type for it
        features: Tensor,
        weight: Tensor,
        bias: Tensor,
        targets: Tensor,
        quarter: float,
        smoothing: float,
        kind: torch.dtype,
        wants_gradient: bool,
    ) -> tuple[Tensor, Tensor]:
        num_tokens, num_symbols = len(targets), weight.shape[0]
        h, w, b = features.to(kind).view(2, num_tokens, features.shape[1]), weight.to(kind), bias.to(kind)
        exact = torch.promote_types(weight.dtype, torch.float32)
        # As in `output_cross_entropy`, what all symbols share of the labels is worked into the products.
        share = smoothing / num_symbols
        sum_w, sum_h = weight.sum(0, dtype=exact), features.sum(0, dtype=exact)
        doubled = -share * (sum_h @ sum_w + len(features) * bias.sum(dtype=exact))
        apart = torch.zeros_like(doubled)
        d_h, d_b = torch.empty_like(h), torch.zeros_like(bias, dtype=exact)
        d_w = torch.zeros_like(weight, dtype=exact) if num_tokens == 0 else torch.empty(0)
        parts = in_parts(num_symbols, h, d_h, targets[None], dim=1, readings=2, at_once=LOGITS_AT_ONCE)
        for number, (both, d_both, wanted) in enumerate(parts):
            part, right = both.flatten(0, 1), wanted.repeat(1, 2).view(-1, 1)
            logits = torch.addmm(b, part, w.t())
            p = logits.softmax(-1, dtype=exact)
            log_sums = logits.amax(-1).to(exact) - p.amax(-1).log()
            doubled += log_sums.sum() - (1.0 - smoothing) * logits.gather(1, right).sum(dtype=exact)
            first, second = p.chunk(2)
            logits, others = logits.chunk(2)
            differences = logits.to(exact, copy=True).sub_(others)
            means = [torch.linalg.vecdot(side, differences)[:, None] for side in (first, second)]
            apart += (means[0] - means[1]).sum()
            if wants_gradient:
                gradient = torch.empty_like(p)
                _side(first, second, differences, means[0], quarter, out=gradient[: len(first)])
                _side(second, first, differences, means[1], -quarter, out=gradient[len(first) :])
                gradient.scatter_add_(1, right, p.new_full(right.shape, (smoothing - 1.0) / 2))
                d_b += gradient.sum(0)
                d_logits = gradient.to(kind)
                d_both.copy_((d_logits @ w).view_as(d_both))
                product = d_logits.t() @ part
                d_w = product.to(exact) if number == 0 else d_w.add_(product)
        if wants_gradient:
            d_h -= (share / 2 * sum_w).to(kind)
            d_w -= share / 2 * sum_h
            d_b -= share * num_tokens
            ctx.save_for_backward(d_h.view_as(features).to(features.dtype), d_w, d_b)
        cross_entropy = doubled / 2
        ctx.mark_non_differentiable(cross_entropy)
        return cross_entropy + quarter * apart, cross_entropy

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_loss: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        return *(gradient.mul_(d_loss) for gradient in ctx.saved_tensors), None, None, None, None, None


def _side(p: Tensor, other: Tensor, differences: Tensor, mean: Tensor, quarter: float, *, out: Tensor) -> None:
    """Puts p (1/2 + |c| + c (d - m)) - |c| p' into `out`, where c = `quarter`, negative for the second reading."""
    size = abs(quarter)
    torch.add(0.5 + size - quarter * mean, differences, alpha=quarter, out=out)
    out.mul_(p).sub_(other, alpha=size)
