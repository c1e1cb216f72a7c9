"""Recipes as TOML files: read with the standard library, written with tomlkit so that each value carries its reason."""

from __future__ import annotations

import re
import textwrap
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seq2seq.errors import UserError
from seq2seq.recipe.decode import field_type, is_list_of_sections, is_section, recipe_from_table, table_from_recipe
from seq2seq.recipe.place import Place, lines_of
from seq2seq.recipe.schema import Recipe

if TYPE_CHECKING:
    from tomlkit import TOMLDocument
    from tomlkit.items import Table

_COMMENT_WIDTH = 100


def load_recipe(path: Path) -> Recipe:
    """Reads and checks a recipe; defaults and the settings of every chosen member are filled in.

    Raises:
        UserError: The file cannot be read, is not TOML, or breaks a rule; names the file and the line or setting.
    """
    text = _read(path)
    return recipe_from_table(_parsed(text, path), where=Place(str(path), lines_of(text)))


def dump_recipe(recipe: Recipe, reasons: Mapping[str, str] | None = None) -> str:
    """Returns `recipe` as TOML with every value written out; reading it back gives an equal recipe.

    Args:
        recipe: What to write.
        reasons: Why a setting has its value, by "section.key"; written as comments above it.

    Raises:
        ValueError: A reason is for a setting that does not exist.
    """
    import tomlkit

    reasons = reasons or {}
    for trail in reasons:
        if field_type(trail) is None or is_section(trail):
            raise ValueError(f"There is no setting {trail!r} to give a reason for.")
    document = tomlkit.document()
    # Completed first, so that a member's own settings are written out too.
    complete = recipe_from_table(table_from_recipe(recipe), where=recipe.name)
    _fill(document, table_from_recipe(complete), "", reasons)
    return document.as_string()


def _read(path: Path) -> str:
    try:
        # utf-8-sig: editors on Windows put a byte-order mark first, which TOML does not know.
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.", hint="Check the path.") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}, byte {error.start}: not UTF-8.", hint="Save the file as UTF-8.") from None


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        rule = str(error).partition(" (at ")[0]
        line = f", line {place[1]}, column {place[2]}" if place else ", at its end"
        raise UserError(
            f"{path}{line}: not valid TOML: {rule}.", hint='Text stands in quotes: key = "value"; lists in [ ].'
        ) from None
    except RecursionError:
        raise UserError(f"{path}: nested too deeply.", hint="No setting needs more than a few [ or { in one.") from None


def _fill(target: TOMLDocument | Table, table: Mapping[str, Any], trail: str, reasons: Mapping[str, str]) -> None:
    import tomlkit

    # Sections come last: what follows a section's heading, comments too, would belong to that section.
    for key, value in sorted(table.items(), key=lambda item: _has_heading(_join(trail, item[0]), item[1])):
        inner = _join(trail, key)
        if is_section(inner):
            section = tomlkit.table()
            _fill(section, value, inner, reasons)
            target.add(key, section)
            continue
        if _has_heading(inner, value):
            sections = tomlkit.aot()
            for number, entry in enumerate(value, start=1):
                section = tomlkit.table()
                _fill(section, entry, f"{inner}[{number}]", reasons)
                sections.append(section)
            target.add(key, sections)
            continue
        for line in _comment(reasons.get(inner, "")):
            target.add(tomlkit.comment(line))
        target.add(key, _item(value))


def _join(trail: str, key: str) -> str:
    return f"{trail}.{key}" if trail else key


def _has_heading(trail: str, value: object) -> bool:
    return is_section(trail) or (is_list_of_sections(trail) and bool(value))


def _comment(reason: str) -> list[str]:
    printable = "".join(character if character.isprintable() else " " for character in reason)
    return textwrap.wrap(printable, _COMMENT_WIDTH)


def _item(value: object) -> Any:  # noqa: ANN401 - one of tomlkit's items
    import tomlkit

    if isinstance(value, Mapping):
        inline = tomlkit.inline_table()
        inline.update({key: _item(entry) for key, entry in value.items()})
        return inline
    if isinstance(value, list):
        array = tomlkit.array()
        array.extend([_item(entry) for entry in value])
        return array
    return tomlkit.item(value)
