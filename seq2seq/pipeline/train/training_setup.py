"""What a training is set up with: what its first stage and its second have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from seq2seq import build
from seq2seq.data.batches import Batches
from seq2seq.data.store import Store
from seq2seq.pipeline.prepare.vectors import Vectors
from seq2seq.pipeline.train.environment import Spent
from seq2seq.recipe.schema import Recipe
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.segmentation import Sampler
from seq2seq.training.group import Group
from seq2seq.training.stop import Stop

if TYPE_CHECKING:
    from seq2seq.bundle_facts import Refinement
    from seq2seq.training.protocols import Keeper, Objective, Reporter, Validator
    from seq2seq.training.trainer import Trainer


class BundleKeeper(Protocol):
    """Who writes the run's bundle."""

    def __call__(
        self,
        tensors: Mapping[str, Tensor],
        scores: Mapping[str, float],
        update: int,
        *,
        refined: Refinement | None = None,
    ) -> None:
        """Writes the bundle; `refined` says how a model of the second stage came about."""


@dataclass(frozen=True)
class Setup:
    """What both stages of a training are made of besides the recipe.

    Attributes:
        tokenizers: Of both languages.
        store: The training pairs.
        corpora: Pairs and weight of each corpus in it.
        epoch_pairs: How many of them an epoch has; None: as many as there are.
        vectors: Which rows of the embeddings have pretrained vectors: frozen ones stay so.
        held: The weights that `training.hold` pulls back to; None where it does not.
        validator: Looks at the development set.
        reporter: Who watches.
        keeper: Writes the bundle.
        device: Where to compute.
        precision: What products are computed in: "bf16" or "fp32".
        group: The processes that train together.
        stop: Where someone asks to stop.
        spent: Notes how long the training takes.
    """

    tokenizers: TokenizerPair
    store: Store
    corpora: Sequence[tuple[int, float]]
    epoch_pairs: int | None
    vectors: Vectors
    held: Mapping[str, Tensor] | None
    validator: Validator
    reporter: Reporter
    keeper: BundleKeeper
    device: torch.device
    precision: str
    group: Group
    stop: Stop
    spent: Spent

    def batches(self, recipe: Recipe, *, batch_tokens: int, sampler: tuple[Sampler, Sampler] | None = None) -> Batches:
        """Returns the batches of the training pairs, in the order and in the shares that the recipe says.

        Args:
            recipe: All settings.
            batch_tokens: Target tokens of a batch.
            sampler: Cuts the source's and the target's words in several ways; None: in one.
        """
        return Batches(
            self.store,
            batch_tokens=batch_tokens,
            seed=recipe.training.seed,
            corpora=self.corpora,
            temperature=recipe.data.temperature,
            epoch_pairs=self.epoch_pairs,
            sampler=sampler,
        )

    def trainer(
        self,
        recipe: Recipe,
        batches: Batches,
        *,
        keeper: Keeper,
        folder: Path,
        weights: Mapping[str, Tensor] | None,
        minimised: Objective | None = None,
        look_first: bool = False,
        rate_setting: str = "training.learning_rate",
    ) -> Trainer:
        """Builds the network of a stage and what trains it; see `build.trainer` for the arguments."""
        return build.trainer(
            recipe,
            tokenizers=self.tokenizers,
            batches=batches,
            validator=self.validator,
            reporter=self.reporter,
            keeper=keeper,
            folder=folder,
            device=self.device,
            vectors=self.vectors.given,
            group=self.group,
            stop=self.stop,
            weights=weights,
            minimised=minimised,
            held=self.held,
            look_first=look_first,
            rate_setting=rate_setting,
        )
