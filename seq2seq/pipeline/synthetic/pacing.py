"""How long a run with synthetic pairs trains: the pairs of before are read no more often than they were."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from msgspec.structs import replace as changed

from seq2seq.bundle import RunFolder
from seq2seq.data.mixing import epoch_counts
from seq2seq.pipeline.synthetic.corpora import Rows, corpora_of
from seq2seq.recipe.presets import Preset
from seq2seq.recipe.schema import Recipe
from seq2seq.recipe.toml import load_recipe


def paced(recipe: Recipe, of: RunFolder, kept: Sequence[Rows], num_made: int, *, asked: Sequence[str]) -> Preset:
    """Returns a recipe with as many passes as read the old run's pairs no more often than before, with the reasons.

    A pass is as long as all corpora together, and draws from each by its weight. Where it reads the pairs that people
    wrote c > 1 times as often as a pass of the old run did, E passes become E / c, and a look at the development set
    after each pass becomes one after as many updates. So the synthetic pairs make training longer by what is read of
    them, however many there are.

    Limits by updates and by minutes say themselves how long training takes: they stay, and so does what a person set.

    Args:
        recipe: The new run's, with `kept` and behind them the synthetic pairs.
        of: The run that it is made of.
        kept: Those of its corpora that the new run trains on too.
        num_made: How many synthetic pairs there are.
        asked: The settings that a person has set, as `settings.asked` gives them.
    """
    training = recipe.training
    times = _times(recipe, of, kept, num_made)
    if training.max_updates or not training.max_epochs or "training.max_epochs" in asked or round(times, 3) <= 1:
        return Preset(recipe, {})
    before = training.max_epochs
    chosen: dict[str, float] = {"max_epochs": float(f"{before / times:.3g}")}
    reasons = {
        "training.max_epochs": f"A pass reads {num_made:,} synthetic pairs too, by their weight: so many passes read "
        f"the others as often as in {before:g} passes before."
    }
    if not training.validate_every and "training.validate_every" not in asked:
        counts = of.read_manifest().splits["train"]
        tokens = (sum(map(len, kept)) + num_made) / times * (1 + counts.target_tokens / counts.pairs)  # and EOS
        chosen["validate_every"] = ceil(tokens / (training.batch_tokens * training.accumulate))
        reasons["training.validate_every"] = "About one look for each time that the others are read."
    return Preset(changed(recipe, training=changed(training, **chosen)), reasons)


def _times(recipe: Recipe, of: RunFolder, kept: Sequence[Rows], num_made: int) -> float:
    """Returns how often a pass reads the pairs that people wrote, for once that a pass of the old run did.

    Where they wrote none, or none is kept that a pass reads: how often it reads whatever is kept, or 0.
    """
    every, temperature = corpora_of(of), load_recipe(of.recipe).data.temperature
    counts = epoch_counts([len(one) for one in every], [one.weight for one in every], temperature)
    before = {one.first: count for one, count in zip(every, counts, strict=True)}
    sizes, weights = [*map(len, kept), num_made], [one.weight for one in recipe.data.corpora]
    now = epoch_counts(sizes, weights, recipe.data.temperature)
    for named in ([one for one in kept if not (one.tag or one.by)], kept):
        was = sum(before[one.first] for one in named)
        if was:
            return sum(count for one, count in zip(kept, now, strict=False) if one in named) / was
    return 0.0
