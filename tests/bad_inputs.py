"""Every mistake a user makes sooner or later, as one table: how it comes about, and what the command must say to it.

`tests/cli/test_bad_input.py` makes each one and holds the real command to it; `scripts/bad_input.py` prints what each
one is told.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from toy_runs import Toy, sets, toy_pairs, write_pairs

from seq2seq.pipeline.translate.resuming import of_program

PAIRS = toy_pairs(60)


@dataclass(frozen=True)
class Place:
    """Where a mistake is made: an empty folder, and a trained toy run to copy from."""

    folder: Path
    toy: Toy

    def file(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def pair(self, pairs: list[tuple[str, str]] = PAIRS) -> tuple[Path, Path]:
        return write_pairs(self.folder, pairs)

    def prepare(self, *corpus: object) -> list[object]:
        return ["prepare", *corpus, "--run", self.folder / "run", *sets("text.vocabulary_size=420")]

    def aligned(self, source: Path, target: Path) -> list[object]:
        return self.prepare("--source", source, "--target", target)

    def model(self) -> Path:
        return Path(shutil.copytree(self.toy.run / "bundle", self.folder / "model"))

    def run(self) -> Path:
        return Path(shutil.copytree(self.toy.run, self.folder / "trained"))

    def recipe(self, text: str) -> Path:
        return self.file("mine.toml", text)


Maker = Callable[[Place], list[object]]


@dataclass(frozen=True)
class Mistake:
    """A mistake.

    Attributes:
        name: What went wrong, in words.
        make: Makes it, and returns the command that meets it.
        tells: Patterns that the message must hold: the file, the line, the value found, what to do.
        code: The exit code.
        within: What must be so while the command runs.
    """

    name: str
    make: Maker
    tells: tuple[str, ...]
    code: int = 2
    within: Callable[[Place], AbstractContextManager[object]] = lambda place: nullcontext()


MISTAKES: list[Mistake] = []


def mistake(name: str, *tells: str, **more: object) -> Callable[[Maker], Maker]:
    def add(make: Maker) -> Maker:
        MISTAKES.append(Mistake(name, make, tells, **more))  # type: ignore[arg-type]
        return make

    return add


def lines(side: int, pairs: list[tuple[str, str]] = PAIRS) -> str:
    return "".join(pair[side] + "\n" for pair in pairs)


# Text files


@mistake("line counts differ", r"toy\.en has 61 lines", r"toy\.eu has 60", r"line \d+")
def _(place: Place) -> list[object]:
    source, target = place.pair()
    target.write_text(lines(1, [pair for number, pair in enumerate(PAIRS) if number != 30]))
    return place.aligned(source, target)


@mistake("a file that is not UTF-8", r"toy\.en, line 8: byte 4 .*0xe9", "UTF-8", "iconv")
def _(place: Place) -> list[object]:
    source, target = place.pair()
    rows = lines(0).encode().split(b"\n")
    source.write_bytes(b"\n".join([*rows[:7], b"caf\xe9 noir", *rows[8:]]))
    return place.aligned(source, target)


@mistake("a UTF-16 file", r"toy\.en is UTF-16", "iconv -f UTF-16")
def _(place: Place) -> list[object]:
    source, target = place.pair()
    source.write_bytes(lines(0).encode("utf-16"))
    return place.aligned(source, target)


@mistake("an empty file", r"toy\.eu is empty", "Check")
def _(place: Place) -> list[object]:
    source, target = place.pair()
    target.write_bytes(b"")
    return place.aligned(source, target)


@mistake("a file that is not there", r"There is no file .*toy\.ue", r"toy\.eu")
def _(place: Place) -> list[object]:
    source, target = place.pair()
    return place.aligned(source, target.with_suffix(".ue"))


@mistake("a folder in the place of a file", "is a folder where a file is needed", r"toy\.en")
def _(place: Place) -> list[object]:
    source, _ = place.pair()
    return place.aligned(source, place.folder)


@mistake("a TSV line without the column", r"pairs\.tsv, line 5: 1 column found, 2 needed", "tabs")
def _(place: Place) -> list[object]:
    rows = [f"{source}\t{target}" for source, target in PAIRS]
    rows[4] = "the dog sees a cat."
    return place.prepare("--tsv", place.file("pairs.tsv", "\n".join(rows) + "\n"))


def json_rows() -> list[str]:
    return [json.dumps({"en": source, "eu": target}) for source, target in PAIRS]


@mistake("a JSONL line without the field", r"pairs\.jsonl, line 9", "'eu'")
def _(place: Place) -> list[object]:
    rows = json_rows()
    rows[8] = '{"en": "the dog sees a cat.", "uu": "lo hund ikus un katz ."}'
    path = place.file("pairs.jsonl", "\n".join(rows) + "\n")
    return place.prepare("--jsonl", path, "--from", "en", "--into", "eu")


@mistake("a JSONL line that is no JSON", r"pairs\.jsonl, line 3", "JSON")
def _(place: Place) -> list[object]:
    rows = json_rows()
    rows[2] = '{"en": "the dog'
    path = place.file("pairs.jsonl", "\n".join(rows) + "\n")
    return place.prepare("--jsonl", path, "--from", "en", "--into", "eu")


@mistake("a truncated gzip file", r"toy\.en\.gz is cut short", "after line", "again")
def _(place: Place) -> list[object]:
    _, target = place.pair()
    packed = gzip.compress(lines(0).encode())
    return place.aligned(place.file("toy.en.gz", packed[: len(packed) // 2]), target)


@mistake("a truncated xz file", r"toy\.en\.xz is cut short", "again")
def _(place: Place) -> list[object]:
    _, target = place.pair()
    packed = lzma.compress(lines(0).encode())
    return place.aligned(place.file("toy.en.xz", packed[: len(packed) // 2]), target)


@mistake("a damaged bzip2 file", r"toy\.en\.bz2", "again")
def _(place: Place) -> list[object]:
    _, target = place.pair()
    packed = bytearray(bz2.compress(lines(0).encode()))
    packed[len(packed) // 2] ^= 0xFF
    return place.aligned(place.file("toy.en.bz2", bytes(packed)), target)


def tmx(units: list[str]) -> str:
    body = "\n".join(units)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<tmx version="1.4">\n<header/>\n<body>\n{body}\n</body>\n</tmx>\n'


def unit(source: str, target: str, *, language: str = "eu") -> str:
    return f'<tu><tuv xml:lang="en"><seg>{source}</seg></tuv><tuv xml:lang="{language}"><seg>{target}</seg></tuv></tu>'


@mistake("a TMX file with a broken element", r"memory\.tmx, line 11", "(?i)mismatched|broken|closed")
def _(place: Place) -> list[object]:
    units = [unit(*pair) for pair in PAIRS]
    units[6] = units[6].replace("</seg>", "</sge>", 1)
    return place.prepare("--tmx", place.file("memory.tmx", tmx(units)), "--from", "en", "--into", "eu")


@mistake("a TMX file without the language", r"memory\.tmx", "'eu'|eu", "fr")
def _(place: Place) -> list[object]:
    units = [unit(*pair, language="fr") for pair in PAIRS]
    return place.prepare("--tmx", place.file("memory.tmx", tmx(units)), "--from", "en", "--into", "eu")


@mistake("a hub dataset without the column", "has no column 'fr'", "en, eu")
def _(place: Place) -> list[object]:
    place.file("data/train.jsonl", "\n".join(json_rows()) + "\n")
    return place.prepare("--hub", "mine/pairs", "--data", place.folder / "data", "--from", "en", "--into", "fr")


@mistake("a language pair that does not match the files", "(?i)--from|--into|language", code=2)
def _(place: Place) -> list[object]:
    source, target = place.pair()
    return [*place.aligned(source, target), "--from", "eu", "--into", "en"]


@mistake("a corpus of one pair", "1 usable pair", "Add sentence pairs")
def _(place: Place) -> list[object]:
    return place.aligned(*place.pair(PAIRS[:1]))


@mistake("a vocabulary larger than the corpus supports", "50,?000", r"vocabulary_size")
def _(place: Place) -> list[object]:
    source, target = place.pair()
    corpus = ("--source", source, "--target", target)
    return ["prepare", *corpus, "--run", place.folder / "run", *sets("text.vocabulary_size=50000")]


# Recipes


RECIPE = '[data]\ntrain = ["toy.en", "toy.eu"]\ntarget_language = "eu"\ndevelopment_size = 10\n\n[model]\n'


@mistake("a recipe with an unknown key", r"mine\.toml, line 7: .*'dropuot'", "'dropout'")
def _(place: Place) -> list[object]:
    place.pair()
    return place.prepare(place.recipe(RECIPE + "dropuot = 0.3\n"), "--data", place.folder)


@mistake("a recipe with a value of the wrong type", r"mine\.toml, line 7: .*dropout must be a number", '"high"')
def _(place: Place) -> list[object]:
    place.pair()
    return place.prepare(place.recipe(RECIPE + 'dropout = "high"\n'), "--data", place.folder)


@mistake("a recipe with a value out of range", r"mine\.toml, line 7: .*dropout", "below 1", "1.5")
def _(place: Place) -> list[object]:
    place.pair()
    return place.prepare(place.recipe(RECIPE + "dropout = 1.5\n"), "--data", place.folder)


@mistake("a recipe with a wrong name", r"mine\.toml, line 7: .*lstn", "'lstm'")
def _(place: Place) -> list[object]:
    place.pair()
    return place.prepare(place.recipe(RECIPE + 'cell = "lstn"\n'), "--data", place.folder)


@mistake("a recipe whose settings contradict each other", r"mine\.toml", "encoder_size = 33", "even")
def _(place: Place) -> list[object]:
    place.pair()
    return place.prepare(place.recipe(RECIPE + "encoder_size = 33\n"), "--data", place.folder)


@mistake("a recipe that is not TOML", r"mine\.toml, line 7", "not valid TOML")
def _(place: Place) -> list[object]:
    place.pair()
    return place.prepare(place.recipe(RECIPE + "cell = lstm\n"), "--data", place.folder)


# Models


def asked(model: Path) -> list[object]:
    return ["translate", model, place_input(model)]


def place_input(model: Path) -> Path:
    path = model.parent / "input.txt"
    path.write_text("the red dog sees a cat.\n")
    return path


@mistake("an incomplete model", r"incomplete: tokenizer/joint/sentencepiece\.model is missing", "Copy")
def _(place: Place) -> list[object]:
    model = place.model()
    (model / "tokenizer" / "joint" / "sentencepiece.model").unlink()
    return asked(model)


@mistake("a corrupted model", r"weights\.safetensors is corrupted", "Copy")
def _(place: Place) -> list[object]:
    path = place.model() / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return asked(path.parent)


@mistake("a truncated model", r"weights\.safetensors has 1,000 bytes, and [\d,]+ were written", "Copy")
def _(place: Place) -> list[object]:
    path = place.model() / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    return asked(path.parent)


@mistake("a model whose facts are damaged", r"bundle\.json is damaged: update is true, not a whole number", "Copy")
def _(place: Place) -> list[object]:
    path = place.model() / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "update": True}))
    return asked(path.parent)


@mistake("a model from a newer version", "schema version 99", "newer seq2seq")
def _(place: Place) -> list[object]:
    path = place.model() / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 99}))
    return asked(path.parent)


@mistake("a folder that is no model", "neither a bundle nor a run", "folder of a trained run")
def _(place: Place) -> list[object]:
    place.file("notes/read.txt", "nothing here\n")
    return asked(place.folder / "notes")


@mistake("a model that is not there", "There is no model at .*modle")
def _(place: Place) -> list[object]:
    return asked(place.folder / "modle")


@mistake("a prepared run that was never trained", "has no model yet", "seq2seq train")
def _(place: Place) -> list[object]:
    run = place.run()
    for name in ("bundle", "checkpoints"):
        shutil.rmtree(run / name)
    return asked(run)


# Writing


@contextmanager
def no_room(place: Place) -> Iterator[None]:
    """No file may become longer than 50,000 bytes: what a full disk does to the weights, and to nothing small."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@mistake(
    "a full disk while saving",
    r"trained/\.bundle|checkpoints",
    "(?i)too large|space",
    "(?i)room|space",
    code=1,
    within=no_room,
)
def _(place: Place) -> list[object]:
    return ["train", place.run(), "--resume", "--threads", "1", *sets("training.max_updates=152")]


@mistake("no permission to write", "(?i)permi|read-only", "/sys/seq2seq", code=1)
def _(place: Place) -> list[object]:
    source, target = place.pair()
    return ["prepare", "--source", source, "--target", target, "--run", "/sys/seq2seq"]  # where root may write nothing


@mistake("an output that would overwrite its input", r"input\.txt", "(?i)another")
def _(place: Place) -> list[object]:
    model = place.model()
    path = place_input(model)
    return ["translate", model, path, "-o", path.parent / "model" / ".." / path.name]


@contextmanager
def training_elsewhere(place: Place) -> Iterator[None]:
    from filelock import FileLock

    with FileLock(place.folder / "trained" / ".lock"):
        yield


@mistake("two trainings in one run folder", "Another process", "Wait", within=training_elsewhere)
def _(place: Place) -> list[object]:
    return ["train", place.run(), "--resume", "--threads", "1", *sets("training.max_updates=152")]


@mistake("a second training over a finished one", "--resume", "--restart")
def _(place: Place) -> list[object]:
    return ["train", place.run(), "--threads", "1"]


@mistake("preparing other data over a training", "holds a training on other data", "--force")
def _(place: Place) -> list[object]:
    source, target = place.pair()
    return ["prepare", "--source", source, "--target", target, "--run", place.run()]


# The machine


@contextmanager
def no_torch(place: Place) -> Iterator[None]:
    """As if torch were not installed."""
    hidden = {name: None for name in sys.modules if name.partition(".")[0] == "torch"}
    ours = {name for name in sys.modules if name.startswith("seq2seq.engines")}
    with mock.patch.dict(sys.modules, {**hidden, "torch": None}):
        for name in ours:
            del sys.modules[name]
        yield


@mistake("a missing extra", "needs torch, which is not installed", r'pip install "seq2seq\[train\]"', within=no_torch)
def _(place: Place) -> list[object]:
    return [*asked(place.model()), "--engine", "torch"]


@mistake("a device that is not there", "No GPU can be used", "--device cpu")
def _(place: Place) -> list[object]:
    return [*asked(place.model()), "--device", "cuda"]


@mistake("a command that does not exist", "There is no command 'trian'", "'train'")
def _(place: Place) -> list[object]:
    return ["trian", place.folder]


@mistake("an option's value out of range", "--beam", "greater than or equal to 1")
def _(place: Place) -> list[object]:
    return [*asked(place.model()), "--beam", "0"]


@mistake("a glossary line without a tab", r"terms\.tsv, line 2", "(?i)tab")
def _(place: Place) -> list[object]:
    terms = place.file("terms.tsv", "dog\thund\ncat katz\n")
    return [*asked(place.model()), "--glossary", terms]


@mistake("an input that changed before going on", "the content of the input has changed", "without --resume")
def _(place: Place) -> list[object]:
    model = place.model()
    text = place_input(model)
    facts = {"the version of seq2seq": of_program(), "input": "0" * 32}
    place.file("out.txt.part", "lo hund")
    place.file("out.txt.part.json", json.dumps({"schema_version": 1, "facts": facts}))
    return ["translate", model, text, "-o", place.folder / "out.txt", "--resume"]


@mistake("a shard that there is not", "There is no shard 9/8", "--shard 2/8")
def _(place: Place) -> list[object]:
    return [*asked(place.model()), "--shard", "9/8"]


@mistake("translations to score that are fewer", r"toy\.en has 61 lines and .*toy\.eu has 60", "Line n")
def _(place: Place) -> list[object]:
    source, target = place.pair()
    target.write_text(lines(1, PAIRS[1:]))
    return ["score", place.model(), source, target]


@mistake("word vectors of another size", r"vectors\.txt", "32", "3 values|3|embedding_size", code=2)
def _(place: Place) -> list[object]:
    vectors = place.file("vectors.txt", "dog 0.1 0.2 0.3\ncat 0.3 0.1 0.2\n")
    run = place.run()
    return ["train", run, "--restart", "--threads", "1", *sets(f"model.source_vectors={vectors}")]
