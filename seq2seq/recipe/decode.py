"""From a plain table (parsed TOML) to a checked `Recipe`, and back.

Each setting is converted on its own, so an error can name the section, the key, the value found and what is allowed.
Members of families are checked against the registry, which imports none of them: a wrong recipe is refused before
torch is loaded.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar, get_args, get_origin

import msgspec
from msgspec import inspect, structs

from seq2seq.errors import UserError, nearest
from seq2seq.recipe.place import Place
from seq2seq.recipe.rules.check import check_rules
from seq2seq.recipe.schema import Choice, Recipe, Section
from seq2seq.registry import (
    ATTENTIONS,
    CELLS,
    FILTERS,
    INITIALISATIONS,
    METRICS,
    READERS,
    SCHEDULES,
    SEARCHES,
    TOKENIZERS,
    WIRINGS,
    Family,
    Setting,
)

NONE = "none"  # TOML has no null: a setting that may be absent is written so

# Which family a setting takes its members from.
FAMILY_OF: Mapping[str, Family] = {
    "data.reader": READERS,
    "data.filters": FILTERS,
    "data.corpora.reader": READERS,
    "text.tokenizer": TOKENIZERS,
    "model.cell": CELLS,
    "model.encoder_cells": CELLS,
    "model.decoder_cells": CELLS,
    "model.initialisation": INITIALISATIONS,
    "model.attention": ATTENTIONS,
    "model.wiring": WIRINGS,
    "training.schedule.shape": SCHEDULES,
    "search.name": SEARCHES,
    "evaluation.metrics": METRICS,
}

SectionT = TypeVar("SectionT", bound=Section)
_INDEX = re.compile(r"\[\d+\]")


def recipe_from_table(table: Mapping[str, Any], *, where: str | Place, rules: bool = True) -> Recipe:
    """Returns the recipe that `table` describes, every default and every member's settings filled in.

    Args:
        table: Nested, as `tomllib` returns it.
        where: What an error names first: a file (with the lines of its settings), or an assignment.
        rules: Whether the rules between settings are checked too.

    Raises:
        UserError: A section, key, value or member is wrong, or two settings contradict each other.
    """
    where = where if isinstance(where, Place) else Place(where)
    recipe = _section(Recipe, table, "", where)
    if rules:
        check_rules(recipe, where=where)
    return recipe


def table_from_recipe(recipe: Recipe) -> dict[str, Any]:
    """Returns `recipe` as nested tables with every value written out; `recipe_from_table` reverses it."""
    return _plain_section(recipe)


def complete(recipe: Recipe) -> Recipe:
    """Returns `recipe` with the settings of every chosen member filled in, as a loaded one has them."""
    return recipe_from_table(table_from_recipe(recipe), where="recipe", rules=False)


def field_type(trail: str) -> Any:  # noqa: ANN401 - a type annotation, whatever it is
    """Returns the declared type of the setting at `trail` ("model.dropout"), or None where there is no such setting.

    One entry of a list of sections is reached by its number, from 1: "data.corpora[2].weight".
    """
    kind: Any = Recipe
    for part in trail.split("."):
        fields = _fields(kind) if _is_section(kind) else {}
        name = _INDEX.sub("", part)
        if name not in fields:
            return None
        kind = fields[name]
        if name != part:
            kind = _entry_section(kind)
    return kind


def family_of(trail: str) -> Family | None:
    """Returns the family that the setting at `trail` takes its member or members from, if it does."""
    return FAMILY_OF.get(_INDEX.sub("", trail))


def is_section(trail: str) -> bool:
    """Whether `trail` names a section rather than one setting."""
    return _is_section(field_type(trail))


def is_list_of_sections(trail: str) -> bool:
    """Whether `trail` names a list whose entries are sections, each under its own `[[heading]]`."""
    return _entry_section(field_type(trail)) is not None


def is_choice(trail: str) -> bool:
    """Whether `trail` names a setting that holds one member of a family."""
    return field_type(trail) is Choice


def keys_at(trail: str) -> list[str]:
    """Returns the keys of the section at `trail`; "" is the top."""
    return list(_fields(field_type(trail) if trail else Recipe))


def _is_section(kind: Any) -> bool:  # noqa: ANN401
    return isinstance(kind, type) and issubclass(kind, Section)


def _entry_section(kind: Any) -> Any:  # noqa: ANN401
    """Returns the section that each entry of a list of this type is, or None."""
    entries = get_args(kind) if get_origin(kind) is tuple else ()
    return entries[0] if len(entries) == 2 and entries[1] is Ellipsis and _is_section(entries[0]) else None


@cache  # each look evaluates the annotations anew
def _fields(kind: Any) -> dict[str, Any]:  # noqa: ANN401
    return {field.name: field.type for field in structs.fields(kind)}


def _join(trail: str, key: str) -> str:
    return f"{trail}.{key}" if trail else key


def _section(kind: type[SectionT], table: object, trail: str, where: Place) -> SectionT:
    if not isinstance(table, Mapping):
        raise UserError(
            f"{where.at(trail)}: {trail} is a section, not a value, and was given {show(table)}.",
            hint=f"Set one of its keys: {', '.join(keys_at(trail))}.",
        )
    fields = _fields(kind)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in fields:
            raise unknown_setting(key, trail, where)
        inner = _join(trail, key)
        if _is_section(fields[key]):
            values[key] = _section(fields[key], value, inner, where)
        else:
            values[key] = _value(fields[key], value, inner, where)
    for key in fields.keys() - values.keys():
        # Defaults too go through the registry: the settings of a default member are filled in like any other's.
        default = getattr(kind(), key)
        inner = _join(trail, key)
        if isinstance(default, Section):
            values[key] = _section(type(default), {}, inner, where)
        else:
            values[key] = _value(fields[key], _plain(default), inner, where)
    return kind(**values)


def unknown_setting(key: str, trail: str, where: Place) -> UserError:
    """Returns the error for an unknown key, which offers the section where that very key is known, or the nearest."""
    place = _heading(trail) if trail else "the top level"
    homes = [section for section in _all_sections() if key in keys_at(section) and not is_section(_join(section, key))]
    if homes:
        hint = f"{key!r} belongs to {' or '.join(_heading(home) for home in homes)}."
    elif key in keys_at(""):
        hint = f"{key!r} belongs to the top level, before the first section."
    else:
        hint = nearest(key, keys_at(trail))
    return UserError(f"{where.at(_join(trail, key))}: {place} has no setting {key!r}.", hint=hint)


def _heading(trail: str) -> str:
    return trail if trail.endswith("]") else f"[{trail}]"


def _all_sections(trail: str = "") -> list[str]:
    found = []
    for key in keys_at(trail):
        inner = _join(trail, key)
        if is_section(inner):
            found += [inner, *_all_sections(inner)]
    return found


def _value(kind: Any, value: Any, trail: str, where: Place) -> Any:  # noqa: ANN401
    info = inspect.type_info(kind)
    family, is_list = family_of(trail), isinstance(info, inspect.VarTupleType)
    if kind is Choice:
        return _choice(value, trail, where)
    if is_list and isinstance(value, list | tuple) and (family or is_list_of_sections(trail)):
        return tuple(_entry(kind, entry, trail, number, where) for number, entry in enumerate(value, start=1))
    if family and isinstance(value, str) and not is_list:
        return _member_name(value, trail, where)
    if value == NONE and _optional(info):
        return None
    try:
        converted = msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError:
        raise _refusal(value, trail, where, info) from None
    if isinstance(converted, float) and not math.isfinite(converted):
        raise _refusal(value, trail, where, info)
    return converted


def _entry(kind: Any, value: object, trail: str, number: int, where: Place) -> Any:  # noqa: ANN401
    """Returns one entry of a list of sections or of members of a family."""
    section = _entry_section(kind)
    if section is not None:
        return _section(section, value, f"{trail}[{number}]", where)
    if kind == tuple[Choice, ...]:
        return _choice(value, trail, where)
    return _member_name(value, trail, where)


def _refusal(value: object, trail: str, where: Place, info: inspect.Type) -> UserError:
    section, _, key = trail.rpartition(".")
    place = trail if section.endswith("]") else f"[{section}] {key}" if section else key
    if is_list_of_sections(trail):
        hint = f"Write one [[{trail}]] for each, with its settings below."
        return UserError(f"{where.at(trail)}: {trail} must be a list of sections, not {show(value)}.", hint=hint)
    family = family_of(trail)
    if family and isinstance(info, inspect.VarTupleType):
        form = "" if isinstance(info.item_type, inspect.StrType) else ", or { name = ... }"
        allowed = f"a list, each entry the name of a {family.kind}{form}"
        return UserError(f"{where.at(trail)}: {place} must be {allowed}, not {show(value)}.")
    hint = ""
    if isinstance(info, inspect.LiteralType) and isinstance(value, str):
        hint = nearest(value, [str(allowed) for allowed in info.values])
        hint = "" if hint.startswith("Known") else hint  # the message already lists them
    return UserError(f"{where.at(trail)}: {place} must be {_allowed(info)}, not {show(value)}.", hint=hint)


def _family(trail: str) -> Family:
    found = family_of(trail)
    assert found is not None
    return found


def _choice(value: object, trail: str, where: Place) -> Choice:
    family = _family(trail)
    settings: dict[str, Any] = {}
    name = value
    if isinstance(value, Mapping):
        settings = {str(key): entry for key, entry in value.items() if key != "name"}
        name = value.get("name")
        if name is None:
            raise UserError(
                f"{where.at(trail)}: {trail} = {show(value)} does not say which {family.kind} it is.",
                hint=f'Write for instance {{ name = "{next(iter(family))}" }}. Known: {", ".join(family)}.',
            )
    _member_name(name, trail, where)
    assert isinstance(name, str)
    defaults = family.member(name).settings
    for key, given in settings.items():
        # A bool is an int to Python; to a person `heads = true` is a slip.
        if isinstance(given, bool) and key in defaults and not isinstance(defaults[key], bool):
            raise UserError(f"{where.at(trail)}: {trail}.{key} must be like {show(defaults[key])}, not {show(given)}.")
    try:
        filled = family.settings(name, settings)
    except UserError as error:
        raise UserError(f"{where.at(trail)}: {trail}: {error.message}", hint=error.hint) from None
    for key, entry in filled.items():
        if isinstance(entry, float) and math.isnan(entry):
            raise UserError(f"{where.at(trail)}: {trail}.{key} must be a number, not {show(entry)}.")
    return Choice(name, {key: _like(defaults[key], entry) for key, entry in filled.items()})


def _like(default: Setting, value: Setting) -> Setting:
    return float(value) if isinstance(default, float) else value


def _member_name(name: object, trail: str, where: Place) -> str:
    family = _family(trail)
    if not isinstance(name, str):
        raise UserError(
            f"{where.at(trail)}: {trail} must be the name of a {family.kind}, not {show(name)}.",
            hint=f"Known: {', '.join(family)}.",
        )
    if name not in family:
        raise UserError(
            f"{where.at(trail)}: {trail} = {show(name)}: there is no {family.kind} of that name.",
            hint=nearest(name, list(family)),
        )
    return name


def _optional(info: inspect.Type) -> bool:
    return isinstance(info, inspect.UnionType) and any(isinstance(part, inspect.NoneType) for part in info.types)


def _allowed(info: inspect.Type) -> str:
    """Returns what a setting of this type may hold, in words."""
    words = "a value of another type"
    match info:
        case inspect.BoolType():
            words = "true or false"
        case inspect.StrType():
            words = "text in quotes"
        case inspect.IntType():
            words = "a whole number" + _bounds(info)
        case inspect.FloatType():
            words = "a number" + _bounds(info)
        case inspect.LiteralType():
            words = "one of " + ", ".join(show(value) for value in info.values)
        case inspect.VarTupleType():
            words = f"a list, each entry {_allowed(info.item_type)}"
        case inspect.TupleType():
            words = f"a list of {len(info.item_types)}, each entry {_allowed(info.item_types[0])}"
        case inspect.UnionType():
            parts = [part for part in info.types if not isinstance(part, inspect.NoneType)]
            words = f'{" or ".join(_allowed(part) for part in parts)}; or "{NONE}"'
    return words


def _bounds(info: inspect.IntType | inspect.FloatType) -> str:
    words = {"at least": info.ge, "above": info.gt, "at most": info.le, "below": info.lt}
    form = "d" if isinstance(info, inspect.IntType) else "g"
    parts = [f"{word} {bound:{form}}" for word, bound in words.items() if bound is not None]
    return f" ({' and '.join(parts)})" if parts else ""


def show(value: object) -> str:
    """Returns a value as a recipe would hold it, shortened where it is long."""
    if isinstance(value, Mapping):
        text = "{ " + ", ".join(f"{key} = {show(entry)}" for key, entry in value.items()) + " }"
    elif isinstance(value, float) and not math.isfinite(value):
        text = str(value)
    else:
        try:
            text = json.dumps(value, ensure_ascii=False)
        except TypeError:  # a date: TOML knows them, no setting takes one
            text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _plain(value: object) -> Any:  # noqa: ANN401
    if value is None:
        return NONE
    if isinstance(value, Choice):
        return {"name": value.name, **value.settings} if value.settings else value.name
    if isinstance(value, Section):
        return _plain_section(value)
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    return value


def _plain_section(section: Section) -> dict[str, Any]:
    return {key: _plain(getattr(section, key)) for key in _fields(type(section))}
