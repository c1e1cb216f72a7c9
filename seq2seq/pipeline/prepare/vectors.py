"""Pretrained word vectors: read once, at the start of a training, for the tokens that its text uses.

Going on with a training needs the files no more, nor does translating: the vectors are in the weights. Which of them
are frozen is noted beside the checkpoints, with the files' names and the report that the bundle repeats.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from seq2seq import console
from seq2seq.bundle import RunFolder
from seq2seq.corpus.files import read_raw_lines
from seq2seq.data.store import Ids, Store
from seq2seq.errors import UserError
from seq2seq.folders import read_json, whole_folder, write_json
from seq2seq.recipe.schema import Recipe
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.special import NUM_SPECIAL
from seq2seq.text.tokenizer import Tokenizer
from seq2seq.text.vectors import read_vectors, spellings, usual_spread

if TYPE_CHECKING:
    from seq2seq.nn.pretrained import Pretrained

ROWS_AT_ONCE = 16_384


@dataclass(frozen=True)
class Vectors:
    """What a training begins with beside its seed.

    Attributes:
        given: By side, "source" and "target", the rows that have a vector.
        report: By side, how much of the vocabulary and of the running text that is; as JSON values.
        files: By side, the file's name in the recipe.
    """

    given: Mapping[str, Pretrained] = field(default_factory=dict)
    report: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


def located(recipe: Recipe) -> Recipe:
    """Returns the recipe with the full names of its files of vectors, wherever the next command is started from."""
    model = recipe.model
    source, target = (
        str(Path(name).absolute()) if name else "" for name in (model.source_vectors, model.target_vectors)
    )
    return replace(recipe, model=replace(model, source_vectors=source, target_vectors=target))


def check_files(recipe: Recipe) -> None:
    """Looks at the first vector of each file that the recipe names.

    Raises:
        UserError: A file is missing, is no file of vectors, or its first vector has another size than the embeddings.
    """
    for name in _files(recipe).values():
        read_vectors(islice(read_raw_lines(Path(name)), 2), {}, size=recipe.model.embedding_size, name=name)


def _files(recipe: Recipe) -> dict[str, str]:
    names = {"source": recipe.model.source_vectors, "target": recipe.model.target_vectors}
    return {side: name for side, name in names.items() if name}


def start_from(recipe: Recipe, run: RunFolder, tokenizers: TokenizerPair, train: Store, *, goes_on: bool) -> Vectors:
    """Returns the pretrained vectors of a training, if there are any; of one that goes on, only which rows they are.

    Raises:
        UserError: As `read_all` and `noted`; or a training is to go on with other files than it began with.
    """
    if not goes_on:
        return read_all(recipe, tokenizers, train) if _files(recipe) else Vectors()
    before = noted(run) if _folder(run).exists() else Vectors()
    for side in ("source", "target"):
        old, new = before.files.get(side, ""), _files(recipe).get(side, "")
        if old != new:
            raise UserError(
                f"The training in {run.path} began {f'with the vectors {old}' if old else 'without vectors'} for the "
                f"{side}, and model.{side}_vectors now {f'names {new}' if new else 'names none'}.",
                hint="Take the change back, or start again with --restart.",
            )
    return before


def read_all(recipe: Recipe, tokenizers: TokenizerPair, train: Store) -> Vectors:
    """Reads the files that the recipe names, and says what they cover.

    Only tokens that a side's training text uses are looked for: of a joint vocabulary, a source file knows nothing
    about the target's words. Where one embedding serves both sides (`model.tie = "all"`) and both files have a token,
    the side that uses it more decides. Vectors of two languages make sense together only if they were aligned; one
    file, or files aligned, is for the user to choose.

    Raises:
        UserError: A file is missing or damaged, has vectors of another size, or has no token of the vocabulary.
    """
    names = _files(recipe)
    given, report = {}, {}
    used = {side: _counts(getattr(train, side), getattr(tokenizers, side)) for side in names}
    for side, counts in used.items():
        tokenizer, size = getattr(tokenizers, side), recipe.model.embedding_size
        given[side], report[side] = _read(Path(names[side]), tokenizer, counts, size)
        report[side]["frozen"] = recipe.model.freeze_vectors
    if recipe.model.tie == "all" and len(given) == 2:
        given = _divided(given, used)
    for side, told in report.items():
        console.say(f"{side} vectors: {_sentence(told)}")
    return Vectors(given, report, names)


def note(vectors: Vectors, run: RunFolder) -> None:
    """Notes beside the checkpoints what a training that goes on must know of its vectors; without any, nothing."""
    from safetensors.numpy import save_file

    if not vectors.files:
        shutil.rmtree(_folder(run), ignore_errors=True)  # that of a start which was cut off before its first checkpoint
        return
    with whole_folder(_folder(run)) as folder:
        save_file({side: one.rows for side, one in vectors.given.items()}, folder / "rows.safetensors")
        write_json(folder / "report.json", dict(vectors.report))
        write_json(folder / "files.json", dict(vectors.files))


def noted(run: RunFolder) -> Vectors:
    """Returns what `note` noted: rows without their vectors, which the checkpoint has.

    Raises:
        UserError: It is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    from seq2seq.nn.pretrained import Pretrained

    folder = _folder(run)
    try:
        rows = load_file(folder / "rows.safetensors")
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"{folder / 'rows.safetensors'} cannot be read: {error}.", hint="Start again with --restart."
        ) from None
    given = {side: Pretrained(one) for side, one in rows.items()}
    return Vectors(given, read_json(folder / "report.json"), read_json(folder / "files.json"))


def _folder(run: RunFolder) -> Path:
    return run.checkpoints / "vectors"


def _read(path: Path, tokenizer: Tokenizer, counts: NDArray[np.int64], size: int) -> tuple[Pretrained, dict[str, Any]]:
    """Reads one side's file. Returns the vectors, scaled, and the report."""
    from seq2seq.nn.pretrained import Pretrained  # imports torch, which preparing needs not

    used = NUM_SPECIAL + np.flatnonzero(counts[NUM_SPECIAL:])
    tokens = dict(zip(used.tolist(), tokenizer.pieces(used.tolist()), strict=True))
    wanted = spellings(tokens, subwords=tokenizer.name == "sentencepiece")
    with console.Progress(f"reading {path.name}", unit="words") as progress:
        found = read_vectors(_watched(read_raw_lines(path), progress), wanted, size=size, name=str(path))
    if not len(found.tokens):
        raise UserError(
            f"{path} has no vector for any of the {len(used):,} tokens of the training text.",
            hint="Check that it is of this language, and that model.source_vectors and target_vectors are not swapped.",
        )
    vectors, factor = usual_spread(found.vectors)
    report = {
        "file": path.name,
        "words": found.num_words,
        "tokens": len(used),
        "covered": len(found.tokens),
        "vocabulary": round(len(found.tokens) / len(used), 4),
        "running_text": round(float(counts[found.tokens].sum() / counts.sum()), 4),
        "scaled_by": round(factor, 6),
    }
    return Pretrained(found.tokens, vectors), report


def _watched(lines: Iterable[bytes], progress: console.Progress) -> Iterator[bytes]:
    for number, line in enumerate(lines, start=1):
        if number % ROWS_AT_ONCE == 0:
            progress.update(number)
        yield line


def _counts(ids: Ids, tokenizer: Tokenizer) -> NDArray[np.int64]:
    """Returns how often each id stands in the training text."""
    size = tokenizer.vocabulary_size
    counts = np.zeros(size, np.int64)
    for begin in range(0, len(ids.lengths), ROWS_AT_ONCE):
        rows = range(begin, min(begin + ROWS_AT_ONCE, len(ids.lengths)))
        counts += np.bincount(np.concatenate([ids[row] for row in rows]), minlength=size)
    return counts


def _divided(given: Mapping[str, Pretrained], used: Mapping[str, NDArray[np.int64]]) -> dict[str, Pretrained]:
    """Leaves each row that both sides have a vector for to the side that uses it more; the target, if equally."""
    both = np.intersect1d(given["source"].rows, given["target"].rows)
    sources = both[used["source"][both] > used["target"][both]]
    losing = {"source": np.setdiff1d(both, sources), "target": sources}
    return {side: _without(one, losing[side]) for side, one in given.items()}


def _without(one: Pretrained, rows: NDArray[np.int64]) -> Pretrained:
    from seq2seq.nn.pretrained import Pretrained

    assert one.vectors is not None
    stays = ~np.isin(one.rows, rows)
    return Pretrained(one.rows[stays], one.vectors[stays])


def _sentence(told: Mapping[str, Any]) -> str:
    return (
        f"{told['covered']:,} of {told['tokens']:,} tokens ({told['vocabulary']:.1%}), {told['running_text']:.1%} of "
        f"the running text{', frozen' if told['frozen'] else ''}"
    )
