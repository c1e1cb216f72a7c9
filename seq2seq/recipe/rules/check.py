"""The rules between settings: what each value allows alone, two together may not.

A rule looks at a whole recipe and returns a problem, or None. Rules are checked once a recipe is complete, never half
way through a list of changes.
"""

from __future__ import annotations

import json

from seq2seq.errors import UserError
from seq2seq.recipe.place import Place
from seq2seq.recipe.rules.data import DATA_RULES
from seq2seq.recipe.rules.members import MEMBERS_RULES
from seq2seq.recipe.rules.model import MODEL_RULES
from seq2seq.recipe.rules.problem import Problem, Rule
from seq2seq.recipe.rules.search import SEARCH_RULES
from seq2seq.recipe.rules.text import TEXT_RULES
from seq2seq.recipe.rules.training import TRAINING_RULES
from seq2seq.recipe.schema import Recipe


def _run_name(recipe: Recipe) -> Problem | None:
    name = recipe.name
    if name not in ("", ".", "..") and not set(name) & set("/\\\0"):
        return None
    return Problem(
        f"name = {json.dumps(name, ensure_ascii=False)} is no name of a folder, and the run's folder is called so.",
        "Choose a name without slashes, for instance my-run; where the folder is to be, --run says.",
    )


RULES: tuple[Rule, ...] = (
    _run_name,
    *MODEL_RULES,
    *SEARCH_RULES,
    *TRAINING_RULES,
    *DATA_RULES,
    *TEXT_RULES,
    *MEMBERS_RULES,
)
"""All of them, in the order in which they are checked."""


def check_rules(recipe: Recipe, *, where: str | Place) -> None:
    """Checks every rule between settings.

    Raises:
        UserError: The first rule that is broken, after the name `where`, with the line of a setting that breaks it.
    """
    where = where if isinstance(where, Place) else Place(where)
    for rule in RULES:
        problem = rule(recipe)
        if problem:
            raise UserError(f"{where.mentioned(problem.message)}: {problem.message}", hint=problem.hint)
