"""Single settings changed from the command line: `section.key=value`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from typing import Any, Literal, get_args, get_origin

from seq2seq.errors import UserError
from seq2seq.recipe.decode import (
    FAMILY_OF,
    field_type,
    is_choice,
    is_list_of_sections,
    is_section,
    recipe_from_table,
    table_from_recipe,
)
from seq2seq.recipe.decode import unknown_setting as _unknown
from seq2seq.recipe.place import Place
from seq2seq.recipe.schema import Recipe


def apply_overrides(recipe: Recipe, assignments: Iterable[str], *, rules: bool = True) -> Recipe:
    """Returns `recipe` with each assignment made, in order; the rules between settings are checked once, at the end.

    An assignment is `section.key=value`. The value is TOML, and anything that is not TOML is taken as plain text, so
    `model.attention=dot`, `training.minutes=40` and `data.train=["a.en", "a.fr"]` all do what they say. A setting of
    the chosen member of a family is reached through it: `model.attention.heads=8`.

    Args:
        recipe: The settings before.
        assignments: What to set.
        rules: Whether the rules between settings are checked; not where these are only some of a person's settings.

    Raises:
        UserError: An assignment is malformed, names what does not exist, or gives a value that is not allowed. The
            message starts with the whole assignment.
    """
    assignments = list(assignments)
    for assignment in assignments:
        where = f"--set {assignment}"
        table = table_from_recipe(recipe)
        trail, value = _parse(assignment, where)
        _assign(table, trail, value, where)
        recipe = recipe_from_table(table, where=where, rules=False)
    if not rules:
        return recipe
    together = " ".join(f"--set {assignment}" for assignment in assignments)
    return recipe_from_table(table_from_recipe(recipe), where=together or recipe.name)


def _parse(assignment: str, where: str) -> tuple[str, Any]:
    trail, equals, text = assignment.partition("=")
    trail, text = trail.strip(), text.strip()
    if not equals or not trail:
        raise UserError(
            f"{where}: this is not an assignment.", hint="Write section.key=value, for instance training.minutes=40."
        )
    value = _toml_value(text)
    if not isinstance(value, str) and _is_text(field_type(trail)):
        value = text  # name=2024 means the text, and so does text.case=true
    return trail, value


def _is_text(kind: Any) -> bool:  # noqa: ANN401 - a type annotation, whatever it is
    return kind is str or (get_origin(kind) is Literal and all(isinstance(one, str) for one in get_args(kind)))


def _toml_value(text: str) -> Any:  # noqa: ANN401 - whatever TOML holds
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):  # the latter: thousands of brackets
        return text
    # A line break in the text would start another key; then it was no value.
    return parsed["value"] if parsed.keys() == {"value"} else text


def _assign(table: dict[str, Any], trail: str, value: object, where: str) -> None:
    """Walks down to the section (or the chosen member of a family) and sets its last key."""
    *above, last = trail.split(".")
    here, walked = table, ""
    for part in above:
        inner = f"{walked}.{part}" if walked else part
        if not is_choice(walked) and part not in here:
            raise _list_of_sections(inner, where) or _unknown(part, walked, Place(where))
        if is_choice(inner):
            here[part] = _as_table(here[part])
        elif is_choice(walked) or not is_section(inner):
            raise _list_of_sections(inner, where) or UserError(
                f"{where}: {inner} is a single value, not a section.", hint=_whole_value(inner)
            )
        here, walked = here[part], inner
    if is_choice(walked):
        # Another member takes other settings; those of the old one would be refused. The registry checks the rest.
        if last == "name":
            here.clear()
    elif last not in here:
        inner = f"{walked}.{last}" if walked else last
        raise _list_of_sections(inner, where) or _unknown(last, walked, Place(where))
    here[last] = value


def _list_of_sections(trail: str, where: str) -> UserError | None:
    """Returns the error about one entry of a list of sections, named by its number or not."""
    name = trail.partition("[")[0]
    if not is_list_of_sections(name):
        return None
    return UserError(
        f"{where}: {name} is a list of sections, whose entries cannot be set one by one here.",
        hint=f"Set them in the recipe's file, one [[{name}]] for each.",
    )


def _as_table(choice: object) -> dict[str, Any]:
    return dict(choice) if isinstance(choice, dict) else {"name": choice}


def _whole_value(trail: str) -> str:
    if trail in FAMILY_OF:
        return f"Set the whole list: {trail}=[...], each entry a name or {{name = ..., key = ...}}."
    return f"Write {trail}=value."
