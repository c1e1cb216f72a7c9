"""How likely the network thinks each word of given texts is, together with the product that makes the logits."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from seq2seq.nn.loss import in_parts, product_dtype


def output_log_probs(
    features: Float[Tensor, "tokens feature"],
    weight: Float[Tensor, "symbol feature"],
    bias: Float[Tensor, " symbol"],
    targets: Int[Tensor, " tokens"],
) -> Float[Tensor, " tokens"]:
    """Returns log softmax(features @ weight.T + bias) at `targets`, without ever holding all logits.

    For losses that are a function of the probabilities of whole sentences: the gradient's weight of a word is known
    only when all of them are. So the logits are made a few hundred tokens at a time, and made again on the way back,
    which costs one product in four; what is held in between is a number a token.

    dL/dh_t = g_t (y_t - p_t) W      dL/dW = sum_t g_t (y_t - p_t) h_t^T      with g_t = dL/dlog p(y_t)

    Args:
        features: What stands before the last product; under autocast both go into it in bf16.
        weight: One row a symbol.
        bias: One number a symbol.
        targets: The symbols asked about.
    """
    kind = product_dtype(features, weight)
    with torch.autocast(features.device.type, enabled=False):
        found: Tensor = _OutputLogProbs.apply(features, weight, bias, targets, kind)  # type: ignore[no-untyped-call]
    return found


class _OutputLogProbs(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch gives no type for it
        features: Tensor,
        weight: Tensor,
        bias: Tensor,
        targets: Tensor,
        kind: torch.dtype,
    ) -> Tensor:
        h, w, b = features.to(kind), weight.to(kind), bias.to(kind)
        exact = torch.promote_types(weight.dtype, torch.float32)
        log_sums, found = (torch.empty(len(targets), dtype=exact, device=h.device) for _ in range(2))
        for part, wanted, log_sum, chosen in in_parts(weight.shape[0], h, targets[:, None], log_sums, found):
            logits = torch.addmm(b, part, w.t()).to(exact)
            torch.logsumexp(logits, -1, out=log_sum)
            torch.sub(logits.gather(1, wanted)[:, 0], log_sum, out=chosen)
        ctx.save_for_backward(features, weight, bias, targets, log_sums)
        ctx.kind = kind
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        features, weight, bias, targets, log_sums = ctx.saved_tensors
        h, w, b = features.to(ctx.kind), weight.to(ctx.kind), bias.to(ctx.kind)
        d_h = torch.empty_like(h)
        d_w, d_b = torch.zeros_like(weight, dtype=log_sums.dtype), torch.zeros_like(bias, dtype=log_sums.dtype)
        columns = (x[:, None] for x in (targets, log_sums, gradient))
        for part, d_part, wanted, log_sum, weighing in in_parts(weight.shape[0], h, d_h, *columns):
            p = torch.addmm(b, part, w.t()).to(log_sums.dtype).sub_(log_sum).exp_().mul_(-weighing)
            p.scatter_add_(1, wanted, weighing)
            d_b += p.sum(0)
            d_logits = p.to(ctx.kind)
            torch.mm(d_logits, w, out=d_part)
            d_w += d_logits.t() @ part
        return d_h.to(features.dtype), d_w, d_b, None, None
