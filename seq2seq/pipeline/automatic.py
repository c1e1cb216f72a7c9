"""No recipe needed: looking at a person's own files and choosing every setting from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from seq2seq import console
from seq2seq.corpus.filters import count_words
from seq2seq.corpus.pair import Pair
from seq2seq.corpus.reader import Reader
from seq2seq.pipeline.sources import HUB_SPLITS, languages, open_sources
from seq2seq.recipe.languages import guess_languages, script_of
from seq2seq.recipe.presets import Preset, choose
from seq2seq.recipe.schema import Choice, Data
from seq2seq.registry import READERS

FILES_REASON = "Your own files."
PROGRESS_EVERY = 10_000
FIRST_SAMPLED = 1000  # pairs in a row by which the scripts are told,
SAMPLE_EVERY = 100  # and one in so many of the rest
ROWS_TRIED = 1000  # of a split, which may be there without its translations


class Measured(NamedTuple):
    """A corpus in numbers.

    Attributes:
        num_pairs: Pairs with text on both sides.
        average_words: Words of a target sentence, on average.
        source_script: What most of the source text is written in; empty without letters.
        target_script: Likewise.
    """

    num_pairs: int
    average_words: float
    source_script: str
    target_script: str


def choose_for_files(
    source: Path,
    target: Path | None,
    *,
    name: str,
    from_language: str = "",
    into_language: str = "",
    minutes: float | None = None,
    reverse: bool = False,
) -> Preset:
    """Returns settings for two aligned files, or for one TSV where `target` is None.

    Args:
        source: The source sentences, or the TSV.
        target: Their translations, line by line.
        name: What the run is called.
        from_language: Code of the source language; empty: guessed from the file names.
        into_language: Code of the target language; likewise.
        minutes: A time budget for training.
        reverse: Whether to translate from the target file's language into the source file's.

    Raises:
        UserError: A file is wrong, or holds too few pairs.
    """
    guessed = guess_languages(source, target)
    data = Data(
        reader=Choice("aligned" if target else "tsv"),
        train=(str(source), str(target)) if target else (str(source),),
        source_language=from_language or guessed[0],
        target_language=into_language or guessed[1],
        reverse=reverse,
    )
    return choose_for(data, None, name=name, minutes=minutes)


def choose_for(data: Data, folder: Path | None, *, name: str, minutes: float | None = None) -> Preset:
    """Returns settings for any corpus that `data` describes, chosen by its size."""
    measured = measure(open_sources(data, folder).train())
    source_language, target_language = languages(data)
    preset = choose(
        measured.num_pairs,
        average_words=measured.average_words,
        source_language=source_language,
        target_language=target_language,
        source_script=measured.source_script,
        target_script=measured.target_script,
        own_sets=own_sets(data, folder),
        minutes=minutes,
    )
    chosen = replace(
        preset.recipe.data,
        reader=data.reader,
        hub=data.hub,
        train=data.train,
        source_language=data.source_language,
        target_language=data.target_language,
        reverse=data.reverse,
    )
    reasons = {**preset.reasons, "data.train": FILES_REASON}
    if data.reverse:
        reasons |= {
            "data.source_language": "The language of the source file, which data.reverse translates into.",
            "data.target_language": "The language of the target file, which data.reverse translates from.",
        }
    return Preset(replace(preset.recipe, name=name, data=chosen), reasons)


def own_sets(data: Data, folder: Path | None) -> list[str]:
    """Returns which of "development" and "test" a dataset of the hub has itself; other corpora are their files.

    Raises:
        UserError: The dataset cannot be read.
    """
    if data.reader.name != "hub":
        return []
    pair = {"source_language": data.source_language, "target_language": data.target_language, "folder": folder}
    readers = {name: READERS.load("hub")(data.hub, HUB_SPLITS[name], **pair) for name in ("development", "test")}
    splits = readers["test"].splits()
    return [name for name, reader in readers.items() if reader.split in splits and _has_text(reader)]


def _has_text(reader: Reader) -> bool:
    return any(_is_pair(pair) for pair in islice(reader(), ROWS_TRIED))


def _is_pair(pair: Pair) -> bool:
    return bool(pair.source.strip() and pair.target.strip())


def measure(pairs: Iterator[Pair]) -> Measured:
    """Returns what the choice of settings needs to know of a corpus, read once from the first pair to the last."""
    num_pairs = num_words = 0
    source_characters: Counter[str] = Counter()
    target_characters: Counter[str] = Counter()
    with console.Progress("counting", unit="pairs") as progress:
        for pair in pairs:
            if _is_pair(pair):
                num_pairs += 1
                num_words += count_words(pair.target)
                if num_pairs <= FIRST_SAMPLED or num_pairs % SAMPLE_EVERY == 0:
                    source_characters.update(pair.source)
                    target_characters.update(pair.target)
                if num_pairs % PROGRESS_EVERY == 0:
                    progress.update(num_pairs)
    scripts = script_of(source_characters), script_of(target_characters)
    return Measured(num_pairs, num_words / max(1, num_pairs), *scripts)
