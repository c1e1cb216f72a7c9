"""docs/quality.md says of the presets what they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from seq2seq.recipe.presets import choose

DOCUMENT = (Path(__file__).parents[1] / "docs" / "quality.md").read_text("utf-8")
TABLE = re.search(r"^\| setting \|(.*?)\n\n", DOCUMENT, re.S | re.M)


def setting(recipe: object, trail: str) -> float:
    for part in trail.split("."):
        recipe = getattr(recipe, part)
    return float(recipe)  # type: ignore[arg-type]


def cells(line: str) -> list[str]:
    return [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]


def test_the_table_of_what_a_new_corpus_gets_is_what_it_gets():
    assert TABLE is not None
    head, _, *rows = TABLE.group(0).strip().splitlines()
    sizes = [int(cell.replace(",", "")) for cell in cells(head)[1:]]
    assert {5_000, 200_000} <= set(sizes)
    recipes = [choose(n, average_words=12, source_language="en", target_language="de").recipe for n in sizes]
    for row in rows:
        trail, *values = cells(row)
        found = [{"true": 1.0, "false": 0.0}[value] if value.isalpha() else float(value) for value in values]
        assert found == [pytest.approx(setting(one, trail)) for one in recipes], trail
