"""What is known of a run's text that neither its recipe nor its files say, and so goes from manifest to manifest.

A model wrote part of the text of some runs: see `seq2seq.pipeline.synthetic`. Which part that was, how people had the
rest cleaned, and test sets that a recipe cannot name are known from the run that is prepared again, here or in another
folder, and in the same direction or the other.
"""

from __future__ import annotations

from shutil import copyfile
from typing import Final

from msgspec.structs import replace

from seq2seq.bundle import RunFolder
from seq2seq.manifest import Manifest, Synthetic, TrainingCorpus
from seq2seq.pipeline.prepare import cleaning

_NAMED: Final = ("train", "development", "test")  # what a recipe can name
_OTHER_SIDE: Final = {"distill": "backtranslate", "backtranslate": "distill"}
"""Who is said to have written a corpus, the other way round: the target that a teacher wrote is then a source."""


def is_same(run: RunFolder, other: RunFolder) -> bool:
    """Whether two runs are one."""
    return run.path.resolve() == other.path.resolve()


def is_turned(pair: tuple[str, str], manifest: Manifest) -> bool:
    """Whether a run of these languages translates the other way than the run with that manifest."""
    before = manifest.languages
    return pair == before[::-1] != before


def handed_on(manifest: Manifest, run: RunFolder, origin: RunFolder, ready: RunFolder) -> Manifest:
    """Returns a run's manifest with what `origin`'s knows of its text, and copies the sets that no recipe names.

    Args:
        manifest: Of the run that is being prepared.
        run: That run.
        origin: The run whose recipe it has, which may be what `run` was until now.
        ready: Where its data is until it is complete.
    """
    if not origin.manifest.is_file():
        return manifest
    before = origin.read_manifest()
    turned = is_turned(manifest.languages, before)
    writers = {one.name: one.by for one in before.corpora if one.by}
    if any(one.name in writers for one in manifest.corpora):
        signed = tuple(_signed(one, writers.get(one.name, ""), turned=turned) for one in manifest.corpora)
        manifest = replace(manifest, corpora=signed)
        if before.synthetic is not None:
            facts = _synthetic(before.synthetic, whole=is_same(run, origin), turned=turned)
            manifest = replace(manifest, synthetic=facts)
    # With text and vocabulary as they were, ids are too.
    now, then = manifest.inputs, before.inputs
    kept = now.files == then.files and now.vocabulary and then.vocabulary
    for name in before.splits if kept and not turned else ():
        if name not in (*_NAMED, *manifest.splits) and origin.split(name).is_file():
            copyfile(origin.split(name), ready.split(name))
            manifest = manifest.with_split_of(before, name)
    return manifest


def _signed(corpus: TrainingCorpus, by: str, *, turned: bool) -> TrainingCorpus:
    """Returns a corpus with who wrote one of its sides, where that is known."""
    return replace(corpus, by=_OTHER_SIDE.get(by, by) if turned else by) if by else corpus


def _synthetic(facts: Synthetic, *, whole: bool, turned: bool) -> Synthetic:
    """Returns what is known of a run's synthetic pairs; of those in another folder only how people's were cleaned.

    A command that makes synthetic pairs may make its own run again, and knows it by these facts: the other is none.
    """
    found = facts if whole else Synthetic(cleaning=facts.cleaning)
    return replace(found, cleaning=cleaning.turned(found.cleaning)) if turned and found.cleaning is not None else found
