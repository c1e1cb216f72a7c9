"""Keeping the best model of a training as the run's bundle."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace
from torch import Tensor

from seq2seq import console
from seq2seq.bundle import RunFolder, write_bundle
from seq2seq.bundle_facts import BUNDLE_VERSION, BundleFacts, Refinement
from seq2seq.manifest import Manifest
from seq2seq.pipeline.models.card import data_facts, refresh_card
from seq2seq.pipeline.train.environment import Spent
from seq2seq.pipeline.train.refine import refined_scores
from seq2seq.text.pairs import TokenizerPair
from seq2seq.training import best as bests
from seq2seq.training import checkpoint
from seq2seq.versions import version_of


class BestAsBundle:
    """Writes the best model so far as the run's bundle.

    A first stage that goes on after its second writes only what is better than the refined model, and chooses its own
    best as if there were none.

    Args:
        run: The run that is trained.
        recipe_text: Its recipe, as the bundle holds it.
        tokenizers: Of both languages.
        manifest: What was prepared.
        vectors: What the bundle says of the vectors that the embeddings began with; empty where there were none.
        spent: Notes how long the training has taken.
        stop_on: The development score that says which model is better.
    """

    def __init__(
        self,
        run: RunFolder,
        recipe_text: str,
        tokenizers: TokenizerPair,
        manifest: Manifest,
        vectors: Mapping[str, Any],
        spent: Spent,
        stop_on: str,
    ) -> None:
        self._run, self._recipe_text, self._tokenizers, self._manifest = run, recipe_text, tokenizers, manifest
        self._vectors, self._spent, self._stop_on = vectors, spent, stop_on

    def __call__(
        self,
        tensors: Mapping[str, Tensor],
        scores: Mapping[str, float],
        update: int,
        *,
        refined: Refinement | None = None,
    ) -> None:
        """See `BundleKeeper`; a model of the first stage that is no better than a refined one is only told of."""
        if refined is None and self._refined_is_better(scores, update):
            return
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        write_bundle(
            self._run.bundle,
            facts=replace(
                self._facts(scores, update),
                parameters=sum(one.numel() for one in weights.values()),
                refined=refined,
            ),
            recipe_text=self._recipe_text,
            save_weights=lambda path: checkpoint.write_tensors(weights, path),
            save_tokenizers=self._tokenizers.save,
        )
        self._spent.note()
        refresh_card(self._run.bundle)

    def _refined_is_better(self, scores: Mapping[str, float], update: int) -> bool:
        """Whether the bundle is a model of this training's second stage that `scores` do not surpass; says so."""
        name = self._stop_on
        refined = refined_scores(self._run, name)
        if refined is None or bests.is_above(scores, refined, name):
            return False
        console.say(
            f"update {update:,} is the best of the first stage, at a development {name} of {scores[name]:.2f}, and no "
            f"better than the refined model at {refined[name]:.2f}, which stays the bundle."
        )
        return True

    def _facts(self, scores: Mapping[str, float], update: int) -> BundleFacts:
        manifest = self._manifest
        return BundleFacts(
            schema_version=BUNDLE_VERSION,
            name=manifest.name,
            source_language=manifest.source_language,
            target_language=manifest.target_language,
            update=update,
            development=dict(scores),
            scores={},
            data=data_facts(manifest),
            vocabulary=manifest.vocabulary,
            vectors=dict(self._vectors) or None,
            start=None if manifest.start is None else manifest.start.told,
            versions=_versions(),
        )


def _versions() -> dict[str, str]:
    found = {package: version_of(package) for package in ("seq2seq", "torch", "sentencepiece", "sacrebleu")}
    return {"python": platform.python_version(), **{package: one for package, one in found.items() if one}}
