"""The settings of the new run: the model's own, but for what follows from the new text.

Vocabulary and network are the model's: its weights fit no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from seq2seq.bundle import Bundle
from seq2seq.errors import UserError
from seq2seq.pipeline.finetune.new_text import NewText, measure_new
from seq2seq.pipeline.finetune.training_settings import going_on
from seq2seq.pipeline.prepare.automatic import asked, own_sets
from seq2seq.pipeline.prepare.sources import open_sources
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.presets import TEST_PURPOSE, Preset, held_out_size
from seq2seq.recipe.schema import Data, Recipe
from seq2seq.text.pairs import TokenizerPair

LEAST_PAIRS: Final = 3
# What does not change the shape of a weight, or what it means; all else in [model] is as the weights were trained.
FREE_MODEL_SETTINGS: Final = (
    "dropout",
    "recurrent_dropout",
    "recurrent_weight_dropout",
    "word_dropout",
    "target_word_dropout",
)
_VECTORS: Final = ("source_vectors", "target_vectors", "freeze_vectors")
_PURPOSES: Final = {
    "development": "kept from training to tell which weights translate the new text best",
    "test": TEST_PURPOSE,
}


def choose(
    bundle: Bundle,
    data: Data,
    folder: Path | None,
    tokenizers: TokenizerPair,
    *,
    name: str,
    old_share: float,
    old_sets: bool = False,
    old_tokens: float | None = None,
    minutes: float | None = None,
    settings: Sequence[str] = (),
) -> tuple[Preset, NewText]:
    """Returns all settings of the new run with the reason for each that differs from the model's, and the text counted.

    Args:
        bundle: The model.
        data: The new text.
        folder: Where its files are; as for `open_sources`.
        tokenizers: The model's.
        name: What the run is called.
        old_share: Share of the pairs learned from that are old ones; 0: the old weights are held on to.
        old_sets: Whether the old development set is looked at beside the new one.
        old_tokens: Of an old target sentence on average, EOS counted; None: as many as of a new one.
        minutes: A time budget.
        settings: Assignments that a person made. Those of [data] say how to read the text, so they count here already.

    Raises:
        UserError: A file or an assignment is wrong, or there are too few pairs.
    """
    of_data = [assignment for assignment in settings if assignment.strip().startswith("data.")]
    data = apply_overrides(Recipe(data=data), of_data).data
    measured = measure_new(open_sources(data, folder).train(), tokenizers)
    if measured.num_pairs < LEAST_PAIRS:
        raise UserError(
            f"The new text has {measured.num_pairs} usable pair(s), and at least {LEAST_PAIRS} are needed.",
            hint="Add sentence pairs; some hundreds change what a model says.",
        )
    reasons: dict[str, str] = {}
    given = [*own_sets(data, folder), *(part for part in _PURPOSES if _is_set(part, of_data))]
    data = _sets(data, given, measured.num_pairs, reasons)
    recipe = bundle.recipe
    training = going_on(
        recipe.training,
        measured,
        old_share=old_share,
        old_sets=old_sets,
        old_tokens=old_tokens,
        minutes=minutes,
        reasons=reasons,
        told=asked(settings, "batch_tokens", "accumulate", "max_updates"),
    )
    if recipe.model.source_vectors or recipe.model.target_vectors or recipe.model.freeze_vectors:
        reasons["model.freeze_vectors"] = (
            "The model's weights hold its pretrained vectors, which now learn like the rest."
        )
    network = replace(recipe.model, source_vectors="", target_vectors="", freeze_vectors=False)
    new = replace(recipe, name=name, description="", results=(), data=data, model=network, training=training)
    return Preset(new, reasons), measured


def _is_set(part: str, assignments: Sequence[str]) -> bool:
    """Whether a person said where the pairs of a held-out set come from, or how many they are."""
    return any(assignment.strip().startswith(f"data.{part}") for assignment in assignments)


def _sets(data: Data, given: Sequence[str], num_pairs: int, reasons: dict[str, str]) -> Data:
    """Says how many pairs are set aside, as for any corpus of this size; `given` sets stay."""
    size = held_out_size(num_pairs)
    chosen = {f"{part}_size": size for part in _PURPOSES if part not in given}
    for part, purpose in _PURPOSES.items():
        if part not in given:
            reasons[f"data.{part}_size"] = f"{size:,} of the new pairs, {purpose}."
    return replace(data, **chosen)


def check_settings(bundle: Bundle, recipe: Recipe) -> None:
    """Makes sure that the model's weights and vocabulary fit the settings.

    Raises:
        UserError: A setting of [text], or one of [model] that shapes the network, is not the model's, or one of [data]
            would mix old and new text otherwise than asked for.
    """
    if recipe.data.temperature != 1:
        raise UserError(
            "data.temperature does not say how much old text is mixed in here.", hint="Say it with --old-share."
        )
    for section in ("text", "model"):
        ours, theirs = getattr(recipe, section), getattr(bundle.recipe, section)
        for key in ours.__struct_fields__:
            changed = getattr(ours, key) != getattr(theirs, key)
            if changed and not (section == "model" and key in (*FREE_MODEL_SETTINGS, *_VECTORS)):
                raise UserError(
                    f"{section}.{key} cannot change: vocabulary and network are those of the model that is fine-tuned.",
                    hint=f"Leave it out, or train a model of its own: seq2seq prepare … --set {section}.{key}=…",
                )
