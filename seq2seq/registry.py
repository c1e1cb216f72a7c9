"""The one table of everything that has a name: readers, filters, tokenizers, cells, attentions, searches, ...

A family maps a member's name to where its class lives and to the settings that this member alone takes. Nothing is
imported until a member is asked for, so a recipe is checked without torch. To add a member, write its file and add its
line here; the family's conformance tests pick it up from this table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from seq2seq.errors import UserError, nearest

Setting = int | float | str | bool


@dataclass(frozen=True)
class Member:
    """One entry: `path` is "module:attribute"; `settings` holds the member's own settings with their defaults.

    `onnx` is, in the same form, what writes a part of the network as nodes of a graph, and `no_onnx` why there is none.
    """

    path: str
    settings: Mapping[str, Setting] = field(default_factory=dict)
    summary: str = ""
    onnx: str = ""
    no_onnx: str = ""


class Family:
    """The members of one kind, by name.

    Args:
        kind: What a member is called in an error, for instance "attention".
        members: Each member by its name.
    """

    def __init__(self, kind: str, members: Mapping[str, Member]) -> None:
        self.kind = kind
        self._members = dict(members)

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def member(self, name: str) -> Member:
        """Returns the entry called `name`.

        Raises:
            UserError: No member has that name; the message offers the nearest one.
        """
        if name not in self._members:
            raise UserError(f"There is no {self.kind} called {name!r}.", hint=nearest(name, list(self._members)))
        return self._members[name]

    def settings(self, name: str, given: Mapping[str, Setting]) -> dict[str, Setting]:
        """Returns the member's settings, defaults filled in.

        Raises:
            UserError: A setting is unknown to this member, or has another type than its default.
        """
        defaults = self.member(name).settings
        for key, value in given.items():
            if key not in defaults:
                raise UserError(
                    f"The {self.kind} {name!r} has no setting {key!r}.",
                    hint=nearest(key, list(defaults)) or "It takes none.",
                )
            wanted = type(defaults[key])
            if not isinstance(value, wanted) and not (wanted is float and isinstance(value, int)):
                raise UserError(f"The setting {key!r} of {name!r} must be of type {wanted.__name__}, not {value!r}.")
        return {**defaults, **given}

    def load(self, name: str) -> Any:  # noqa: ANN401 - a class of whatever family this is
        """Imports and returns the class (or function) of the member called `name`."""
        module, attribute = self.member(name).path.split(":")
        return getattr(import_module(module), attribute)


CELLS = Family(
    "cell",
    {
        "elman": Member(
            "seq2seq.nn.cells.elman:Elman",
            {"activation": "tanh"},
            summary="the simple recurrence, tanh or relu",
            onnx="seq2seq.engines.onnx.cells:ElmanTwin",
        ),
        "jordan": Member(
            "seq2seq.nn.cells.jordan:Jordan",
            {"activation": "tanh"},
            summary="feeds back its output, not its state",
            onnx="seq2seq.engines.onnx.cells:JordanTwin",
        ),
        "lstm": Member(
            "seq2seq.nn.cells.lstm:LSTM",
            {"peepholes": False},
            summary="long short-term memory",
            onnx="seq2seq.engines.onnx.cells:LSTMTwin",
        ),
        "gru": Member(
            "seq2seq.nn.cells.gru:GRU",
            summary="gated recurrent unit",
            onnx="seq2seq.engines.onnx.cells:GRUTwin",
        ),
    },
)
ATTENTIONS = Family(
    "attention",
    {
        "none": Member(
            "seq2seq.nn.attention.none:NoAttention",
            summary="no context: the encoder's last state only",
            onnx="seq2seq.engines.onnx.attentions:NoAttentionTwin",
        ),
        "additive": Member(
            "seq2seq.nn.attention.additive:Additive",
            summary="Bahdanau et al. 2015",
            onnx="seq2seq.engines.onnx.attentions:AdditiveTwin",
        ),
        "dot": Member(
            "seq2seq.nn.attention.dot:Dot",
            summary="Luong et al. 2015",
            onnx="seq2seq.engines.onnx.attentions:DotTwin",
        ),
        "general": Member(
            "seq2seq.nn.attention.general:General",
            summary="Luong et al. 2015, with a matrix between",
            onnx="seq2seq.engines.onnx.attentions:GeneralTwin",
        ),
        "local": Member(
            "seq2seq.nn.attention.local:Local",
            {"window": 10},
            summary="a window that moves on with each word",
            onnx="seq2seq.engines.onnx.attentions:LocalTwin",
        ),
        "multi-head": Member(
            "seq2seq.nn.attention.multi_head:MultiHead",
            {"heads": 4},
            summary="scaled dot products in parallel",
            onnx="seq2seq.engines.onnx.attentions:MultiHeadTwin",
        ),
    },
)
WIRINGS = Family(
    "wiring",
    {
        "parallel": Member(
            "seq2seq.nn.decoders.parallel:Parallel",
            summary="one fused call a layer (GNMT v2)",
            onnx="seq2seq.engines.onnx.decoder:ParallelTwin",
        ),
        "input-feeding": Member(
            "seq2seq.nn.decoders.input_feeding:InputFeeding",
            summary="Luong et al. 2015",
            onnx="seq2seq.engines.onnx.decoder:InputFeedingTwin",
        ),
        "fixed-vector": Member(
            "seq2seq.nn.decoders.fixed_vector:FixedVector",
            summary="Sutskever et al. 2014",
            onnx="seq2seq.engines.onnx.decoder:FixedVectorTwin",
        ),
    },
)
INITIALISATIONS = Family(
    "initialisation",
    {
        "orthogonal": Member(
            "seq2seq.nn.initialisation:orthogonal", summary="Saxe et al. 2014 for states, Glorot for inputs"
        ),
        "glorot-uniform": Member("seq2seq.nn.initialisation:glorot_uniform", summary="Glorot & Bengio 2010"),
        "glorot-normal": Member("seq2seq.nn.initialisation:glorot_normal", summary="Glorot & Bengio 2010"),
        "he-uniform": Member("seq2seq.nn.initialisation:he_uniform", summary="He et al. 2015"),
        "he-normal": Member("seq2seq.nn.initialisation:he_normal", summary="He et al. 2015"),
        "lecun-normal": Member("seq2seq.nn.initialisation:lecun_normal", summary="LeCun et al. 1998"),
        "uniform": Member(
            "seq2seq.nn.initialisation:uniform", {"bound": 0.08}, summary="within a bound (Sutskever et al. 2014)"
        ),
        "identity": Member("seq2seq.nn.initialisation:identity", summary="states pass unchanged (Le et al. 2015)"),
    },
)
TOKENIZERS = Family(
    "tokenizer",
    {
        "sentencepiece": Member(
            "seq2seq.text.subwords:Subwords", {"model": "bpe"}, summary="subwords learned from the corpus"
        ),
        "characters": Member("seq2seq.text.letters:Characters", {"minimum_count": 1}, summary="one id a character"),
        "words": Member(
            "seq2seq.text.words:Words",
            {"minimum_count": 1, "split": "auto"},
            summary="words with [UNK], [NUM], [URL]",
        ),
    },
)
READERS = Family(
    "reader",
    {
        "aligned": Member("seq2seq.corpus.readers.aligned:Aligned", summary="two files, one sentence a line"),
        "tsv": Member("seq2seq.corpus.readers.tsv:Tsv", summary="one file, a pair a line, tab between"),
        "jsonl": Member("seq2seq.corpus.readers.jsonl:Jsonl", summary="one file, a JSON object a line"),
        "tmx": Member("seq2seq.corpus.readers.tmx:Tmx", summary="a translation memory"),
        "hub": Member("seq2seq.corpus.readers.hub:Hub", summary="a dataset of the hub, or a local copy of one"),
        "phrasebook": Member("seq2seq.corpus.readers.phrasebook:Phrasebook", summary="the embedded English-French"),
    },
)
FILTERS = Family(
    "filter",
    {
        "empty": Member("seq2seq.corpus.filters.empty:Empty", summary="a side without text"),
        "length": Member("seq2seq.corpus.filters.length:Length", {"maximum": 100}, summary="too many words"),
        "ratio": Member("seq2seq.corpus.filters.ratio:Ratio", {"maximum": 4.0}, summary="one side much longer"),
        "identical": Member("seq2seq.corpus.filters.identical:Identical", summary="both sides the same"),
        "copied": Member(
            "seq2seq.corpus.filters.copied:Copied", {"maximum": 0.5}, summary="too many words left as they were"
        ),
        "script": Member(
            "seq2seq.corpus.filters.script:Script",
            {"source": "", "target": "", "minimum": 0.5},
            summary="too few letters of the language's script",
        ),
        "digits": Member("seq2seq.corpus.filters.digits:Digits", {"maximum": 0.7}, summary="mostly digits and signs"),
        "repeated": Member(
            "seq2seq.corpus.filters.repeated:Repeated", {"maximum": 4}, summary="the same words over and over in a row"
        ),
        "rare": Member("seq2seq.corpus.filters.rare:Rare", {"maximum": 0.2}, summary="too many rare characters"),
    },
)
SEARCHES = Family(
    "search",
    {
        "greedy": Member("seq2seq.search.greedy:Greedy", summary="the likeliest token each time"),
        "beam": Member("seq2seq.search.beam:Beam", summary="the likeliest few translations in parallel"),
        "sampling": Member("seq2seq.search.sampling:Sampling", summary="tokens drawn at random"),
    },
)
SCHEDULES = Family(
    "schedule",
    {
        "linear": Member("seq2seq.training.schedules:Linear", summary="straight down to zero at the last update"),
        "inverse-square-root": Member("seq2seq.training.schedules:InverseSquareRoot", summary="Vaswani et al. 2017"),
        "cosine": Member("seq2seq.training.schedules:Cosine", summary="Loshchilov & Hutter 2017"),
        "plateau": Member(
            "seq2seq.training.schedules:Plateau",
            {"factor": 0.5, "patience": 2},
            summary="falls when the development score stops improving",
        ),
        "constant": Member("seq2seq.training.schedules:Constant", summary="warm-up, then level"),
    },
)
METRICS = Family(
    "metric",
    {
        "bleu": Member("seq2seq.evaluation.metrics:bleu", summary="Papineni et al. 2002"),
        "chrf": Member("seq2seq.evaluation.metrics:chrf", summary="Popović 2015"),
        "ter": Member("seq2seq.evaluation.metrics:ter", summary="Snover et al. 2006"),
    },
)
FAMILIES = (CELLS, ATTENTIONS, WIRINGS, INITIALISATIONS, TOKENIZERS, READERS, FILTERS, SEARCHES, SCHEDULES, METRICS)
