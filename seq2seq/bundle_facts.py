"""What a bundle says of itself: versions, scores, fingerprints of its files and of the text that it was trained on.

`bundle.json` is read and written here alone. What older bundles do not say has a default, and is not written for them
either, so that reading and writing it leaves it as it was. What a newer version added is kept under `others`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Self

from msgspec import structs

from seq2seq.folders import write_json
from seq2seq.manifest import StartingModel, TrainingCorpus, VocabularySizes
from seq2seq.sections import UNTOLD, Section, read_section

BUNDLE_VERSION: Final = 1
AGAIN: Final = "Copy the whole folder again from where it was whole, or train again."
_FILE: Final = "bundle.json"
_ABOUT_SCORES: Final = ("scores", "scored_with", "diagnosis")
"""What is said of test sets, each by their names: these belong together."""


class DescribedFile(Section, frozen=True, kw_only=True):
    """A file, as `seq2seq.folders.describe` found it.

    Attributes:
        bytes: Its size.
        blake2b: The checksum of what it holds.
    """

    bytes: int
    blake2b: str


def described_files(found: Mapping[str, Mapping[str, Any]]) -> dict[str, DescribedFile]:
    """Returns what `seq2seq.folders.describe` found."""
    return {name: DescribedFile(**told) for name, told in found.items()}


class LearnedText(Section, frozen=True, kw_only=True):
    """The text that a model was trained on: names, fingerprints and counts, and no sentence.

    Attributes:
        files: The checksum of each file, by its name.
        pairs: How many pairs there were to train on.
        splits: How many pairs each split has, by its name.
        dropped: How many pairs were left out of the training set, by reason.
        corpora: What there was to train on, in order; empty: one corpus, of which there is no more to say.
        cleaning: How people's text was cleaned, as settings of [data]; None: as the recipe says.
    """

    files: Mapping[str, str] = UNTOLD
    pairs: int | None = None
    splits: Mapping[str, int] = UNTOLD
    dropped: Mapping[str, int] = UNTOLD
    corpora: tuple[TrainingCorpus, ...] = ()
    cleaning: dict[str, Any] | None = None


class Refinement(Section, frozen=True, kw_only=True):
    """The second stage of a training, where a model is of that.

    Attributes:
        from_update: The update of the first stage's model that it comes from.
        updates: How many the second stage made.
        before: The development scores of the model that it started from.
    """

    from_update: int
    updates: int
    before: dict[str, float]


class Machine(Section, frozen=True, kw_only=True):
    """Where a model was trained and how long that took; what is None is not known.

    Attributes:
        torch: The version of torch.
        machine: The kind of computer.
        device: "cpu" or "cuda".
        precision: What products were computed in.
        processes: How many trained together.
        gpu: The name of the GPU.
        processor: The name of the processor.
        capability: Which of the processor's instructions torch used.
        threads: How many CPU cores computed.
        seconds: What training took, with the looks at the development set.
    """

    torch: str | None = None
    machine: str | None = None
    device: str | None = None
    precision: str | None = None
    processes: int | None = None
    gpu: str | None = None
    processor: str | None = None
    capability: str | None = None
    threads: int | None = None
    seconds: float | None = None


class SetScore(Section, frozen=True, kw_only=True):
    """A metric's value on a test set.

    Attributes:
        name: The registry's name of the metric.
        value: Of the whole set.
        signature: sacreBLEU's own, by which values can be compared.
        low: Lower end of the interval over resamples of the sentences; None: there is none.
        high: Upper end of it.
    """

    name: str
    value: float
    signature: str
    low: float | None
    high: float | None


class SearchedWith(Section, frozen=True, kw_only=True):
    """How translations were searched for, as settings of [search].

    Attributes:
        name: Of the search.
        beam: Hypotheses a sentence.
        length_penalty: What scores were divided by, as an exponent of the length.
        mbr: Candidates that were compared; 0: the likeliest was taken.
        mbr_utility: What they were compared by; empty where none were.
    """

    name: str
    beam: int
    length_penalty: float
    mbr: int = 0
    mbr_utility: str = ""


class ScoredWith(Section, frozen=True, kw_only=True):
    """What gave the translations that were scored.

    Attributes:
        engine: What computed the network, for instance "int8".
        search: How it searched.
    """

    engine: str
    search: SearchedWith


class Flagged(Section, frozen=True, kw_only=True):
    """How many sentences of a test set were flagged with what, and nothing of their text.

    Attributes:
        sentences: Of the whole set.
        flags: How many of them have each flag.
    """

    sentences: int
    flags: dict[str, int]


class BundleFacts(Section, frozen=True, kw_only=True):
    """All that a bundle says of itself. What is None, or `UNTOLD`, it does not say.

    Attributes:
        schema_version: Of the file's layout.
        name: What the model is called.
        source_language: What it translates from.
        target_language: What it translates into.
        update: The update of its training that it is from; a refined model's are counted on.
        development: Its scores on the development set, by metric.
        scores: Those of each test set, by its name.
        data: The text that it was trained on.
        vocabulary: The vocabulary's size.
        vectors: What there is to know of the vectors that the embeddings began with.
        start: The model that its training started from.
        versions: Of Python and of packages, when it was trained.
        parameters: How many numbers its weights are.
        refined: How it was refined after the ordinary training; None: it was not.
        files: What is in the bundle, but for what people may edit.
        training: Where it was trained and how long that took.
        tuned: What choosing its search on the development set gave.
        scored_with: What gave the translations of each test set that were scored.
        diagnosis: How many sentences of each test set were flagged.
    """

    schema_version: int
    name: str | None = None
    source_language: str | None = None
    target_language: str | None = None
    update: int | None = None
    development: Mapping[str, float] = UNTOLD
    scores: Mapping[str, tuple[SetScore, ...]] = UNTOLD
    data: LearnedText | None = None
    vocabulary: VocabularySizes | None = None
    vectors: dict[str, Any] | None = None
    start: StartingModel | None = None
    versions: Mapping[str, str] = UNTOLD
    parameters: int | None = None
    refined: Refinement | None = None
    files: Mapping[str, DescribedFile] = UNTOLD
    training: Machine | None = None
    tuned: dict[str, Any] | None = None
    scored_with: Mapping[str, ScoredWith] = UNTOLD
    diagnosis: Mapping[str, Flagged] = UNTOLD

    @property
    def languages(self) -> tuple[str, str]:
        """The language that the model translates from, and the one it translates into; empty where it is not known."""
        return self.source_language or "", self.target_language or ""

    def described(self) -> dict[str, dict[str, Any]]:
        """Returns `files` as `seq2seq.folders.describe` gave it."""
        return {name: one.to_dict() for name, one in self.files.items()}

    def with_scores_of(self, kept: Callable[[str], bool]) -> Self:
        """Returns the same facts; of scores, and of what goes with them, only what is of the sets kept."""
        about = {key: told for key in _ABOUT_SCORES if (told := getattr(self, key)) != UNTOLD}
        left = {key: {name: one for name, one in told.items() if kept(name)} for key, told in about.items()}
        return structs.replace(self, **left)

    def write(self, folder: Path) -> None:
        """Writes them into the bundle's folder, whole or not at all."""
        write_json(folder / _FILE, self.to_dict())


def facts_of(folder: Path) -> BundleFacts:
    """Returns what the bundle in a folder says of itself, whatever state its other files are in.

    Raises:
        UserError: There is none, it is damaged, or a newer version wrote it; the message names the file and the field.
    """
    return read_section(BundleFacts, folder / _FILE, BUNDLE_VERSION, hint=AGAIN)
