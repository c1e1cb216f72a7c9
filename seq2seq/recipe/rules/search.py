"""Which searches there can be, with which networks."""

from __future__ import annotations

from seq2seq.recipe.rules.problem import Problem, Rule
from seq2seq.recipe.schema import Recipe

MOST_CANDIDATES = 200
"""That are compared with each other: N of them take a beam as wide, and N (N - 1) comparisons a sentence."""


def _coverage(recipe: Recipe) -> Problem | None:
    if recipe.search.coverage_penalty and recipe.model.attention.name == "none":
        return Problem(
            f"search.coverage_penalty = {recipe.search.coverage_penalty} counts what attention looks at, and "
            'model.attention = "none".',
            "Set search.coverage_penalty = 0.",
        )
    return None


def _candidates(recipe: Recipe) -> Problem | None:
    search = recipe.search
    if search.mbr == 1:
        return Problem("search.mbr = 1 compares one candidate with itself.", "Set search.mbr = 20, or 0 for none.")
    if search.mbr > MOST_CANDIDATES:
        return Problem(
            f"search.mbr = {search.mbr} candidates are too many to compare each with all others.",
            f"Set search.mbr = 20, and {MOST_CANDIDATES} at most.",
        )
    if search.mbr and search.name == "greedy":
        return Problem(
            f'search.mbr = {search.mbr} compares candidates, and search.name = "greedy" gives one.',
            'Set search.name = "beam" or "sampling", or search.mbr = 0.',
        )
    return None


SEARCH_RULES: tuple[Rule, ...] = (
    _coverage,
    _candidates,
)
