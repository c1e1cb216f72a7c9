"""From features to scores over the vocabulary."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from seq2seq.nn.lexical import Lexical
from seq2seq.nn.likelihood import output_log_probs
from seq2seq.nn.loss import output_cross_entropy
from seq2seq.nn.r_drop import r_drop_cross_entropy


class Output(nn.Module):
    """logits = E (W f) + b, through a vector of the embedding's size so that E can be the target embedding itself.

    Tying the two (Press & Wolf 2017) saves a matrix of the vocabulary's size and regularises both.

    With a lexical model the features end with the mean of the source words attended to, and logits += E' h; see
    `seq2seq.nn.lexical.Lexical`.

    Args:
        feature_size: Size of the decoder's own features.
        embedding: The target embedding, whose weights are shared when `tie`.
        tie: Whether the output matrix is the embedding's.
        lexical_size: Size of a source embedding, for a lexical model; 0: there is none.
    """

    def __init__(self, feature_size: int, embedding: nn.Embedding, *, tie: bool, lexical_size: int = 0) -> None:
        super().__init__()
        num_symbols, size = embedding.weight.shape
        self.projection = nn.Linear(feature_size, size)
        self.weight = embedding.weight if tie else nn.Parameter(torch.empty(num_symbols, size))
        self.bias = nn.Parameter(torch.zeros(num_symbols))
        nn.init.xavier_uniform_(self.projection.weight)
        nn.init.zeros_(self.projection.bias)
        if not tie:
            nn.init.normal_(self.weight, std=size**-0.5)
        self.lexical = Lexical(lexical_size, num_symbols) if lexical_size else None

    def forward(self, features: Float[Tensor, "rows feature"]) -> Float[Tensor, "rows symbol"]:
        """Returns the logits."""
        if self.lexical is None:
            return F.linear(self.projection(features), self.weight, self.bias)
        own, words = self._sides(features)
        logits = F.linear(self.projection(own), self.weight, self.bias)
        return logits + F.linear(self.lexical(words), self.lexical.weight)

    def factors(self, features: Float[Tensor, "rows feature"]) -> tuple[Tensor, Tensor]:
        """Returns x [rows, inner] and W [symbols, inner], of which the logits are x W^T + b.

        What is told of all symbols at once then needs one product, whatever the logits are made of: with a lexical
        model both matrices lie side by side, a copy of them that is small beside the logits of a batch.
        """
        if self.lexical is None:
            return self.projection(features), self.weight
        own, words = self._sides(features)
        x = torch.cat([self.projection(own), self.lexical(words)], dim=-1)
        return x, torch.cat([self.weight, self.lexical.weight], dim=1)

    def _sides(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The decoder's own features, and the mean of the source words."""
        own = self.projection.in_features
        return features[:, :own], features[:, own:]

    def loss(
        self, features: Float[Tensor, "rows feature"], targets: Int[Tensor, " rows"], *, label_smoothing: float = 0.0
    ) -> Float[Tensor, ""]:
        """Returns the summed cross-entropy of the logits; see `seq2seq.nn.loss.output_cross_entropy`."""
        x, weight = self.factors(features)
        return output_cross_entropy(x, weight, self.bias, targets, label_smoothing=label_smoothing)

    def log_probs(
        self, features: Float[Tensor, "rows feature"], targets: Int[Tensor, " rows"]
    ) -> Float[Tensor, " rows"]:
        """Returns each target's log-probability; see `seq2seq.nn.likelihood.output_log_probs`."""
        x, weight = self.factors(features)
        return output_log_probs(x, weight, self.bias, targets)

    def r_drop(
        self,
        features: Float[Tensor, "both feature"],
        targets: Int[Tensor, " rows"],
        *,
        r_drop: float,
        label_smoothing: float = 0.0,
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """Returns the loss of two readings of the same rows; see `seq2seq.nn.r_drop.r_drop_cross_entropy`."""
        x, weight = self.factors(features)
        return r_drop_cross_entropy(x, weight, self.bias, targets, r_drop=r_drop, label_smoothing=label_smoothing)
