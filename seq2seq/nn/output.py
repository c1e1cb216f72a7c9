"""From features to scores over the vocabulary."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from seq2seq.nn.loss import output_cross_entropy


class Output(nn.Module):
    """logits = E (W f) + b, through a vector of the embedding's size so that E can be the target embedding itself.

    Tying the two (Press & Wolf 2017) saves a matrix of the vocabulary's size and regularises both.

    Args:
        feature_size: Size of the decoder's features.
        embedding: The target embedding, whose weights are shared when `tie`.
        tie: Whether the output matrix is the embedding's.
    """

    def __init__(self, feature_size: int, embedding: nn.Embedding, *, tie: bool) -> None:
        super().__init__()
        num_symbols, size = embedding.weight.shape
        self.projection = nn.Linear(feature_size, size)
        self.weight = embedding.weight if tie else nn.Parameter(torch.empty(num_symbols, size))
        self.bias = nn.Parameter(torch.zeros(num_symbols))
        nn.init.xavier_uniform_(self.projection.weight)
        nn.init.zeros_(self.projection.bias)
        if not tie:
            nn.init.normal_(self.weight, std=size**-0.5)

    def forward(self, features: Float[Tensor, "rows feature"]) -> Float[Tensor, "rows symbol"]:
        """Returns the logits."""
        return F.linear(self.projection(features), self.weight, self.bias)

    def loss(
        self, features: Float[Tensor, "rows feature"], targets: Int[Tensor, " rows"], *, label_smoothing: float = 0.0
    ) -> Float[Tensor, ""]:
        """Returns the summed cross-entropy of the logits; see `seq2seq.nn.loss.output_cross_entropy`."""
        projected = self.projection(features)
        return output_cross_entropy(projected, self.weight, self.bias, targets, label_smoothing=label_smoothing)
