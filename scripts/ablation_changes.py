"""The changes that `ablate.py` makes to a recipe, one at a time: those of a file, or a list of what is worth trying.

The list moves each lever from where the recipe has it: what is off goes on at the strength its paper found good, what
is on goes off, and what is a quantity goes both ways. What the recipe has already, or cannot have, is left out.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from seq2seq.errors import UserError
from seq2seq.recipe.decode import complete
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.schema import Recipe

DEFAULT = "default"


@dataclass(frozen=True)
class Change:
    """One thing that is done differently.

    Attributes:
        name: What the table calls it.
        settings: Assignments, as `--set` takes them.
        recipe: The recipe with all of them made.
    """

    name: str
    settings: tuple[str, ...]
    recipe: Recipe


def changes(recipe: Recipe, file: Path | None, only: Sequence[str]) -> tuple[list[Change], list[str]]:
    """Returns the changes to try, and why others are left out.

    Args:
        recipe: The default.
        file: A TOML file of `"name" = ["section.key=value", ...]`; None: the built-in list.
        only: Names, or patterns of names (`*` for anything); one that is no name stands for all that match or hold it.
            None: all.

    Raises:
        UserError: The file cannot be read, a change of it breaks a rule, changes nothing or how translations are
            scored, or no name is wanted.
    """
    recipe = complete(recipe)
    listed = read_changes(file) if file else built_in(recipe)
    chosen = _chosen(list(listed), only)
    wanted = {name: settings for name, settings in listed.items() if name in chosen}
    if not wanted:
        raise UserError(f"No change is called like {' or '.join(only)}.", hint="See the names with --list.")
    made: list[Change] = []
    left_out: list[str] = []
    for name, settings in wanted.items():
        try:
            changed = complete(apply_overrides(recipe, settings))
        except UserError as error:
            if file:
                raise UserError(f"{file}, {name!r}: {error.message}", hint=error.hint) from None
            together = " ".join(f"--set {assignment}" for assignment in settings)
            left_out.append(f"{name}: {error.message.removeprefix(f'{together}: ')}")
            continue
        _check_scored_alike(name, changed, recipe)
        same = next((other.name for other in made if other.recipe == changed), None)
        if changed == recipe:
            same = f"the {DEFAULT}"
        if same and file:
            raise UserError(f"{file}: {name!r} is the same as {same}.", hint="Take it out, or change something else.")
        if not same:
            made.append(Change(name, tuple(settings), changed))
    return made, left_out


def _check_scored_alike(name: str, changed: Recipe, default: Recipe) -> None:
    """Refuses a change of [evaluation]: scores by two rules are no comparison."""
    if changed.evaluation != default.evaluation:
        raise UserError(
            f"{name!r} changes [evaluation], by which the translations of all changes are scored.",
            hint="Take it out, or set it for all of them, for instance: --set evaluation.lowercase=true",
        )


def read_changes(file: Path) -> dict[str, list[str]]:
    """Reads a file of changes.

    Raises:
        UserError: It cannot be read, is not TOML, or holds something else than names and assignments.
    """
    try:
        table = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.", hint="Check the path.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(
            f"{file} is not valid TOML: {error}", hint='Write lines like: "no dropout" = ["model.dropout=0"]'
        ) from None
    found: dict[str, list[str]] = {}
    for name, value in table.items():
        settings = [value] if isinstance(value, str) else value
        if not isinstance(settings, list) or not settings or not all(isinstance(one, str) for one in settings):
            raise UserError(
                f"{file}: {name!r} is no list of assignments.", hint='Write: "no dropout" = ["model.dropout=0"]'
            )
        if name == DEFAULT:
            raise UserError(f"{file}: {DEFAULT!r} is the recipe itself.", hint="Call the change something else.")
        found[name] = settings
    return found


def _chosen(names: Sequence[str], only: Sequence[str]) -> set[str]:
    parts = [pattern for pattern in only if pattern not in names]
    alike = {name for name in names for part in parts if fnmatchcase(name, part) or part in name}
    return alike.union(only) if only else set(names)


def built_in(recipe: Recipe) -> dict[str, list[str]]:
    """Returns what is worth trying with this recipe, by name: assignments as `--set` takes them."""
    return {**_text(recipe), **_noise(recipe), **_network(recipe), **_learning(recipe), **_search(recipe)}


def _text(recipe: Recipe) -> dict[str, list[str]]:
    sizes = (500, 1000, 2000, 4000, 8000, 16000)
    unigram = "text.tokenizer={name='sentencepiece', model='unigram'}"
    # The two next ones each way: further off is a different experiment.
    near = [size for size in sizes if recipe.text.vocabulary_size / 4 <= size <= recipe.text.vocabulary_size * 4]
    return {
        **{f"vocabulary {size}": [f"text.vocabulary_size={size}"] for size in near},
        "unigram subwords": [unigram],
        "unigram subwords, sampled 0.1": [unigram, "training.subword_sampling=0.1"],
        "true case": ["text.case=true"],
        "a vocabulary a language": ["text.joint=false", "model.tie=target"],
    }


def _noise(recipe: Recipe) -> dict[str, list[str]]:
    model, training = recipe.model, recipe.training
    target = model.word_dropout if model.target_word_dropout is None else model.target_word_dropout
    found = {
        f"dropout {share:g}": [f"model.dropout={share:g}"]
        for share in (round(model.dropout + step, 3) for step in (-0.2, -0.1, 0.1, 0.2))
        if 0 <= share < 1
    }
    for share in (0.0, 0.1, 0.2):
        for side, both in {
            "both sides": (share, share),
            "source": (share, target),
            "target": (model.word_dropout, share),
        }.items():
            if both != (model.word_dropout, target):
                settings = [f"model.word_dropout={both[0]:g}", f"model.target_word_dropout={both[1]:g}"]
                found[f"word dropout {share:g}, {side}"] = settings
        found[f"BPE-dropout {share:g}"] = [f"training.subword_sampling={share:g}"]
        found[f"dropout of recurrent weights {share:g}"] = [f"model.recurrent_weight_dropout={share:g}"]
        found[f"dropout of states {share:g}"] = [f"model.recurrent_dropout={share:g}"]
    for smoothing in (0.0, 0.1, 0.2):
        found[f"label smoothing {smoothing:g}"] = [f"training.label_smoothing={smoothing:g}"]
    for weight in (0.0, 1.0, 5.0):
        found[f"R-Drop {weight:g}"] = [f"training.r_drop={weight:g}"]
        found[f"guided attention {weight:g}"] = [f"training.guided_attention={weight:g}"]
    found["scheduled sampling 0.2"] = ["training.scheduled_sampling=0.2"]
    found["weight decay 0"] = ["training.weight_decay=0"]
    found["weight decay x 10"] = [f"training.weight_decay={training.weight_decay * 10:g}"]
    return found


def _network(recipe: Recipe) -> dict[str, list[str]]:
    model = recipe.model
    one_more = model.encoder_layers + 1
    found = {
        "input feeding": ["model.wiring=input-feeding"],
        "lexical output": ["model.lexical=true"],
        "no lexical output": ["model.lexical=false"],
        "a second attention": [f"model.second_attention={model.decoder_layers}"],
        "one attention": ["model.second_attention=0"],
        **{f"attention: {name}": [f"model.attention={name}"] for name in ("additive", "dot", "general")},
        **{
            f"attention: {heads} head{'s' * (heads > 1)}": [f"model.attention={{name='multi-head', heads={heads}}}"]
            for heads in (1, 4, 8)
        },
        f"encoder: {one_more} layers": [f"model.encoder_layers={one_more}"],
        f"encoder: {one_more} layers, residual": [f"model.encoder_layers={one_more}", "model.residual=true"],
        "encoder: transitions of 2 cells": ["model.encoder_transition=2"],
        "decoder: transitions of 2 cells": ["model.decoder_transition=2"],
        "BiDeep encoder": ["model.encoder_layers=2", "model.encoder_transition=2", "model.residual=true"],
        f"decoder: {model.decoder_layers + 1} layers": [f"model.decoder_layers={model.decoder_layers + 1}"],
        "layer norm": ["model.layer_norm=true"],
        "GRU": ["model.cell=gru"],
        "nothing tied": ["model.tie=none"],
        "bridge: last": ["model.bridge=last"],
        "initialisation: Glorot": ["model.initialisation=glorot-uniform"],
    }
    for name, factor in (("half", 0.5), ("three quarters", 0.75), ("one and a half", 1.5)):
        states = [
            f"model.{side}_size={_even(getattr(model, f'{side}_size'), factor)}" for side in ("encoder", "decoder")
        ]
        found[f"states: {name}"] = states
    for name, factor in (("half", 0.5), ("twice", 2.0)):
        found[f"embeddings: {name}"] = [f"model.embedding_size={_even(model.embedding_size, factor)}"]
    return found


def _even(size: int, factor: float) -> int:
    """Returns a size that two directions and eight heads divide."""
    return max(16, round(size * factor / 16) * 16)


def _learning(recipe: Recipe) -> dict[str, list[str]]:
    training = recipe.training
    found = {}
    for name, factor in (("half", 0.5), ("twice", 2.0)):
        found[f"learning rate: {name}"] = [f"training.learning_rate={training.learning_rate * factor:g}"]
        # As much text: with as many updates, half a batch would read half of it, and lose by that.
        updates = [f"training.max_updates={round(training.max_updates / factor)}"] * (training.max_updates > 0)
        found[f"batch: {name}"] = [f"training.batch_tokens={round(training.batch_tokens * factor)}", *updates]
    for shape in ("linear", "cosine", "inverse-square-root", "constant"):
        found[f"schedule: {shape}"] = [f"training.schedule.shape={shape}"]
    found["no moving average"] = ["training.average=0"]
    for decay in (0.995, 0.999):
        found[f"moving average {decay:g}"] = [f"training.average={decay:g}"]
    found["average of 5 looks"] = ["training.average_looks=5"]
    found["minimum risk, 1 epoch"] = ["training.risk.epochs=1"]
    found["clipping x 5"] = [f"training.clip_norm={training.clip_norm * 5:g}"]
    return found


def _search(recipe: Recipe) -> dict[str, list[str]]:
    return {
        "greedy": ["search.name=greedy"],
        "beam 10": ["search.name=beam", "search.beam=10"],
        **{f"length penalty {power:g}": [f"search.length_penalty={power:g}"] for power in (0.6, 0.8, 1.0, 1.2, 1.4)},
        "nothing pruned": ["search.prune=0"],
        "coverage penalty 0.2": ["search.coverage_penalty=0.2"],
        **{f"MBR over {count}": [f"search.mbr={count}"] for count in (10, 20)},
        "MBR over 20, chrF": ["search.mbr=20", "search.mbr_utility=chrf"],
        "no MBR": ["search.mbr=0"],
    }
