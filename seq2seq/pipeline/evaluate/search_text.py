"""A recipe's text with other settings in `[search]`, and everything else in it as a person wrote it."""

from __future__ import annotations

import json
import re
import textwrap
import tomllib
from collections.abc import Mapping
from typing import Any, Final

from seq2seq.recipe.decode import recipe_from_table, table_from_recipe
from seq2seq.recipe.schema import Recipe
from seq2seq.recipe.toml import dump_recipe

_HEADING: Final = re.compile(r"\s*\[")
_SEARCH: Final = re.compile(r"\s*\[\s*search\s*\]")
_WIDTH: Final = 100


def with_search(text: str, changes: Mapping[str, Any], *, reasons: Mapping[str, str], where: str) -> str:
    """Returns the text of a recipe with these values in its section `[search]`.

    Lines of these settings are replaced, and the comments right above them, which speak of the old values. Where a
    recipe is written in another way, so that this does not give what it should, all of it is written anew.

    Args:
        text: A recipe as TOML.
        changes: Value by key.
        reasons: Why, by key; written as comments.
        where: What an error names.

    Raises:
        UserError: The recipe is wrong, or would be.
    """
    table = table_from_recipe(recipe_from_table(tomllib.loads(text), where=where))
    table["search"] |= changes
    wanted = recipe_from_table(table, where=where)
    edited = _edited(text, changes, reasons)
    if _read(edited, where) == wanted:
        return edited
    return dump_recipe(wanted, {f"search.{key}": reason for key, reason in reasons.items()})


def _read(text: str, where: str) -> Recipe | None:
    try:
        return recipe_from_table(tomllib.loads(text), where=where)
    except tomllib.TOMLDecodeError:
        return None


def _edited(text: str, changes: Mapping[str, Any], reasons: Mapping[str, str]) -> str:
    lines = text.splitlines()
    begin = next((place for place, line in enumerate(lines) if _SEARCH.match(line)), None)
    if begin is None:
        lines += ["", "[search]"]
        begin = len(lines) - 1
    for key, value in changes.items():
        written = [
            *(f"# {line}" for line in textwrap.wrap(reasons.get(key, ""), _WIDTH)),
            f"{key} = {json.dumps(value)}",
        ]
        later = range(begin + 1, len(lines))
        end = next((place for place in later if _HEADING.match(lines[place])), len(lines))
        found = next((p for p in range(begin + 1, end) if re.match(rf"\s*{re.escape(key)}\s*=", lines[p])), None)
        if found is None:
            lines[begin + 1 : begin + 1] = written
            continue
        first = found
        while first > begin + 1 and lines[first - 1].lstrip().startswith("#"):
            first -= 1
        lines[first : found + 1] = written
    return "\n".join(lines) + "\n"
