"""No recipe needed: looking at a person's own files and choosing every setting from them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from seq2seq import console
from seq2seq.corpus.filters import count_words
from seq2seq.corpus.pair import Pair
from seq2seq.pipeline.sources import languages, open_sources
from seq2seq.recipe.languages import guess_languages
from seq2seq.recipe.presets import Preset, choose
from seq2seq.recipe.schema import Choice, Data

FILES_REASON = "Your own files."
PROGRESS_EVERY = 10_000


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
    num_pairs, average_words = measure(open_sources(data, folder).train())
    source_language, target_language = languages(data)
    preset = choose(
        num_pairs,
        average_words=average_words,
        source_language=source_language,
        target_language=target_language,
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


def measure(pairs: Iterator[Pair]) -> tuple[int, float]:
    """Returns the number of pairs with text on both sides, and the average number of words of a target sentence."""
    num_pairs = num_words = 0
    with console.Progress("counting", unit="pairs") as progress:
        for pair in pairs:
            if pair.source.strip() and pair.target.strip():
                num_pairs += 1
                num_words += count_words(pair.target)
                if num_pairs % PROGRESS_EVERY == 0:
                    progress.update(num_pairs)
    return num_pairs, num_words / max(1, num_pairs)
