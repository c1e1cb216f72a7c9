"""How people's text is cleaned for a run whose own text was cleaned before: one that a model has written pairs for.

The text of such a run was filtered and rid of its duplicates when the run was prepared that it is made of, so its own
recipe does neither. What that run did is kept beside it, for new text that goes the same way: to be fine-tuned on, or
to be translated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from seq2seq.manifest import TrainingCorpus
from seq2seq.pipeline.prepare.turning import turned_filters
from seq2seq.recipe.decode import recipe_from_table, table_from_recipe
from seq2seq.recipe.schema import Choice, Data, Recipe

_KEYS: Final = ("filters", "deduplicate")
_LEFT: Final = ("empty",)


def already_cleaned(data: Data) -> Data:
    """Returns the settings for text that was cleaned before: what is empty stays out, and copies count."""
    return replace(data, filters=tuple(map(Choice, _LEFT)), deduplicate=False)


def told(data: Data) -> dict[str, Any]:
    """Returns how text was cleaned, ready for JSON."""
    table = table_from_recipe(Recipe(data=data))["data"]
    return {key: table[key] for key in _KEYS}


def turned(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what `told` gave, for the other direction."""
    data = recipe_from_table({"data": dict(facts)}, where="cleaning", rules=False).data
    return told(replace(data, filters=turned_filters(data.filters)))


def of_new_text(data: Data, corpora: Iterable[TrainingCorpus], noted: Mapping[str, Any] | None) -> Data:
    """Returns the settings for new text like that of a run.

    Args:
        data: The run's.
        corpora: What it trains on, with who wrote it.
        noted: How its text was cleaned, as `told` gave it. Older runs have None; where a model wrote part of their
            text, the new text is cleaned as is usual.
    """
    if tuple(one.name for one in data.filters) != _LEFT or data.deduplicate:
        return data
    if noted is not None:
        return _with(data, recipe_from_table({"data": dict(noted)}, where="cleaning", rules=False).data)
    return _with(data, Data()) if any(one.by for one in corpora) else data


def _with(data: Data, other: Data) -> Data:
    return replace(data, filters=other.filters, deduplicate=other.deduplicate)
