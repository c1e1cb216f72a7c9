"""Every setting of a run, typed, with its one default.

A recipe is a tree of frozen sections. A setting that names a member of a family is a `Choice`: the name, and the
settings which that member alone takes; in TOML either `attention = "dot"` or
`attention = { name = "multi-head", heads = 4 }`.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from seq2seq.registry import Setting

Count = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Share = Annotated[float, msgspec.Meta(ge=0.0, lt=1.0)]
NonNegative = Annotated[float, msgspec.Meta(ge=0.0)]
Rate = Annotated[float, msgspec.Meta(gt=0.0)]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every section: frozen, by keyword, and refusing what it does not know."""


class Choice(msgspec.Struct, frozen=True):
    """A member of a family by name, with the settings that this member alone takes."""

    name: str
    settings: dict[str, Setting] = msgspec.field(default_factory=dict)


class Data(Section, frozen=True):
    """Where the sentence pairs come from and which of them are kept."""

    source_language: str = "en"
    target_language: str = "fr"
    reader: Choice = Choice("aligned")
    hub: str = ""  # a dataset's name on the hub, used where no local folder is given
    train: tuple[str, ...] = ()  # the source file and the target file, or one TSV; relative to --data
    development: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    columns: tuple[int, int] = (0, 1)  # of a TSV: which column holds the source, and which the target; from 0
    development_lines: tuple[int, int] | None = None  # keep these lines of the file only, both ends included, from 1
    test_lines: tuple[int, int] | None = None
    development_size: Count = 0  # pairs split off train where there is no development file
    test_size: Count = 0
    reverse: bool = False  # translate the other way
    unicode_form: Literal["NFC", "NFKC", "none"] = "NFC"  # none: pretokenised text passes untouched
    filters: tuple[Choice, ...] = (Choice("empty"), Choice("length"), Choice("ratio"))
    deduplicate: bool = True
    seed: int = 1


class Text(Section, frozen=True):
    """How text becomes ids."""

    tokenizer: Choice = Choice("sentencepiece")
    vocabulary_size: Positive = 4000
    joint: bool = True  # one vocabulary for both languages
    sample_lines: Positive = 1_000_000  # the tokenizer learns from at most this many lines a side


class Model(Section, frozen=True):
    """The network."""

    cell: Choice = Choice("lstm")
    wiring: Choice = Choice("parallel")
    attention: Choice = Choice("multi-head")
    embedding_size: Positive = 256
    encoder_layers: Positive = 1
    encoder_size: Positive = 512  # of a layer's output; a bidirectional layer gives half of it to each direction
    bidirectional: bool = True
    decoder_layers: Positive = 2
    decoder_size: Positive = 512
    bridge: Literal["zero", "last", "mean"] = "mean"  # what starts the decoder
    reverse_source: bool = False  # Sutskever et al. 2014
    tie: Literal["none", "target", "all"] = "all"  # target: output = target embedding; all: the source's too
    dropout: Share = 0.3  # locked: one mask a sentence, the same at every position
    word_dropout: Share = 0.0  # share of words whose whole embedding is dropped


class Schedule(Section, frozen=True):
    """How the learning rate moves, in updates."""

    shape: Choice = Choice("linear")
    warmup_updates: Count = 200


class Training(Section, frozen=True):
    """How the weights are learned."""

    batch_tokens: Positive = 1200  # target tokens an update, real ones
    accumulate: Positive = 1  # batches an update
    max_epochs: NonNegative = 20.0  # 0: no limit by epochs
    max_updates: Count = 0  # 0: no limit by updates
    minutes: NonNegative = 0.0  # a time budget; calibrated once into a number of updates. 0: none
    learning_rate: Rate = 2e-3
    weight_decay: NonNegative = 0.01
    label_smoothing: Share = 0.1
    clip_norm: NonNegative = 1.0  # 0: no clipping
    average: Share = 0.999  # decay of the moving average of the weights; 0: none
    schedule: Schedule = Schedule()
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    validate_every: Count = 0  # updates between two looks at the development set; 0: once an epoch
    validate_sentences: Positive = 1000  # of the development set, at most, are translated each time
    stop_on: Literal["loss", "bleu", "chrf"] = "bleu"
    patience: Count = 0  # looks without improvement before training stops; 0: never early
    seed: int = 1


class Search(Section, frozen=True):
    """How translations are looked for."""

    name: str = "beam"  # a member of the family of searches
    beam: Positive = 5
    length_penalty: NonNegative = 1.0  # a finished translation's score is log p / length ** length_penalty
    max_length_factor: Rate = 2.0  # no longer than factor x source tokens + constant
    max_length_constant: Positive = 10
    batch_sentences: Positive = 64
    temperature: Rate = 1.0
    top_k: Count = 0
    top_p: Annotated[float, msgspec.Meta(gt=0.0, le=1.0)] = 1.0
    seed: int = 1


class Evaluation(Section, frozen=True):
    """How the target language is scored; belongs to the data, not to the moment."""

    tokenize: Literal["13a", "none", "intl", "char", "zh", "ja-mecab", "ko-mecab", "flores101", "flores200"] = "13a"
    lowercase: bool = False
    metrics: tuple[str, ...] = ("bleu", "chrf", "ter")
    bootstrap: Count = 1000  # resamples of the 95 % interval


class Recipe(Section, frozen=True):
    """All settings of a run."""

    name: str = "run"
    description: str = ""
    results: tuple[str, ...] = ()  # scores that were measured with it, each with signature, time and machine
    data: Data = Data()
    text: Text = Text()
    model: Model = Model()
    training: Training = Training()
    search: Search = Search()
    evaluation: Evaluation = Evaluation()
