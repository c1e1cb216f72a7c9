"""The folders on disk: a run, and the bundle that is shared. Pure storage: nothing is built here.

A *run* holds the recipe, the prepared data, the metrics, the checkpoints and the pictures of one training. A *bundle*
is all that translating needs: weights, tokenizers, recipe, scores; and a card for people, which is written from those.
It holds no training sentence.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from msgspec import structs

from seq2seq import console
from seq2seq.bundle_facts import (
    AGAIN,
    BUNDLE_VERSION,
    BundleFacts,
    Flagged,
    ScoredWith,
    SetScore,
    described_files,
    facts_of,
)
from seq2seq.errors import UserError, WorkError, nearest
from seq2seq.folders import describe, first_damage, replaced, whole_folder, write_text
from seq2seq.manifest import Manifest, read_manifest
from seq2seq.recipe.schema import Recipe
from seq2seq.recipe.toml import load_recipe

CARD = "README.md"
RUNS = Path("runs")


@dataclass(frozen=True)
class RunFolder:
    """Where everything of a run is.

    Attributes:
        path: The run's folder.
    """

    path: Path

    @property
    def recipe(self) -> Path:
        """Every setting of the run, with the reason for each that was chosen for it."""
        return self.path / "recipe.toml"

    @property
    def manifest(self) -> Path:
        """What was prepared from what, and what was dropped."""
        return self.path / "manifest.json"

    @property
    def tokenizers(self) -> Path:
        """The folder of the tokenizers."""
        return self.path / "tokenizer"

    @property
    def metrics(self) -> Path:
        """The rows that training wrote."""
        return self.path / "metrics.jsonl"

    @property
    def environment(self) -> Path:
        """What the bits of the training depend on besides its settings."""
        return self.path / "environment.json"

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def pictures(self) -> Path:
        """The folder of the pictures."""
        return self.path / "pictures"

    @property
    def evaluation(self) -> Path:
        """The folder of scores and translations."""
        return self.path / "evaluation"

    @property
    def bundle(self) -> Path:
        """The bundle of the best model so far."""
        return self.path / "bundle"

    @property
    def refined(self) -> Path:
        """The folder of the second stage of training, where there is one."""
        return self.path / "refined"

    @property
    def start(self) -> Path:
        """The weights that training starts from, where those are an earlier model's."""
        return self.path / "start.safetensors"

    def split(self, name: str) -> Path:
        """The prepared pairs of a split."""
        return self.path / "data" / f"{name}.arrow"

    def splits(self) -> list[str]:
        """The names of the splits that were prepared."""
        return sorted(path.stem for path in (self.path / "data").glob("*.arrow"))

    def products(self) -> list[Path]:
        """All that is made of the prepared data, and the data itself."""
        tensorboard = self.path / "tensorboard"
        folders = [self.path / "data", self.tokenizers, self.checkpoints, self.bundle, self.pictures, self.evaluation]
        return [*folders, self.refined, tensorboard, self.metrics, self.environment, self.start]

    def read_manifest(self) -> Manifest:
        """Reads the manifest.

        Raises:
            UserError: It is missing, damaged or from a newer version.
        """
        return read_manifest(self.manifest)


def run_around(bundle: Path) -> RunFolder | None:
    """Returns the run in whose folder a bundle stands, for the text that is there; None where it stands alone."""
    run = RunFolder(_named(bundle).parent)
    return run if run.manifest.is_file() else None


def run_owning(bundle: Path) -> RunFolder | None:
    """Returns the run whose own bundle this is; None where it stands alone, or was exported into a run's folder."""
    run = run_around(bundle)
    return run if run is not None and _named(bundle).name == run.bundle.name else None


def _named(path: Path) -> Path:
    """Returns the same path with a name and a parent of its own: "." and ".." have none."""
    return path if path.name not in ("", "..") else path.resolve()


def find_run(given: Path) -> RunFolder:
    """Returns the run at `given`: a path, or a name under `runs/`; the folder of its bundle is taken for the run too.

    Raises:
        UserError: There is none, or it is not prepared; the message offers the nearest one.
    """
    places = (given, RUNS / given)
    for path in places:
        if (path / "manifest.json").is_file():
            return RunFolder(path)
        if (path / "bundle.json").is_file() and (around := run_owning(path)) is not None:
            return around
    for path in filter(Path.is_dir, places):
        if (path / "bundle.json").is_file():
            raise UserError(f"{path} is a bundle without its run.", hint="Give the folder of a prepared run.")
        raise UserError(
            f"{path} holds no prepared run.",
            hint=f"Prepare one in it: seq2seq prepare … --run {console.quoted(path)}",
        )
    known = sorted(path.parent.name for path in RUNS.glob("*/manifest.json"))
    raise UserError(
        f"There is no run at {given}.",
        hint=nearest(given.name, known) if known else "Make one first with: seq2seq prepare",
    )


@dataclass(frozen=True)
class Bundle:
    """An opened bundle.

    Attributes:
        path: Its folder.
        recipe: All settings it was made with.
        facts: What `bundle.json` says: versions, scores, fingerprints of the data.
    """

    path: Path
    recipe: Recipe
    facts: BundleFacts = field(default_factory=lambda: BundleFacts(schema_version=BUNDLE_VERSION))

    @property
    def weights(self) -> Path:
        """The averaged weights."""
        return self.path / "weights.safetensors"

    @property
    def described_weights(self) -> dict[str, Any] | None:
        """The size and the checksum of the weights, by which graphs know what they were made of; None: not known."""
        return self.facts.described().get(self.weights.name)

    @property
    def tokenizers(self) -> Path:
        """The folder of the tokenizers."""
        return self.path / "tokenizer"

    @property
    def card(self) -> Path:
        """What the bundle says of itself to people."""
        return self.path / CARD

    def with_scores(
        self,
        split: str,
        scores: Sequence[SetScore],
        *,
        diagnosis: Flagged | None = None,
        how: ScoredWith | None = None,
    ) -> Bundle:
        """Writes the scores of `split` into the bundle, in the place of older ones. Returns the bundle as it now is.

        Args:
            split: The test set's name.
            scores: One of each metric.
            diagnosis: How many sentences were flagged with what; None: that was not asked.
            how: What gave the translations; None: not known.

        Raises:
            WorkError: The bundle was replaced in the meantime.
        """
        now = self._now()
        scored_with = {name: told for name, told in now.scored_with.items() if name != split}
        if how is not None:
            scored_with[split] = how
        diagnoses = now.diagnosis if diagnosis is None else {**now.diagnosis, split: diagnosis}
        told = {**now.scores, split: tuple(scores)}
        return self._write(structs.replace(now, scores=told, scored_with=scored_with, diagnosis=diagnoses))

    def with_facts(self, **facts: Any) -> Bundle:  # noqa: ANN401 - any field's
        """Writes fields of the facts into the bundle, in the place of what they were. Returns the bundle as it now is.

        Raises:
            WorkError: The bundle was replaced in the meantime.
        """
        return self._write(structs.replace(self._now(), **facts))

    def without_scores(self) -> Bundle:
        """Takes all scores out of the bundle, which no longer hold. Returns the bundle as it now is.

        Raises:
            WorkError: The bundle was replaced in the meantime.
        """
        return self._write(self._now().with_scores_of(lambda _: False))

    def with_files(self, folder: str, files: Mapping[str, Mapping[str, Any]]) -> Bundle:
        """Writes into the bundle's list of files that those below `folder` are `files`, as `describe` found them there.

        Returns the bundle as it now is.

        Raises:
            WorkError: The bundle was replaced in the meantime.
        """
        now = self._now()
        others = {name: told for name, told in now.files.items() if not name.startswith(f"{folder}/")}
        found = described_files({f"{folder}/{name}": told for name, told in files.items()})
        return self._write(structs.replace(now, files={**others, **found}))

    def _now(self) -> BundleFacts:
        """Returns what `bundle.json` says by now: graphs, or scores, may have been added by another process."""
        now = facts_of(self.path)
        if now.update != self.facts.update:
            raise WorkError(f"{self.path} was replaced by another model in the meantime.", hint="Do it again.")
        return now

    def _write(self, facts: BundleFacts) -> Bundle:
        facts.write(self.path)
        return replace(self, facts=facts)


def write_bundle(
    path: Path,
    *,
    facts: BundleFacts,
    recipe_text: str,
    save_weights: Callable[[Path], None],
    save_tokenizers: Callable[[Path], None],
) -> None:
    """Writes a bundle whole, replacing the one that was there; its card stays, for what its people wrote into it.

    Args:
        path: Its folder.
        facts: What there is to say about the model; its files are found here.
        recipe_text: The recipe as TOML.
        save_weights: Writes the weights to the file it is given.
        save_tokenizers: Writes the tokenizers below the folder it is given.
    """
    with whole_folder(path) as folder:
        save_weights(folder / "weights.safetensors")
        save_tokenizers(folder / "tokenizer")
        files = describe(folder)
        write_text(folder / "recipe.toml", recipe_text)
        structs.replace(facts, files=described_files(files)).write(folder)
        card = path / CARD
        if card.is_file():
            shutil.copyfile(card, folder / CARD)


def open_bundle(given: Path) -> Bundle:
    """Opens the bundle at `given`: its own folder, a run's folder, or a run's name.

    Raises:
        UserError: There is none, a newer version wrote it, or a file of it is missing, cut short, damaged or changed.
    """
    path = _locate(given)
    facts = facts_of(path)
    while problem := first_damage(path, facts.described()):
        # A training that replaces its bundle just now is no damage: then the facts have changed as well.
        before, facts = facts, facts_of(path)
        if facts == before:
            raise UserError(problem, hint=AGAIN)
    return Bundle(path, load_recipe(path / "recipe.toml"), facts)


def _locate(given: Path) -> Path:
    places = (given, RUNS / given)
    for path in places:
        # The last one is there alone for an instant, while a training replaces its bundle. Reading mends nothing: that
        # instant may be now.
        for candidate in (path, path / "bundle", replaced(path / "bundle")):
            if (candidate / "bundle.json").is_file():
                return candidate
    for path in places:
        if (path / "manifest.json").is_file():
            raise UserError(f"The run {path} has no model yet.", hint=f"Train it: seq2seq train {console.quoted(path)}")
        if path.exists():
            raise UserError(f"{path} is neither a bundle nor a run.", hint="Give the folder of a trained run.")
    known = sorted(path.parent.parent.name for path in RUNS.glob("*/bundle/bundle.json"))
    raise UserError(
        f"There is no model at {given}.",
        hint=nearest(given.name, known) if known else "Make one first: seq2seq demo, or seq2seq prepare and train.",
    )
