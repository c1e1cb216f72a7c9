"""What a recipe does differently from the defaults, and the reasons that stand beside it in its file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from seq2seq.recipe.decode import complete, is_section, table_from_recipe
from seq2seq.recipe.schema import Recipe

_HEADING = re.compile(r"\s*\[\s*([\w.-]+)\s*\]\s*(?:#.*)?$")
_SETTING = re.compile(r"\s*([\w-]+)\s*=")


def differences(recipe: Recipe) -> dict[str, tuple[Any, Any]]:
    """Returns the settings that have another value than the default, by "section.key": the value, and the default."""
    found: dict[str, tuple[Any, Any]] = {}
    _compare(table_from_recipe(complete(recipe)), table_from_recipe(complete(Recipe())), "", found)
    return found


def _compare(
    table: Mapping[str, Any], defaults: Mapping[str, Any], section: str, found: dict[str, tuple[Any, Any]]
) -> None:
    for key, value in table.items():
        trail = f"{section}.{key}" if section else key
        if is_section(trail):
            _compare(value, defaults[key], trail, found)
        elif value != defaults[key]:
            found[trail] = (value, defaults[key])


def reasons_in(text: str) -> dict[str, str]:
    """Returns the comment right above each setting of a recipe's file, on one line, by "section.key".

    That is where `dump_recipe` writes the reason of a value, and where people do.
    """
    found, section, comment = {}, "", []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            comment.append(line.strip().lstrip("# "))
            continue
        if heading := _HEADING.match(line):
            section = heading[1]
        elif (setting := _SETTING.match(line)) and comment:
            found[f"{section}.{setting[1]}" if section else setting[1]] = " ".join(comment)
        comment = []
    return found
