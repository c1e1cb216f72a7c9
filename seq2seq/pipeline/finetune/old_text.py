"""The text that the model was trained on, where the run that made it is at hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from seq2seq.bundle import Bundle, RunFolder, find_run, run_owning
from seq2seq.errors import UserError
from seq2seq.manifest import Manifest, TrainingCorpus
from seq2seq.pipeline.prepare.basis import OLD
from seq2seq.pipeline.prepare.sources import languages
from seq2seq.recipe.toml import load_recipe
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.tagged import tags_of


@dataclass(frozen=True)
class OldText:
    """What the run of a model was trained on.

    Attributes:
        run: The run.
        manifest: What it says of itself.
        sets: Its held-out sets, by the names they get in the new run.
    """

    run: RunFolder
    manifest: Manifest
    sets: dict[str, Path] = field(default_factory=dict)

    @property
    def temperature(self) -> float:
        """How even its corpora were drawn from."""
        return load_recipe(self.run.recipe).data.temperature

    @property
    def corpora(self) -> tuple[TrainingCorpus, ...]:
        """Its corpora in order; older runs have one, and do not name it."""
        return self.manifest.corpora_or_one("text")

    @property
    def target_tokens(self) -> float | None:
        """Tokens of its target sentences on average, EOS counted; None where there are none."""
        train = self.manifest.splits["train"]
        return train.target_tokens / train.pairs + 1 if train.pairs else None


def old_text(bundle: Bundle, given: Path | None) -> OldText | None:
    """Returns the text of the run that a bundle lies in, or of the run that a person names; None where there is none.

    Raises:
        UserError: What is named is no prepared run, or is one of other languages.
    """
    run = find_run(given) if given is not None else run_owning(bundle.path)
    if run is None:
        return None
    manifest = run.read_manifest()
    theirs, ours = manifest.languages, languages(bundle.recipe.data)
    if given is not None and theirs != ours:
        raise UserError(
            f"{run.path} holds text from {theirs[0]!r} into {theirs[1]!r}, and the model translates from {ours[0]!r} "
            f"into {ours[1]!r}.",
            hint="Name the run that made the model, or leave out --old.",
        )
    missing = [run.split(name) for name in manifest.splits if not run.split(name).is_file()]
    if missing and given is not None:
        raise UserError(f"{missing[0]} is missing.", hint="Prepare that run again, or leave out --old.")
    if missing:
        return None
    return OldText(run, manifest, {OLD + name: run.split(name) for name in manifest.splits if name != "train"})


def check_tags(tokenizers: TokenizerPair, old: OldText) -> None:
    """Makes sure that the model knows the tags of the old pairs that are to be mixed in.

    Raises:
        UserError: It has no row for one of them: they are not the pairs that it was trained on.
    """
    known = tags_of(tokenizers.source)
    for corpus in old.corpora:
        if corpus.pairs and corpus.tag and corpus.tag not in known:
            raise UserError(
                f"The model knows no tag {corpus.tag}, and in the pairs of {old.run.path} the sources of "
                f"{corpus.name!r} begin with it.",
                hint="Name the run that made the model, with --old; or mix no old pairs in: --old-share 0",
            )
