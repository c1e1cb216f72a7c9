"""Where a model goes wrong on its test sets: asked with its training text where that is kept, and as a page."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seq2seq.bundle import Bundle, run_around
from seq2seq.data.store import ROWS_A_CHUNK, Store
from seq2seq.errors import UserError
from seq2seq.evaluation.diagnosis.diagnose import FLAGS, Diagnosis, diagnose
from seq2seq.evaluation.worst import Sentence, lowest
from seq2seq.pipeline.prepare.sources import languages
from seq2seq.plots.page import Examined, Map, Page, write_page
from seq2seq.recipe.schema import Evaluation, Search
from seq2seq.translator import Translator

if TYPE_CHECKING:
    from seq2seq.pipeline.evaluate.evaluate import Result

Diagnoser = Callable[[Sequence[Sentence]], Diagnosis]
MOST_COUNTED = 300_000
"""Training pairs in which words are counted, at most: some seconds of work. Of more, evenly spread ones."""
MAPS_OF_THE_WORST = 12
MAPS_A_FLAG = 3
LONGEST_MAP = 80
"""Tokens of a side that an attention map shows: a larger one cannot be read."""


def diagnoser(bundle: Bundle, rules: Evaluation) -> Diagnoser:
    """Returns what finds out where a model goes wrong; words are counted in its run's training text, if it is there.

    Args:
        bundle: The model.
        rules: How the target language is scored.
    """
    pair = languages(bundle.recipe.data)

    def found(sentences: Sequence[Sentence]) -> Diagnosis:
        training, whole = training_pairs(bundle)
        return diagnose(
            sentences, training, whole=whole, languages=pair, tokenize=rules.tokenize, lowercase=rules.lowercase
        )

    return found


def training_pairs(bundle: Bundle) -> tuple[Iterator[tuple[str, str]] | None, bool]:
    """Returns the training pairs of a bundle's run, at most `MOST_COUNTED`, and whether these are all.

    None where the run is not there.
    """
    run = run_around(bundle.path)
    path = run.split("train") if run is not None else None
    if path is None or not path.is_file():
        return None, False
    try:
        store = Store(path)
    except (UserError, ImportError):  # what is only a comparison must not keep scores from being shown
        return None, False
    chunks: Sequence[int] = range(0, len(store), ROWS_A_CHUNK)
    wanted = max(1, MOST_COUNTED // ROWS_A_CHUNK)
    if len(chunks) <= wanted:
        return _chunks(store, chunks), True
    return _chunks(store, [chunks[i * len(chunks) // wanted] for i in range(wanted)]), False


def _chunks(store: Store, firsts: Sequence[int]) -> Iterator[tuple[str, str]]:
    """Goes through the chunks of a split that begin with the rows `firsts`."""
    for first in firsts:
        rows = store.texts_between(first, min(len(store), first + ROWS_A_CHUNK))
        yield from ((source, target) for _, source, target in rows)


def check_page(path: Path) -> None:
    """Refuses a path that no page can be written to, before the work and not after it.

    Raises:
        UserError: It is a folder, below something that is none, or in one that may not be written to.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder.", hint="Give --html the name of a file, for instance page.html.")
    parent = next(above for above in path.absolute().parents if above.exists())
    if not parent.is_dir():
        raise UserError(f"{path} cannot be written: {parent} is not a folder.", hint="Give --html another place.")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise UserError(f"{path} cannot be written: you may not write there.", hint="Give --html another place.")


def write_diagnosis(
    path: Path, bundle: Bundle, results: Sequence[Result], translator: Translator, settings: Search
) -> None:
    """Writes one page that shows all results, whole, with attention maps of the worst and of some flagged sentences.

    Args:
        path: The HTML file.
        bundle: The model.
        results: Its results, diagnosed.
        translator: The model, for the maps.
        settings: How it searched.

    Raises:
        UserError: The file cannot be written.
    """
    tests = [
        Examined(result.name, result.scores, result.sentences, result.diagnosis, _maps(result, translator, settings))
        for result in results
        if result.diagnosis is not None
    ]
    place = bundle.path.absolute()  # "." has no name
    name = place.parent.name if place.name == "bundle" else place.name
    found = {f"{key}": f"{value}" for key, value in results[0].settings.items()}
    write_page(path, Page(name, languages(bundle.recipe.data), found, tests))


def _maps(result: Result, translator: Translator, settings: Search) -> dict[int, Map]:
    """Returns the attention maps of some sentences by line; none of those that were translated in parts."""
    chosen = {sentence.line for sentence in lowest(result.sentences, MAPS_OF_THE_WORST)}
    if result.diagnosis is not None:
        chosen.update(line for flag in FLAGS for line in result.diagnosis.lines[flag.name][:MAPS_A_FLAG])
    lines = sorted(chosen)
    sources = [result.sentences[line - 1].source for line in lines]
    maps = {}
    translations = translator.translate_stream(sources, settings, attention=True)
    for line, translation in zip(lines, translations, strict=True):
        tokens, attention = translation.tokens, translation.attention
        # Sampling draws by a line's place, and may say something else this time: its map would be another sentence's.
        same = translation.text == result.sentences[line - 1].hypothesis
        if attention is not None and same and max(len(tokens), len(translation.source_tokens)) <= LONGEST_MAP:
            maps[line] = Map(translation.source_tokens, tokens, attention.tolist())
    return maps
