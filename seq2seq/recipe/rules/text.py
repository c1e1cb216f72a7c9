"""Which settings of `[text]` and of subwords go together."""

from __future__ import annotations

from seq2seq.recipe.rules.problem import Problem, Rule
from seq2seq.recipe.schema import Recipe


def _word_split(recipe: Recipe) -> Problem | None:
    split = recipe.text.tokenizer.settings.get("split", "auto")
    if split not in ("auto", "words", "spaces"):
        return Problem(
            f'text.tokenizer.split = "{split}" is not a way to find words.',
            'Choose "words", "spaces" where spaces stand between all tokens, or "auto", which is the one or the other '
            "by data.pretokenised.",
        )
    return None


def _subword_sampling(recipe: Recipe) -> Problem | None:
    share, tokenizer = recipe.training.subword_sampling, recipe.text.tokenizer.name
    if share and tokenizer != "sentencepiece":
        return Problem(
            f"training.subword_sampling = {share:g} cuts words into subwords in several ways, and text.tokenizer = "
            f'"{tokenizer}" cuts them in one.',
            'Set training.subword_sampling = 0, or text.tokenizer = "sentencepiece".',
        )
    return None


TEXT_RULES: tuple[Rule, ...] = (
    _word_split,
    _subword_sampling,
)
