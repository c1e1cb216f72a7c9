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
Temperature = Annotated[float, msgspec.Meta(ge=0.01)]  # below, all but the largest corpus have no share left
Seed = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]  # what generators take as a key: 64 bits


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every section: frozen, by keyword, and refusing what it does not know."""


class Choice(msgspec.Struct, frozen=True):
    """A member of a family by name, with the settings that this member alone takes."""

    name: str
    settings: dict[str, Setting] = msgspec.field(default_factory=dict)


class Corpus(Section, frozen=True):
    """One of several corpora to train on: one `[[data.corpora]]` each."""

    name: str = ""  # what reports call it; empty: its first file's name
    reader: Choice = Choice("aligned")
    hub: str = ""
    train: tuple[str, ...] = ()
    columns: tuple[int, int] = (0, 1)
    fields: tuple[str, ...] = ()
    weight: Rate = 1.0  # how much more often than its size says its pairs are drawn
    tag: str = ""  # stands before each of its source sentences, for instance <bt>: synthetic text that is known as such


class Data(Section, frozen=True):
    """Where the sentence pairs come from and which of them are kept."""

    source_language: str = "en"
    target_language: str = "fr"
    reader: Choice = Choice("aligned")
    hub: str = ""  # a dataset's name on the hub, used where no local folder is given
    train: tuple[str, ...] = ()  # the source file and the target file, or one of both; relative to --data
    development: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    columns: tuple[int, int] = (0, 1)  # of a TSV: which column holds the source, and which the target; from 0
    fields: tuple[str, ...] = ()  # of JSONL: the source's field and the target's; empty: named by language
    corpora: tuple[Corpus, ...] = ()  # several corpora to train on, in the place of `train`
    temperature: Temperature = 1.0  # a corpus of n pairs is drawn from like weight * n ** (1 / temperature)
    development_lines: tuple[int, int] | None = None  # keep these lines of the file only, both ends included, from 1
    test_lines: tuple[int, int] | None = None
    development_size: Count = 0  # pairs split off train where there is no development file
    test_size: Count = 0
    reverse: bool = False  # translate the other way
    pretokenised: bool = False  # the text is tokenised already: it passes untouched, tokens stand between spaces
    unicode_form: Literal["NFC", "NFKC", "none"] = "NFC"  # none: text passes untouched
    quotes: Literal["keep", "straight"] = "keep"  # straight: every kind of quotation mark becomes " or '
    spaces: Literal["collapse", "keep"] = "collapse"  # collapse: each run of white space becomes one space
    html_entities: Literal["keep", "decode"] = "keep"  # decode: &amp; becomes &
    filters: tuple[Choice, ...] = (Choice("empty"), Choice("length"), Choice("ratio"))
    deduplicate: bool = True  # of pairs that are alike on both sides only the first is kept
    seed: Seed = 1  # decides which pairs are set aside


class Text(Section, frozen=True):
    """How text becomes ids."""

    tokenizer: Choice = Choice("sentencepiece")
    vocabulary_size: Positive = 4000
    joint: bool = True  # one vocabulary for both languages
    case: Literal["keep", "true"] = "keep"  # true: a word at a sentence's start is written as it is elsewhere
    sample_lines: Positive = 200_000  # of each side that the tokenizer learns from, at most; 500 bytes of memory each


class Model(Section, frozen=True):
    """The network."""

    cell: Choice = Choice("lstm")
    encoder_cells: tuple[Choice, ...] = ()  # one a layer, from the bottom; empty: `cell` everywhere
    decoder_cells: tuple[Choice, ...] = ()
    wiring: Choice = Choice("parallel")
    attention: Choice = Choice("multi-head")
    second_attention: Count = 0  # the decoder layer, from 2, after which a second attention is asked; 0: none
    embedding_size: Positive = 256
    encoder_layers: Positive = 1
    encoder_transition: Positive = 1  # cells that a step of one layer goes through (Pascanu et al. 2014)
    encoder_size: Positive = 512  # of a layer's output; a bidirectional layer gives half of it to each direction
    bidirectional: bool = True
    decoder_layers: Positive = 2
    decoder_transition: Positive = 1
    decoder_size: Positive = 512
    residual: bool = False  # from the second layer on, a layer's input is added to its output
    layer_norm: bool = False  # inside the cells, which then run step by step
    bridge: Literal["zero", "last", "mean"] = "mean"  # what starts the decoder
    reverse_source: bool = False  # of an encoder that reads one way (Sutskever et al. 2014)
    tie: Literal["none", "target", "all"] = "all"  # target: output = target embedding; all: the source's too
    dropout: Share = 0.3  # locked: one mask a sentence, the same at every position
    recurrent_dropout: Share = 0.0  # of the states, locked too; the cells then run step by step in training
    recurrent_weight_dropout: Share = 0.0  # of the matrices that read the state, anew each update; kernels still serve
    word_dropout: Share = 0.0  # share of words whose whole embedding is dropped
    target_word_dropout: Share | None = None  # of the words that the decoder reads; none: as `word_dropout`
    lexical: bool = False  # the words attended to vote for their translations (Nguyen & Chiang 2018)
    initialisation: Choice = Choice("orthogonal")
    source_vectors: str = ""  # a file of pretrained word vectors (word2vec, GloVe or fastText text)
    target_vectors: str = ""
    freeze_vectors: bool = False  # words with a pretrained vector keep it, wherever it is tied to; the others learn


class Schedule(Section, frozen=True):
    """How the learning rate moves, in updates."""

    shape: Choice = Choice("linear")
    warmup_updates: Count = 200  # in which the rate rises from 0 to learning_rate


class Risk(Section, frozen=True):
    """Minimum-risk training, after the ordinary one (Shen et al. 2016): it counts how good whole translations are."""

    epochs: NonNegative = 0.0  # passes over the corpus; 0: none of it
    minutes: NonNegative = 0.0  # a time budget of its own; 0: none
    candidates: Positive = 8  # translations sampled of each sentence
    temperature: Rate = 0.6  # of drawing them; at 1 a network trained on smoothed labels draws their noise
    reference: bool = False  # whether the reference is one candidate more
    metric: Literal["bleu", "chrf"] = "bleu"  # of single sentences; the risk of one is 1 - its score
    sharpness: Rate = 0.05  # of the candidates' distribution: p ** sharpness, made to add up to one
    cross_entropy: Share = 0.2  # times the ordinary loss is added to the risk
    learning_rate: Rate = 3e-5
    batch_sentences: Positive = 32  # source sentences an update


class Training(Section, frozen=True):
    """How the weights are learned."""

    batch_tokens: Positive = 1200  # target tokens a batch, real ones; sampled subwords, counted as if cut plainly
    accumulate: Positive = 1  # batches an update
    max_epochs: NonNegative = 20.0  # 0: no limit by epochs
    max_updates: Count = 0  # 0: no limit by updates
    minutes: NonNegative = 0.0  # a time budget; calibrated once into a number of updates. 0: none
    learning_rate: Rate = 2e-3  # of AdamW, at its highest
    weight_decay: NonNegative = 0.01  # of AdamW: times the rate, it is taken off every weight
    label_smoothing: Share = 0.1  # of the probability, shared out to the whole vocabulary
    clip_norm: NonNegative = 1.0  # 0: no clipping
    clip_value: NonNegative = 0.0  # bound of each number of the gradient, before `clip_norm`; 0: none
    truncate: Count = 0  # target steps that a gradient flows back through; 0: all. The source is always read whole
    scheduled_sampling: Share = 0.0  # share of words read from the model's own guesses by the last update
    r_drop: NonNegative = 0.0  # weight of how much two dropouts of one network disagree (Liang et al. 2021); 0: none
    guided_attention: NonNegative = 0.0  # how hard attention is pulled to counted word translations; falls to 0. 0: not
    subword_sampling: Share = 0.0  # chance that a merge of subwords is left out, anew each epoch
    average: Share = 0.999  # decay of the moving average of the weights; 0: none
    hold: NonNegative = 0.0  # how strongly weights are pulled back to those of the model that is fine-tuned; 0: not
    average_looks: Count = 0  # also tries the mean of the weights of so many last looks, and keeps the better; 0: not
    schedule: Schedule = Schedule()
    risk: Risk = Risk()
    tune_length_penalty: bool = False  # whether search.length_penalty is chosen on the development set, at the end
    precision: Literal["auto", "fp32", "bf16"] = "auto"  # auto: bf16 where the machine multiplies in it, else fp32
    validate_every: Count = 0  # updates between two looks at the development set; 0: once an epoch
    validate_sentences: Positive = 1000  # of the development set, at most, are translated each time
    stop_on: Literal["loss", "bleu", "chrf"] = "bleu"
    patience: Count = 0  # looks without improvement before training stops; 0: never early
    seed: Seed = 1  # of the first weights, of dropout and of the order; another one gives another model


class Search(Section, frozen=True):
    """How translations are looked for."""

    name: str = "beam"  # a member of the family of searches
    beam: Positive = 5
    length_penalty: NonNegative = 1.0  # a finished translation's score is log p / length ** length_penalty
    max_length_factor: Rate = 2.0  # no longer than factor x source tokens + constant
    max_length_constant: Positive = 10
    min_length: Count = 0  # tokens of a translation, at least; lifts the limit above where that is lower
    no_repeat_ngram: Count = 0  # so many tokens in a row stand in a translation but once; 0: as often as they like
    coverage_penalty: NonNegative = 0.0  # of beam search: what it costs not to look at a source token; 0: nothing
    prune: NonNegative = 2.0  # of beam search: log-probability behind the best at which one is given up; 0: never
    mbr: Count = 0  # candidates of which the one most like all others is taken (Kumar & Byrne 2004); 0: the likeliest
    mbr_utility: Literal["bleu", "chrf"] = "bleu"  # how alike two of them are
    batch_sentences: Positive = 64  # of a batch, at most
    batch_tokens: Positive = 4096  # source tokens of a batch at most, each sentence as long as the longest
    split_tokens: Positive = 250  # an input of more tokens is translated in parts: its sentences, or parts of them
    temperature: Rate = 1.0  # of sampling: below 1, likely tokens become likelier
    top_k: Count = 0  # of sampling: from so many likeliest tokens; 0: from all
    top_p: Annotated[float, msgspec.Meta(gt=0.0, le=1.0)] = 1.0  # of sampling: from the fewest that have this much
    seed: Seed = 1  # of sampling


class Evaluation(Section, frozen=True):
    """How the target language is scored; belongs to the data, not to the moment."""

    tokenize: Literal["13a", "none", "intl", "char", "zh", "ja-mecab", "ko-mecab", "flores101", "flores200"] = "13a"
    lowercase: bool = False  # whether letter case does not count
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
