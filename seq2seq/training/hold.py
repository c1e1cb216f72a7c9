"""Holding on to what a network knew before: its weights are pulled back to where they were."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn, optim


def hold(optimizer: optim.Optimizer, model: nn.Module, origins: Mapping[str, Tensor], strength: float) -> None:
    """Makes every step of `optimizer` pull the weights towards `origins` before it moves them.

    L2-SP (Li et al. 2018) minimises L(w) + s / 2 |w - w0|^2: weight decay, but towards the weights w0 of an earlier
    training and not towards zero. For plain gradient descent with rate r that is

        w <- w - r s (w - w0),        then        w <- w - r dL/dw.

    Our deviation: the optimizer is Adam, which would divide the penalty's gradient by the size of the loss' gradient,
    and so hold least where the loss pulls most. As with AdamW's decay (Loshchilov & Hutter 2019) the pull is therefore
    kept out of the gradient, its norm and its moments, and is the line above as it stands.

    A weight that never moves stays where it is, to the bit. Costs a copy of the weights in memory, and one pass over
    them an update. It is a function of the weights and the rate alone: nothing to be saved with a checkpoint.

    Args:
        optimizer: Moves the weights; its rate, of each group, is r.
        model: Whose weights they are.
        origins: w0, by the names of the model's parameters; copied.
        strength: s, above 0. r s must stay below 1: at 1 a weight is where it was, and beyond it is pulled past that.

    Raises:
        KeyError: A weight has no origin.
    """
    found = {id(weight): origins[name] for name, weight in model.named_parameters()}
    pairs = []
    for group in optimizer.param_groups:
        weights = list(group["params"])
        pairs.append((weights, [found[id(weight)].detach().to(weight.device, copy=True) for weight in weights]))

    @torch.no_grad()
    def pull(stepping: optim.Optimizer, _arguments: Any, _named: Any) -> None:  # noqa: ANN401 - as torch calls it
        for group, (weights, were) in zip(stepping.param_groups, pairs, strict=True):
            torch._foreach_lerp_(weights, were, group["lr"] * strength)

    optimizer.register_step_pre_hook(pull)
