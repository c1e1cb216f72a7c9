"""No recipe needed: looking at a person's own files and choosing every setting from them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count, islice
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace

from seq2seq import console
from seq2seq.corpus.filters import count_words
from seq2seq.corpus.pair import Pair
from seq2seq.corpus.reader import num_pairs
from seq2seq.corpus.readers import jsonl, tmx
from seq2seq.corpus.readers.hub import Hub
from seq2seq.errors import UserError
from seq2seq.pipeline.prepare.sampled import has_both_sides, sampled
from seq2seq.pipeline.prepare.sources import HUB_SPLITS, languages, open_sources
from seq2seq.recipe.languages import guess_languages, is_known, script_of
from seq2seq.recipe.languages import script as script_name
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.presets import Preset, choose
from seq2seq.recipe.schema import Choice, Data, Recipe, Schedule, Training
from seq2seq.registry import READERS
from seq2seq.text.subwords import characters_needed

FILES_REASON = "Your own files."
_FIELDS = ("id", "no", "is", "to", "so")  # codes of languages, and names of fields
ROWS_TRIED = 1000  # of a split, which may be there without its translations


class Measured(NamedTuple):
    """A corpus in numbers.

    Attributes:
        num_pairs: Pairs with text on both sides.
        average_words: Words of a target sentence, on average.
        source_script: What most of the source text is written in; empty without letters.
        target_script: Likewise.
        characters: How many a vocabulary must have ids for, each its own, to write nearly all of the text.
        num_read: All pairs.
    """

    num_pairs: int
    average_words: float
    source_script: str
    target_script: str
    characters: int
    num_read: int


def choose_for_files(
    source: Path,
    target: Path | None,
    *,
    name: str,
    from_language: str = "",
    into_language: str = "",
    minutes: float | None = None,
    reverse: bool = False,
    reader: str = "",
    pretokenised: bool = False,
    settings: Iterable[str] = (),
    speed: Callable[[Recipe, float], float] | None = None,
) -> Preset:
    """Returns settings for two aligned files, or for one file with both languages where `target` is None.

    Args:
        source: The source sentences, or the one file.
        target: Their translations, line by line.
        name: What the run is called.
        from_language: Code of the source language; empty: chosen as by `choose_pair`.
        into_language: Code of the target language; likewise.
        minutes: A time budget for training.
        reverse: Whether to translate from the target file's language into the source file's.
        reader: What reads the file or files; empty: "aligned" or "tsv".
        pretokenised: Whether the text is tokenised already.
        settings: What a person set, as for `choose_for`; likewise `speed`.
        speed: How many target tokens a second this machine trains a network on.

    Raises:
        UserError: A file is wrong, or holds too few pairs.
    """
    reader = reader or ("aligned" if target else "tsv")
    codes = choose_pair(reader, source, target, given=(from_language, into_language))
    data = Data(
        reader=Choice(reader),
        train=(str(source), str(target)) if target else (str(source),),
        source_language=codes[0],
        target_language=codes[1],
        reverse=reverse,
        pretokenised=pretokenised,
    )
    return choose_for(data, None, name=name, minutes=minutes, settings=settings, speed=speed)


def choose_pair(
    reader: str, source: Path, target: Path | None = None, *, given: tuple[str, str] = ("", "")
) -> tuple[str, str]:
    """Returns the codes of a corpus's languages: as given, else by what is in its file, else by the files' names.

    Two fields of JSON that are named by languages tell them, and so does a translation memory in two languages.

    Args:
        reader: What reads it.
        source: The source sentences, or the one file.
        target: Their translations.
        given: Codes that a person gave; empty ones are chosen.

    Returns:
        "source" and "target" where nothing tells.

    Raises:
        UserError: The file is wrong, a translation memory does not tell which two of its languages are meant, or the
            files' names say the opposite of what is given, or that it would be translated into itself.
    """
    guessed = guess_languages(source, target)
    if all(given):
        _check_names(source, target, given, guessed)
        return given
    inside = _languages_inside(reader, source)
    if len(inside) == 2 and set(guessed) != set(inside):
        guessed = (inside[0], inside[1])
    if inside and given in ((guessed[1], ""), ("", guessed[0])):  # one is named, and the other is not itself again
        return guessed[1], guessed[0]
    if reader == "tmx" and len(inside) != 2 and guessed == ("source", "target"):
        raise UserError(
            f"{source} does not tell which two languages to read; its languages are: {', '.join(inside) or 'none'}.",
            hint="Name them, for instance: --from en --into de",
        )
    found = given[0] or guessed[0], given[1] or guessed[1]
    if found[0] == found[1] and any(given) and guessed[0] != guessed[1]:
        raise UserError(
            f"That would translate from {found[0]!r} into itself: the names say {guessed[0]!r} to {guessed[1]!r}.",
            hint=f"Give both: --from {guessed[0]} --into {guessed[1]}; --reverse then turns it round.",
        )
    return found


def _check_names(source: Path, target: Path | None, given: tuple[str, str], named: tuple[str, str]) -> None:
    """Refuses two files given the wrong way round, which would train without complaint, into the other language."""
    if target is not None and given[0] != given[1] and given == named[::-1]:
        raise UserError(
            f"The languages do not match the files: {source.name} is given as {given[0]!r}, and {target.name} as "
            f"{given[1]!r}.",
            hint=f"Swap --source and --target, or give --from {named[0]} --into {named[1]}; with --reverse it then "
            "translates the other way.",
        )


def _check_scripts(data: Data, measured: Measured) -> None:
    """Refuses sides whose letters are each other's; where one alone is unlike its language, that may be a spelling."""
    said = tuple(script_name(code) if is_known(code) else "" for code in languages(data))
    seen = (measured.source_script, measured.target_script)
    if all(said) and said[0] != said[1] and said == seen[::-1]:
        raise UserError(
            f"The languages do not match the text: the source is said to be {languages(data)[0]!r} and its letters are "
            f"mostly {seen[0]}, the target is said to be {languages(data)[1]!r} and its letters are mostly {seen[1]}.",
            hint="The sides are swapped: exchange --source and --target, or --from and --into.",
        )


def _languages_inside(reader: str, path: Path) -> list[str]:
    """Returns the codes of languages that a file names within; of variants only the language, where that tells."""
    if reader == "jsonl":
        names = jsonl.languages_of(path)
        known = [name for name in names if is_known(name)]
        if len(known) == 2 == len(names):
            return known
        return [name for name in known if name not in _FIELDS]  # beside others it is no language
    if reader == "tmx":
        codes = tmx.languages_of(path)
        bases = [re.split("[-_]", code.lower())[0] for code in codes]
        return bases if len(set(bases)) == len(bases) else codes
    return []


def choose_for(
    data: Data,
    folder: Path | None,
    *,
    name: str,
    minutes: float | None = None,
    settings: Iterable[str] = (),
    speed: Callable[[Recipe, float], float] | None = None,
) -> Preset:
    """Returns settings for any corpus that `data` describes, chosen by its size.

    Args:
        data: The corpus.
        folder: Where its files are; as for `open_sources`.
        name: What the run is called.
        minutes: A time budget for training.
        settings: Assignments that a person made. Those of [data] say how to read the corpus, so they count here
            already; sizes of sets are as chosen, the warm-up suits the updates that are asked for, and all others are
            for `apply_overrides` on the result.
        speed: How many target tokens a second this machine trains a network on; it is asked where there is a time
            budget, which is then used as well as it can be.

    Raises:
        UserError: A file or an assignment is wrong, or there are too few pairs.
    """
    settings = list(settings)
    of_data = [assignment for assignment in settings if assignment.strip().startswith("data.")]
    data = apply_overrides(Recipe(data=data), of_data).data
    reader = open_sources(data, folder).train
    measured = measure(reader(), total=num_pairs(reader))
    _check_scripts(data, measured)
    source_language, target_language = languages(data)
    preset = choose(
        measured.num_pairs,
        average_words=measured.average_words,
        source_language=source_language,
        target_language=target_language,
        source_script=measured.source_script,
        target_script=measured.target_script,
        characters=measured.characters,
        own_sets=own_sets(data, folder),
        minutes=minutes,
        speed=speed,
        **asked(settings, "max_updates", "max_epochs", "batch_tokens", "accumulate"),
        ruled_out=ruled_out(settings),
    )
    own = preset.recipe.data
    chosen = replace(data, development_size=own.development_size, test_size=own.test_size)
    reasons = {**preset.reasons, "data.train": FILES_REASON}
    if data.reverse:
        reasons |= {
            "data.source_language": "The language of the source file, which data.reverse translates into.",
            "data.target_language": "The language of the target file, which data.reverse translates from.",
        }
    found = Preset(replace(preset.recipe, name=name, data=chosen), reasons, measured.num_read)
    return as_pretokenised(found) if data.pretokenised else found


def ruled_out(settings: Sequence[str]) -> set[str]:
    """Returns what a preset must not choose beside the settings of a person, who else would be told to undo it."""
    told = [one for one in settings if one.strip().startswith(("model.attention", "training.truncate"))]
    recipe = apply_overrides(Recipe(), told, rules=False)
    found = set()
    if recipe.model.attention.name == "none":
        found |= {"model.lexical", "training.guided_attention"}
    if recipe.training.truncate:
        found.add("training.guided_attention")
    return found


def asked(settings: Sequence[str], *names: str) -> dict[str, Any]:
    """Returns what a person said of some settings of [training], which other choices follow from.

    Raises:
        UserError: One of them cannot be.
    """
    found = {}
    any_length = Recipe(training=Training(minutes=1.0, schedule=Schedule(warmup_updates=0)))  # none is too short for it
    for name in names:
        told = [one for one in settings if one.partition("=")[0].strip() == f"training.{name}"]
        if told:
            found[name] = getattr(apply_overrides(any_length, told).training, name)
    return found


def as_pretokenised(preset: Preset) -> Preset:
    """Returns the settings for text that is tokenised already: it passes untouched, and is scored by its own tokens."""
    recipe = preset.recipe
    data, evaluation = replace(recipe.data, pretokenised=True), replace(recipe.evaluation, tokenize="none")
    reasons = {
        **preset.reasons,
        "data.pretokenised": "You said so: the text passes untouched, and its tokens stand between spaces.",
        "evaluation.tokenize": "The text is tokenised already, so its own tokens are what is scored.",
    }
    return Preset(replace(recipe, data=data, evaluation=evaluation), reasons, preset.num_read)


def own_sets(data: Data, folder: Path | None) -> list[str]:
    """Returns which of "development" and "test" there are already: a file is given, or a dataset of the hub has it.

    Raises:
        UserError: The dataset cannot be read.
    """
    if data.reader.name != "hub":
        return [name for name in ("development", "test") if getattr(data, name)]
    pair = {"source_language": data.source_language, "target_language": data.target_language, "folder": folder}
    readers = {name: READERS.load("hub")(data.hub, HUB_SPLITS[name], **pair) for name in ("development", "test")}
    splits = readers["test"].splits()
    return [name for name, reader in readers.items() if reader.split in splits and _has_text(reader)]


def _has_text(reader: Hub) -> bool:
    return any(has_both_sides(pair) for pair in islice(reader.rows(), ROWS_TRIED))


def measure(pairs: Iterator[Pair], *, total: int | None = None) -> Measured:
    """Returns what the choice of settings needs to know of a corpus, read once from the first pair to the last.

    Args:
        pairs: All of them.
        total: How many there are; None: not known.
    """
    counted = num_words = 0
    read = count()
    source_characters: Counter[str] = Counter()
    target_characters: Counter[str] = Counter()
    with console.Progress("counting", total, unit="pairs") as progress:
        for pair, is_sampled in sampled((pair for pair, _ in zip(pairs, read, strict=False)), progress):
            counted += 1
            num_words += count_words(pair.target)
            if is_sampled:
                source_characters.update(pair.source)
                target_characters.update(pair.target)
    scripts = script_of(source_characters), script_of(target_characters)
    # One vocabulary for both sides where they share a script, else one for each, of one size.
    together = [source_characters + target_characters] if scripts[0] == scripts[1] else []
    needed = max(map(characters_needed, together or (source_characters, target_characters)))
    return Measured(counted, num_words / max(1, counted), *scripts, characters=needed, num_read=next(read))
