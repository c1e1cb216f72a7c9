"""The lexical model: source words vote for their own translations, past the encoder and the decoder."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Lexical(nn.Module):
    """What the words that attention looks at add to the logits (Nguyen & Chiang 2018, "Improving Lexical Choice").

    f_t = tanh(sum_s a_t(s) e_s)    h_t = f_t + tanh(W f_t + c)    logits_t += E' h_t

    e_s are the source embeddings, a_t the weights of the attention, their mean over heads. A state that must say where
    in the sentence it is says little of a rare word; its embedding says it all. Deviation: their second bias of the
    vocabulary is one with the output layer's.

    Args:
        size: Of a source embedding.
        num_symbols: Of the target vocabulary.
    """

    def __init__(self, size: int, num_symbols: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(size, size)
        self.weight = nn.Parameter(torch.empty(num_symbols, size))
        nn.init.xavier_uniform_(self.hidden.weight)
        nn.init.zeros_(self.hidden.bias)
        nn.init.normal_(self.weight, std=size**-0.5)

    def forward(self, words: Float[Tensor, "rows size"]) -> Float[Tensor, "rows size"]:
        """Returns h of the mean words f; its product with `weight` is what is added to the logits."""
        return words + torch.tanh(self.hidden(words))


def mean_words(
    weights: Float[Tensor, "batch target source"], words: Float[Tensor, "batch source size"]
) -> Float[Tensor, "batch target size"]:
    """Returns f: what the embeddings `words` come to under the attention `weights`, which are 0 on padding."""
    return torch.tanh(weights.to(words.dtype) @ words)
