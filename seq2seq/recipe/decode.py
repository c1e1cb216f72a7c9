"""From a plain table (parsed TOML) to a checked `Recipe`, and back.

Each setting is converted on its own, so an error can name the section, the key, the value found and what is allowed.
Members of families are checked against the registry, which imports none of them: a wrong recipe is refused before
torch is loaded.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import inspect, structs

from seq2seq.errors import UserError, nearest
from seq2seq.recipe.rules import check_rules
from seq2seq.recipe.schema import Choice, Recipe, Section
from seq2seq.registry import (
    ATTENTIONS,
    CELLS,
    FILTERS,
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
    "text.tokenizer": TOKENIZERS,
    "model.cell": CELLS,
    "model.attention": ATTENTIONS,
    "model.wiring": WIRINGS,
    "training.schedule.shape": SCHEDULES,
    "search.name": SEARCHES,
    "evaluation.metrics": METRICS,
}

SectionT = TypeVar("SectionT", bound=Section)


def recipe_from_table(table: Mapping[str, Any], *, where: str, rules: bool = True) -> Recipe:
    """Returns the recipe that `table` describes, every default and every member's settings filled in.

    Args:
        table: Nested, as `tomllib` returns it.
        where: What an error names first: a file, or an assignment.
        rules: Whether the rules between settings are checked too.

    Raises:
        UserError: A section, key, value or member is wrong, or two settings contradict each other.
    """
    recipe = _section(Recipe, table, "", where)
    if rules:
        check_rules(recipe, where=where)
    return recipe


def table_from_recipe(recipe: Recipe) -> dict[str, Any]:
    """Returns `recipe` as nested tables with every value written out; `recipe_from_table` reverses it."""
    return _plain_section(recipe, "")


def complete(recipe: Recipe) -> Recipe:
    """Returns `recipe` with the settings of every chosen member filled in, as a loaded one has them."""
    return recipe_from_table(table_from_recipe(recipe), where="recipe", rules=False)


def field_type(trail: str) -> Any:  # noqa: ANN401 - a type annotation, whatever it is
    """Returns the declared type of the setting at `trail` ("model.dropout"), or None where there is no such setting."""
    kind: Any = Recipe
    for part in trail.split("."):
        fields = _fields(kind) if _is_section(kind) else {}
        if part not in fields:
            return None
        kind = fields[part]
    return kind


def is_section(trail: str) -> bool:
    """Whether `trail` names a section rather than one setting."""
    return _is_section(field_type(trail))


def is_choice(trail: str) -> bool:
    """Whether `trail` names a setting that holds one member of a family."""
    return field_type(trail) is Choice


def keys_at(trail: str) -> list[str]:
    """Returns the keys of the section at `trail`; "" is the top."""
    return list(_fields(field_type(trail) if trail else Recipe))


def _is_section(kind: Any) -> bool:  # noqa: ANN401
    return isinstance(kind, type) and issubclass(kind, Section)


def _fields(kind: Any) -> dict[str, Any]:  # noqa: ANN401
    return {field.name: field.type for field in structs.fields(kind)}


def _join(trail: str, key: str) -> str:
    return f"{trail}.{key}" if trail else key


def _section(kind: type[SectionT], table: object, trail: str, where: str) -> SectionT:
    if not isinstance(table, Mapping):
        raise UserError(
            f"{where}: {trail} is a section, not a value, and was given {show(table)}.",
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


def unknown_setting(key: str, trail: str, where: str) -> UserError:
    """Returns the error for an unknown key, which offers the section where that very key is known, or the nearest."""
    place = f"[{trail}]" if trail else "the top level"
    homes = [section for section in _all_sections() if key in keys_at(section) and not is_section(_join(section, key))]
    if homes:
        hint = f"{key!r} belongs to {' or '.join(f'[{home}]' for home in homes)}."
    elif key in keys_at(""):
        hint = f"{key!r} belongs to the top level, before the first section."
    else:
        hint = nearest(key, keys_at(trail))
    return UserError(f"{where}: {place} has no setting {key!r}.", hint=hint)


def _all_sections(trail: str = "") -> list[str]:
    found = []
    for key in keys_at(trail):
        inner = _join(trail, key)
        if is_section(inner):
            found += [inner, *_all_sections(inner)]
    return found


def _value(kind: Any, value: Any, trail: str, where: str) -> Any:  # noqa: ANN401
    info = inspect.type_info(kind)
    if kind is Choice:
        return _choice(value, trail, where)
    if isinstance(info, inspect.VarTupleType) and trail in FAMILY_OF and isinstance(value, list | tuple):
        if kind == tuple[Choice, ...]:
            return tuple(_choice(entry, trail, where) for entry in value)
        return tuple(_member_name(entry, trail, where) for entry in value)
    if trail in FAMILY_OF and isinstance(value, str) and not isinstance(info, inspect.VarTupleType):
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


def _refusal(value: object, trail: str, where: str, info: inspect.Type) -> UserError:
    section, _, key = trail.rpartition(".")
    place = f"[{section}] " if section else ""
    hint = ""
    if isinstance(info, inspect.LiteralType) and isinstance(value, str):
        hint = nearest(value, [str(allowed) for allowed in info.values])
        hint = "" if hint.startswith("Known") else hint  # the message already lists them
    return UserError(f"{where}: {place}{key} must be {_allowed(info)}, not {show(value)}.", hint=hint)


def _choice(value: object, trail: str, where: str) -> Choice:
    family = FAMILY_OF[trail]
    settings: dict[str, Any] = {}
    name = value
    if isinstance(value, Mapping):
        settings = {str(key): entry for key, entry in value.items() if key != "name"}
        name = value.get("name")
        if name is None:
            raise UserError(
                f"{where}: {trail} = {show(value)} does not say which {family.kind} it is.",
                hint=f'Write for instance {{ name = "{next(iter(family))}" }}. Known: {", ".join(family)}.',
            )
    _member_name(name, trail, where)
    assert isinstance(name, str)
    defaults = family.member(name).settings
    for key, given in settings.items():
        # A bool is an int to Python; to a person `heads = true` is a slip.
        if isinstance(given, bool) and key in defaults and not isinstance(defaults[key], bool):
            raise UserError(f"{where}: {trail}.{key} must be like {show(defaults[key])}, not {show(given)}.")
    try:
        filled = family.settings(name, settings)
    except UserError as error:
        raise UserError(f"{where}: {trail}: {error.message}", hint=error.hint) from None
    return Choice(name, {key: _like(defaults[key], entry) for key, entry in filled.items()})


def _like(default: Setting, value: Setting) -> Setting:
    return float(value) if isinstance(default, float) else value


def _member_name(name: object, trail: str, where: str) -> str:
    family = FAMILY_OF[trail]
    if not isinstance(name, str):
        raise UserError(
            f"{where}: {trail} must be the name of a {family.kind}, not {show(name)}.",
            hint=f"Known: {', '.join(family)}.",
        )
    if name not in family:
        raise UserError(
            f"{where}: {trail} = {show(name)}: there is no {family.kind} of that name.",
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
    parts = []
    if info.ge is not None:
        parts.append(f"at least {info.ge:g}")
    if info.gt is not None:
        parts.append(f"above {info.gt:g}")
    if info.le is not None:
        parts.append(f"at most {info.le:g}")
    if info.lt is not None:
        parts.append(f"below {info.lt:g}")
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
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    return value


def _plain_section(section: Section, trail: str) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for key in _fields(type(section)):
        value = getattr(section, key)
        table[key] = _plain_section(value, _join(trail, key)) if isinstance(value, Section) else _plain(value)
    return table
