"""What `[data]` must say for its text to be found, split and cleaned as it says."""

from __future__ import annotations

import json
import math
import os
import re

from seq2seq.recipe.rules.problem import Problem, Rule
from seq2seq.recipe.schema import Corpus, Data, Recipe

_PHRASEBOOK = ("en", "fr")  # the languages of its source and its target
_TAG = re.compile(r"<[^\s<>]+>")
_NO_TAGS = ("<pad>", "<unk>", "<go>", "<eos>")  # what every vocabulary begins with


def _lines(recipe: Recipe) -> Problem | None:
    for name in ("development_lines", "test_lines"):
        lines = getattr(recipe.data, name)
        if lines and not 1 <= lines[0] <= lines[1]:
            return Problem(
                f"data.{name} = [{lines[0]}, {lines[1]}] is not a range of lines.",
                "Lines count from 1; give the first, then the last, both included.",
            )
    return None


def _lines_of_files(recipe: Recipe) -> Problem | None:
    for name in ("development", "test"):
        if getattr(recipe.data, f"{name}_lines") and not getattr(recipe.data, name):
            return Problem(
                f"data.{name}_lines says which lines of data.{name} to keep, and data.{name} names no file.",
                f"Name the file in data.{name}; or set data.{name}_size in place of data.{name}_lines.",
            )
    return None


def _tagged_split(recipe: Recipe) -> Problem | None:
    data = recipe.data
    tagged = next((corpus for corpus in data.corpora if corpus.tag), None)
    for name in ("development", "test"):
        if tagged is not None and not getattr(data, name) and getattr(data, f"{name}_size"):
            return Problem(
                f"data.{name}_size keeps pairs of all corpora from training, and one of them has the tag {tagged.tag}: "
                "a model would be judged by sources that nobody wrote.",
                f"Name a file of genuine pairs in data.{name}.",
            )
    return None


def _lines_apart(recipe: Recipe) -> Problem | None:
    data = recipe.data
    if {os.path.normpath(name) for name in data.development}.isdisjoint(os.path.normpath(name) for name in data.test):
        return None
    whole = (1, math.inf)  # of the file, where no range is given
    development, test = data.development_lines or whole, data.test_lines or whole
    if max(development[0], test[0]) <= min(development[1], test[1]):
        return Problem(
            "the lines of data.development and data.test overlap in the same file, so the test score would be that of "
            "sentences the model was chosen by.",
            "Choose two ranges that share no line: data.development_lines and data.test_lines.",
        )
    return None


def _places(recipe: Recipe) -> list[tuple[str, Data | Corpus]]:
    """Returns each section that says where text is, by its name."""
    corpora = enumerate(recipe.data.corpora, start=1)
    return [("data", recipe.data), *((f"data.corpora[{number}]", corpus) for number, corpus in corpora)]


def _columns(recipe: Recipe) -> Problem | None:
    for name, section in _places(recipe):
        source, target = section.columns
        if source < 0 or target < 0 or source == target:
            return Problem(
                f"{name}.columns = [{source}, {target}] does not name two columns.",
                "Columns count from 0; give the source's, then the target's.",
            )
        if section.columns != (0, 1) and section.reader.name != "tsv":
            return Problem(
                f"{name}.columns = [{source}, {target}] says which columns of a table hold the text, and "
                f'{name}.reader = "{section.reader.name}" reads none.',
                f'Leave out {name}.columns, or set {name}.reader = "tsv".',
            )
    return None


def _fields(recipe: Recipe) -> Problem | None:
    for name, section in _places(recipe):
        if section.fields and (len(section.fields) != 2 or section.fields[0] == section.fields[1]):
            return Problem(
                f"{name}.fields names {len(section.fields)} field(s) of JSON, and two different ones are needed.",
                "Give the source's field, then the target's; or leave the list empty where they are named by language.",
            )
        if section.fields and section.reader.name != "jsonl":
            return Problem(
                f"{name}.fields = {json.dumps(section.fields, ensure_ascii=False)} says which fields of JSON hold the "
                f'text, and {name}.reader = "{section.reader.name}" reads none.',
                f'Leave out {name}.fields, or set {name}.reader = "jsonl".',
            )
    return None


def _files(recipe: Recipe) -> Problem | None:
    takes = {2: "two files, the source and the target", 1: "one file", 0: "no files: it has its own"}
    for name, section in _places(recipe):
        wanted = {"aligned": 2, "tsv": 1, "jsonl": 1, "tmx": 1, "phrasebook": 0, "hub": 0}.get(section.reader.name)
        for key in ("train", "development", "test"):
            files = getattr(section, key, ())
            if wanted is not None and files and len(files) != wanted:
                return Problem(
                    f'{name}.{key} lists {len(files)} file(s), and {name}.reader = "{section.reader.name}" takes '
                    f"{takes[wanted]}.",
                    f"Correct the list, or choose another {name}.reader."
                    + (
                        " A dataset of the hub can be one of [[data.corpora]], beside sets of your own."
                        if section.reader.name == "hub"
                        else ""
                    ),
                )
    return None


def _corpora(recipe: Recipe) -> Problem | None:
    data = recipe.data
    if data.corpora and data.train:
        return Problem(
            "data.train and data.corpora both say what to train on.",
            "Leave out data.train, and make its files one of the [[data.corpora]].",
        )
    names = [corpus.name for corpus in data.corpora if corpus.name]
    for number, corpus in enumerate(data.corpora, start=1):
        if not corpus.train and corpus.reader.name not in ("hub", "phrasebook") and not corpus.hub:
            return Problem(
                f"data.corpora[{number}].train names no files.", f"Set data.corpora[{number}].train, or leave it out."
            )
        if names.count(corpus.name) > 1:
            return Problem(
                f'data.corpora[{number}].name = "{corpus.name}" is the name of another corpus too.',
                "Give each a name of its own, or none.",
            )
        if corpus.tag and (not _TAG.fullmatch(corpus.tag) or corpus.tag in _NO_TAGS):
            return Problem(
                f"data.corpora[{number}].tag = {json.dumps(corpus.tag, ensure_ascii=False)} is no tag.",
                "Give a word in angle brackets that is none of " + ", ".join(_NO_TAGS) + ", for instance <bt>.",
            )
    return None


def _phrasebook_languages(recipe: Recipe) -> Problem | None:
    data = recipe.data
    given = (data.source_language, data.target_language)
    bases = tuple(re.split("[-_]", code.lower())[0] for code in given)
    if bases == _PHRASEBOOK:
        return None
    other_way = f", and data.reverse = {'false' if data.reverse else 'true'}: the text is the other way round."
    for name, section in _places(recipe):
        if section.reader.name == "phrasebook":
            return Problem(
                f'{name}.reader = "phrasebook" gives "{_PHRASEBOOK[0]}" and "{_PHRASEBOOK[1]}", and '
                f'data.source_language and data.target_language are "{given[0]}" and "{given[1]}".',
                f'Set data.source_language = "{_PHRASEBOOK[0]}" and data.target_language = "{_PHRASEBOOK[1]}"'
                + (other_way if bases == _PHRASEBOOK[::-1] else ", or choose another reader."),
            )
    return None


def _phrasebook_sets(recipe: Recipe) -> Problem | None:
    data = recipe.data
    for name in ("development_size", "test_size"):
        size = getattr(data, name)
        if size and data.reader.name == "phrasebook":
            return Problem(
                f'data.{name} = {size} would split pairs off, and data.reader = "phrasebook" has sets of its own.',
                f"Set data.{name} = 0, or read files of your own.",
            )
    return None


def _untouched(recipe: Recipe) -> Problem | None:
    data = recipe.data
    if data.pretokenised:
        why = "data.pretokenised = true"
    elif data.unicode_form == "none":
        why = 'data.unicode_form = "none"'
    else:
        return None
    for name, changing, other in (
        ("quotes", "straight", "keep"),
        ("html_entities", "decode", "keep"),
        ("unicode_form", "NFKC", "NFC"),
    ):
        if getattr(data, name) == changing:
            return Problem(
                f'data.{name} = "{changing}" changes the text, and with {why} it passes untouched.',
                f'Set data.{name} = "{other}", or leave out {why}.',
            )
    return None


def _hub_name(recipe: Recipe) -> Problem | None:
    for name, section in _places(recipe):
        if section.reader.name == "hub" and not section.hub:
            return Problem(f'{name}.reader = "hub" needs the name of a dataset.', f'Set {name}.hub = "owner/dataset".')
    return None


DATA_RULES: tuple[Rule, ...] = (
    _lines,
    _lines_of_files,
    _tagged_split,
    _lines_apart,
    _columns,
    _fields,
    _files,
    _corpora,
    _phrasebook_languages,
    _phrasebook_sets,
    _untouched,
    _hub_name,
)
