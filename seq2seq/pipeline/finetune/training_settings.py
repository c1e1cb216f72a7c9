"""How training goes on from a model: at a lower rate, for so many passes over the new text, holding on to the old.

What the model could before is held on to in one of two ways: by old pairs among the new ones, where the run that made
the model is at hand (mixed fine-tuning, Chu et al. 2017), and otherwise by pulling the weights back to where they were
(L2-SP, Li et al. 2018).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from msgspec.structs import replace

from seq2seq.pipeline.finetune.new_text import NewText
from seq2seq.recipe.schema import Risk, Schedule, Training

OLD_SHARE: Final = 0.5
HOLD: Final = 50.0
"""From a caption translator to 2,000 sentences of conversation (60 updates at a tenth of its rate) the new text gained
0.73 nats a token, and the old lost 0.066, at 0; 0.72 and 0.059 at 10; 0.67 and 0.041 at 50; 0.49 and 0.015 at 200. Half
old pairs, in twice the updates, gained 0.73 and lost 0.013: they are much the better way where they are at hand."""
_LOOKS: Final = 10
_PATIENCE: Final = 4


@dataclass(frozen=True)
class _Tier:
    """What suits new text of fewer pairs than `below`."""

    below: float
    phrase: str
    rate: float  # of the model's own peak rate
    passes: int  # over the new text


_TIERS: Final = (
    _Tier(1_000, "fewer than 1,000 pairs", 0.05, 20),
    _Tier(10_000, "1,000 to 10,000 pairs", 0.1, 10),
    _Tier(100_000, "10,000 to 100,000 pairs", 0.2, 6),
    _Tier(float("inf"), "100,000 pairs or more", 0.3, 3),
)


def going_on(
    old: Training,
    measured: NewText,
    *,
    old_share: float,
    old_sets: bool,
    old_tokens: float | None,
    minutes: float | None,
    reasons: dict[str, str],
    told: Mapping[str, int],
) -> Training:
    """Returns how to go on: at a lower rate, for so many passes over the new text, holding on to the old.

    Args:
        old: How the model was trained.
        measured: The new text.
        old_share: Share of the pairs learned from that are old ones; 0: the old weights are held on to.
        old_sets: Whether the old development set is looked at beside the new one.
        old_tokens: Of an old target sentence on average, EOS counted; None: as many as of a new one.
        minutes: A time budget.
        reasons: Gets the reason for each setting that is chosen.
        told: What a person said of batches and updates.
    """
    tier = _tier(measured)
    tokens = _tokens_of_a_pass(measured, old_share, old_tokens)
    batch = min(old.batch_tokens, max(50, round(tokens / 10)))
    update_tokens = told.get("batch_tokens", batch) * told.get("accumulate", old.accumulate)
    num_updates = ceil(tier.passes * tokens / update_tokens)
    updates = told.get("max_updates", 0) or num_updates
    every = ceil(updates / _LOOKS)
    chosen: dict[str, tuple[Any, str]] = {
        "learning_rate": (
            float(f"{old.learning_rate * tier.rate:.2g}"),
            f"{tier.rate:g} of the rate that the model was trained at: with {tier.phrase}, high enough to learn them "
            "and low enough not to lose what it knows.",
        ),
        "max_updates": (
            num_updates,
            f"About {tier.passes} passes over the new text, for {tier.phrase}"
            + (f"; of each batch {1 - old_share:.0%} is new." if old_share else "."),
        ),
        "validate_every": (every, _looks(ceil(updates / every), old_sets=old_sets)),
        "patience": (_PATIENCE, f"Ends after {_PATIENCE} looks at which the new text was translated no better."),
    }
    if batch != old.batch_tokens:
        chosen["batch_tokens"] = (batch, "Cut so that one pass over so little text is still several updates.")
    chosen |= _held(old_share) | _left_out(old)
    if minutes:
        chosen["minutes"] = (minutes, "The time that you gave, unless the passes over the new text end before.")
    reasons |= _reasons(chosen, old)
    warmup = min(old.schedule.warmup_updates, updates // 10)
    reasons["training.schedule.shape"] = "Straight down to zero by the last update, however the model was trained."
    fresh = replace(old, schedule=Schedule(warmup_updates=warmup))
    return replace(fresh, **{key: value for key, (value, _) in chosen.items()})


def passes_of(training: Training, measured: NewText, *, old_share: float, old_tokens: float | None = None) -> float:
    """Returns how often a training reads each new pair: as its updates say, and no less than suits so much text.

    Args:
        training: Its settings.
        measured: The new text.
        old_share: Share of the pairs learned from that are old ones.
        old_tokens: As for `going_on`.
    """
    tokens = training.max_updates * training.batch_tokens * training.accumulate
    return max(tokens / _tokens_of_a_pass(measured, old_share, old_tokens), _tier(measured).passes)


def _tier(measured: NewText) -> _Tier:
    return next(tier for tier in _TIERS if measured.num_pairs < tier.below)


def _tokens_of_a_pass(measured: NewText, old_share: float, old_tokens: float | None) -> float:
    """Returns the target tokens of one pass over the new text, with the old pairs that are among it."""
    old = old_tokens or measured.target_tokens
    return measured.num_pairs * (measured.target_tokens + old * old_share / (1 - old_share))


def _held(old_share: float) -> dict[str, tuple[Any, str]]:
    """Returns how tightly the old weights are held on to, with the reason."""
    if old_share:
        return {"hold": (0.0, "Old pairs are among the new ones, which keeps more than pulling at weights does.")}
    return {
        "hold": (HOLD, "No old text is mixed in: the weights are pulled back to the model's (Li et al. 2018)."),
        "weight_decay": (0.0, "Weights are pulled to where they were, and not to zero."),
    }


def _left_out(old: Training) -> dict[str, tuple[Any, str]]:
    """Returns what the model's training had and going on from it has not, with the reason."""
    without: dict[str, tuple[Any, str]] = {
        "max_epochs": (0.0, "The passes over the new text are counted in updates, see max_updates."),
        "minutes": (0.0, "The time that training took says nothing of the new text."),
        "guided_attention": (0.0, "The model has found out where to look."),
        "risk": (Risk(), "A second stage is for a training from scratch; seq2seq train --set adds one."),
    }
    return {key: what for key, what in without.items() if getattr(old, key) != what[0]}


def _reasons(chosen: Mapping[str, tuple[Any, str]], old: Training) -> dict[str, str]:
    """Returns the reasons for what was chosen, by the trails of the settings."""
    reasons = {f"training.{key}": reason for key, (_, reason) in chosen.items() if key != "risk"}
    for key in Risk.__struct_fields__ if "risk" in chosen else ():  # a reason is a setting's, and no section's
        if getattr(old.risk, key) != getattr(Risk(), key):
            reasons[f"training.risk.{key}"] = chosen["risk"][1]
    return reasons


def _looks(count: int, *, old_sets: bool) -> str:
    """For instance "10 looks at both development sets."."""
    return f"{count} look{'s' if count != 1 else ''} at " + (
        "both development sets." if old_sets else "the development set."
    )
