"""How large the outputs of a network's layers get, on a sample of sentences: what a scale in 8 bits is chosen by."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from seq2seq.data.padding import pad
from seq2seq.engines.onnx.products import Numbers
from seq2seq.engines.torch_engine import TorchEngine
from seq2seq.nn.lexical import Lexical
from seq2seq.search import Greedy
from seq2seq.text.special import GO, PAD

BATCH_SENTENCES = 64


def calibrate(reference: TorchEngine, sources: Sequence[Sequence[int]]) -> dict[str, Numbers]:
    """Returns the largest absolute value of each output of each linear layer, [outputs], by the layer's name.

    Likewise of a lexical model, and of the words that it reads: those by its name followed by ".words".

    The sentences are read and their greedy translations read back, as in training. What padding gives is counted too:
    it widens a range a little at most, as a network reads it like any token.

    Args:
        reference: The network.
        sources: Sentences as ids, without EOS.
    """
    found: dict[str, Tensor] = {}
    layers = {name: layer for name, layer in reference.model.named_modules() if isinstance(layer, nn.Linear | Lexical)}
    hooks = [layer.register_forward_hook(partial(_seen, found, name)) for name, layer in layers.items()]
    try:
        for first in range(0, len(sources), BATCH_SENTENCES):
            _read(reference, sources[first : first + BATCH_SENTENCES])
    finally:
        for hook in hooks:
            hook.remove()
    return {name: value.numpy().astype(np.float32) for name, value in found.items()}


def _seen(found: dict[str, Tensor], name: str, layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    seen = {name: output, **({f"{name}.words": inputs[0]} if isinstance(layer, Lexical) else {})}
    for what, value in seen.items():
        largest = value.detach().float().abs().reshape(-1, value.shape[-1]).amax(dim=0).cpu()
        found[what] = torch.maximum(found[what], largest) if what in found else largest


@torch.inference_mode()
def _read(reference: TorchEngine, sources: Sequence[Sequence[int]]) -> None:
    """Runs the network over sentences and their translations, all tokens of which reach the output layer."""
    start = reference.start(sources)
    found = Greedy()(reference, start.memory, start.state, start.source_lengths)
    targets = [[GO, *one[0].ids] for one in found]
    longest = max(map(len, targets))
    padded = np.array([[*target, *[PAD] * (longest - len(target))] for target in targets])
    ids, lengths = pad(sources)
    batch = (ids, lengths, padded, np.array([len(target) for target in targets]))
    reference.model(*(torch.from_numpy(part).to(reference.device) for part in batch))
