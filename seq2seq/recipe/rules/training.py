"""Which trainings there can be."""

from __future__ import annotations

from seq2seq.recipe.rules.problem import Problem, Rule
from seq2seq.recipe.schema import Recipe


def _scheduled_sampling(recipe: Recipe) -> Problem | None:
    share, wiring = recipe.training.scheduled_sampling, recipe.model.wiring.name
    if share and wiring != "input-feeding":
        return Problem(
            f"training.scheduled_sampling = {share} lets a network read its own guesses word by word, and "
            f'model.wiring = "{wiring}" reads the whole target at once.',
            'Set model.wiring = "input-feeding", or training.scheduled_sampling = 0.',
        )
    return None


def _r_drop(recipe: Recipe) -> Problem | None:
    model, training = recipe.model, recipe.training
    if not training.r_drop:
        return None
    asked = f"training.r_drop = {training.r_drop:g}"
    # Weights are dropped once an update, for both readings.
    if not (model.dropout or model.recurrent_dropout or model.word_dropout or model.target_word_dropout):
        return Problem(
            f"{asked} compares two dropouts of the same text, and nothing is dropped: model.dropout, "
            "model.recurrent_dropout, model.word_dropout and model.target_word_dropout are 0.",
            "Set model.dropout, for instance to 0.3, or training.r_drop = 0.",
        )
    if training.truncate:
        return Problem(
            f"{asked} reads whole targets twice side by side, and training.truncate = {training.truncate} reads them "
            "in parts.",
            "Set training.truncate = 0, or training.r_drop = 0.",
        )
    if training.scheduled_sampling:
        return Problem(
            f"{asked} compares two readings of the same words, and training.scheduled_sampling = "
            f"{training.scheduled_sampling:g} makes them read different ones.",
            "Set training.scheduled_sampling = 0, or training.r_drop = 0.",
        )
    return None


def _guided_attention(recipe: Recipe) -> Problem | None:
    training = recipe.training
    if not training.guided_attention:
        return None
    asked = f"training.guided_attention = {training.guided_attention:g}"
    if recipe.model.attention.name == "none":
        return Problem(
            f'{asked} shows attention where to look, and model.attention = "none".',
            "Set training.guided_attention = 0, or choose an attention and a wiring that has one: "
            'model.wiring = "parallel".',
        )
    if training.truncate:
        return Problem(
            f"{asked} finds out which words of two whole sentences belong together, and training.truncate = "
            f"{training.truncate} reads targets in parts.",
            "Set training.truncate = 0, or training.guided_attention = 0.",
        )
    return None


def _average_looks(recipe: Recipe) -> Problem | None:
    if recipe.training.average_looks == 1:
        return Problem(
            "training.average_looks = 1 averages the weights of one look, which is what they are.",
            "Set training.average_looks to 2 or more, or to 0 for none.",
        )
    return None


def _hold(recipe: Recipe) -> Problem | None:
    training, risk = recipe.training, recipe.training.risk
    rates = {"training.learning_rate": training.learning_rate}
    if risk.epochs or risk.minutes:
        rates["training.risk.learning_rate"] = risk.learning_rate
    for name, rate in rates.items():
        if training.hold * rate >= 1:
            return Problem(
                f"training.hold = {training.hold:g} times {name} = {rate:g} is the share of the way back that weights "
                "are pulled in one update, and is not below 1: they could not move.",
                "Choose a smaller training.hold, for instance 10.",
            )
    return None


def _some_limit(recipe: Recipe) -> Problem | None:
    training = recipe.training
    if not (training.max_epochs or training.max_updates or training.minutes):
        return Problem(
            "training.max_epochs, training.max_updates and training.minutes are all 0, so nothing ends the training.",
            "Set one of them, for instance training.max_epochs = 20.",
        )
    return None


def _risk_candidates(recipe: Recipe) -> Problem | None:
    risk = recipe.training.risk
    if (risk.epochs or risk.minutes) and risk.candidates == 1 and not risk.reference:
        return Problem(
            "training.risk.candidates = 1 with training.risk.reference = false leaves one translation, which nothing "
            "is better or worse than.",
            "Set training.risk.candidates to 2 or more, for instance 8, or training.risk.reference = true.",
        )
    return None


def _warmup(recipe: Recipe) -> Problem | None:
    training = recipe.training
    if training.max_updates and training.schedule.warmup_updates >= training.max_updates:
        return Problem(
            f"training.schedule.warmup_updates = {training.schedule.warmup_updates} leaves nothing of "
            f"training.max_updates = {training.max_updates}.",
            "Warm up for a tenth of the updates or less.",
        )
    return None


TRAINING_RULES: tuple[Rule, ...] = (
    _scheduled_sampling,
    _r_drop,
    _guided_attention,
    _average_looks,
    _hold,
    _some_limit,
    _risk_candidates,
    _warmup,
)
