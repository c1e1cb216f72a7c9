"""A run's manifest: what its data was prepared from, what was kept and dropped, and why its settings are what they are.

`manifest.json` is read and written here alone. What older runs do not say has a default, and is not written for them
either, so that reading and writing a manifest leaves it as it was. What a newer version added is kept under `others`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from msgspec import structs

from seq2seq.folders import write_json
from seq2seq.sections import Section, read_section

if TYPE_CHECKING:
    from seq2seq.corpus.cleaning import Drops, Report

MANIFEST_VERSION: Final = 1
_AGAIN: Final = "Copy the run's folder again from where it was whole, or prepare the run anew in another folder."


class StartInputs(Section, frozen=True, kw_only=True):
    """What a fine-tuned run takes from an earlier model.

    Attributes:
        weights: The checksum of the model's weights.
        old_share: Share of the pairs learned from that are old ones.
        old: The checksums of the old run's splits that are used, by their names in this run.
    """

    weights: str
    old_share: float
    old: dict[str, str]


class Inputs(Section, frozen=True, kw_only=True):
    """All that the prepared data depends on: where it has changed, the run is prepared anew.

    Attributes:
        settings: The hash of the settings in [data] and [text].
        files: The checksum of each file of text, by its name.
        start: What comes from an earlier model; None: the run is trained from scratch.
        vocabulary: The hash of a vocabulary that was taken over from another run; empty: it was learned.
    """

    settings: str
    files: dict[str, str]
    start: StartInputs | None = None
    vocabulary: str = ""


class SplitCounts(Section, frozen=True, kw_only=True):
    """A split in numbers; lengths in tokens, without EOS.

    Attributes:
        pairs: How many sentence pairs it has.
        source_tokens: Of all its source sentences together.
        target_tokens: Of all its target sentences together.
        longest_source: Of its longest source sentence.
        longest_target: Of its longest target sentence.
    """

    pairs: int
    source_tokens: int
    target_tokens: int
    longest_source: int
    longest_target: int


class TrainingCorpus(Section, frozen=True, kw_only=True):
    """One corpus of the training set, whose rows stand behind those of the corpora before it.

    Attributes:
        name: What it is called.
        pairs: How many pairs of it there are to train on.
        weight: How much more often than its size says its pairs are drawn.
        tag: What stands before each of its source sentences; empty: nothing.
        by: The command that had a model write one of its sides; empty: both are people's, as far as is known.
    """

    name: str
    pairs: int
    weight: float
    tag: str = ""
    by: str = ""


class ExamplePair(Section, frozen=True, kw_only=True):
    """The beginning of a pair that something happened to, and where it stands.

    Attributes:
        corpus: Its corpus' name; empty where there is only one.
        line: Where it stands in its file, from 1.
        source: How its source begins.
        target: How its target begins.
    """

    corpus: str = ""
    line: int
    source: str
    target: str


class CountedPairs(Section, frozen=True, kw_only=True):
    """The pairs that one rule dropped, or noticed.

    Attributes:
        count: How many there are.
        examples: The first few.
    """

    count: int
    examples: tuple[ExamplePair, ...]


class CleaningReport(Section, frozen=True, kw_only=True):
    """What cleaning made of the pairs that were read.

    Attributes:
        read: Pairs that came in.
        kept: Pairs that went out.
        dropped: The others, by reason.
        noticed: Pairs that were kept, and of which a person should know, by what there is to know; None: an older run
            does not say.
    """

    read: int
    kept: int
    dropped: dict[str, CountedPairs]
    noticed: dict[str, CountedPairs] | None = None

    @classmethod
    def of(cls, report: Report) -> Self:
        """Returns what a manifest says of a cleaner's report."""
        dropped, noticed = (
            {what: _counted(drops) for what, drops in found.items()} for found in (report.dropped, report.noticed)
        )
        return cls(read=report.read, kept=report.kept, dropped=dropped, noticed=noticed)


def _counted(drops: Drops) -> CountedPairs:
    return CountedPairs(count=drops.count, examples=tuple(ExamplePair(**one._asdict()) for one in drops.examples))


class VocabularySizes(Section, frozen=True, kw_only=True):
    """The vocabulary or vocabularies in numbers.

    Attributes:
        joint: Whether both languages have one in common.
        source: How many tokens the source's has.
        target: How many tokens the target's has.
    """

    joint: bool
    source: int
    target: int


class StartingModel(Section, frozen=True, kw_only=True):
    """What a bundle tells of the model that its training started from.

    Attributes:
        name: What the model is called.
        update: The update of its training that it is from.
        weights: The checksum of its weights.
        old_share: Share of the pairs learned from that are old ones.
    """

    name: str
    update: int
    weights: str
    old_share: float


class Start(Section, frozen=True, kw_only=True):
    """What a fine-tuned run goes on from.

    Attributes:
        weights: The checksum of the weights that it starts from.
        told: What its bundle tells of that model.
        command: The command that makes the run again.
        old: The folder of the run that the old text is of; empty: there is none, or an older run does not name it.
    """

    weights: str
    told: StartingModel
    command: str
    old: str = ""


class Synthetic(Section, frozen=True, kw_only=True):
    """The pairs of which a model wrote one side; of those in another folder only how people's text was cleaned.

    Attributes:
        by: The command that made them; empty: the run is made of one that has such pairs, by another command.
        of: The folder of the run that they are made of.
        models: What the models that wrote are known by.
        search: How they searched.
        name: What the corpus of these pairs is called.
        selected: What was read, and what of it was not worth translating.
        sieved: What was translated, and what of it is not worth training on.
        cleaning: How people's text was cleaned, as settings of [data]; None: an older run does not say.
    """

    by: str = ""
    of: str = ""
    models: dict[str, Any] | None = None
    search: str = ""
    name: str = ""
    selected: CleaningReport | None = None
    sieved: CleaningReport | None = None
    cleaning: dict[str, Any] | None = None


class Manifest(Section, frozen=True, kw_only=True):
    """All that a run says of its data.

    Attributes:
        schema_version: Of the file's layout.
        name: What the run's model is called.
        source_language: What it translates from.
        target_language: What it translates into.
        inputs: What the data was made of.
        recipe: The hash of all settings of the last preparation.
        splits: Each split in numbers, by its name.
        corpora: What there is to train on, in order; empty: an older run has one corpus, and does not name it.
        epoch_pairs: How many pairs an epoch of training has; None: as many as there are.
        cleaning: What was dropped of each split, by its name.
        vocabulary: The vocabulary's size.
        reasons: Why a setting was chosen, by "section.key".
        chosen: The values that these reasons speak of; None: an older run does not say.
        folder: The folder that the recipe's files are named relative to; empty where none is needed to find them,
            None: an older run does not say.
        synthetic: What there is to know of pairs that a model wrote; None: there are none.
        start: What a fine-tuning goes on from; None: the run is trained from scratch.
    """

    schema_version: int
    name: str
    source_language: str
    target_language: str
    inputs: Inputs
    recipe: str
    splits: dict[str, SplitCounts]
    corpora: tuple[TrainingCorpus, ...] = ()
    epoch_pairs: int | None = None
    cleaning: dict[str, CleaningReport]
    vocabulary: VocabularySizes
    reasons: dict[str, str]
    chosen: dict[str, Any] | None = None
    folder: str | None = None
    synthetic: Synthetic | None = None
    start: Start | None = None

    @property
    def languages(self) -> tuple[str, str]:
        """The language that the run translates from, and the one it translates into."""
        return self.source_language, self.target_language

    def corpora_or_one(self, name: str) -> tuple[TrainingCorpus, ...]:
        """Returns what there is to train on; of an older run all of it as one corpus of that name."""
        return self.corpora or (TrainingCorpus(name=name, pairs=self.splits["train"].pairs, weight=1.0),)

    def with_split_of(self, other: Manifest, name: str) -> Self:
        """Returns the manifest with what another one says of a split, which was copied from its run."""
        return structs.replace(
            self,
            splits={**self.splits, name: other.splits[name]},
            cleaning={**self.cleaning, name: other.cleaning[name]},
        )

    def write(self, path: Path) -> None:
        """Writes the manifest, whole or not at all."""
        write_json(path, self.to_dict())


def read_manifest(path: Path) -> Manifest:
    """Reads a manifest of this version, or of an older one, which lacks what has a default.

    Raises:
        UserError: It is missing, damaged or from a newer version; the message names the file and the field.
    """
    return read_section(Manifest, path, MANIFEST_VERSION, hint=_AGAIN)
