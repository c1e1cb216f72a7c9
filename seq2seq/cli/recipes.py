"""`seq2seq recipes`: what ships with the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seq2seq.cli.options import JsonOption

if TYPE_CHECKING:
    from rich.table import Table

    from seq2seq.recipe.catalog import ShippedRecipe

EXAMPLES = (
    ("seq2seq recipes", "what there is"),
    ("seq2seq recipes --json", "the same, for a program"),
)


def recipes(as_json: JsonOption = False) -> None:
    """List the recipes that ship with the package.

    A recipe is one TOML file with every setting of a run that differs from its default, and the reason why.
    Copy one, change it, and give its path wherever a recipe's name is asked for.
    """
    from seq2seq import console
    from seq2seq.recipe.catalog import shipped_recipes

    found = shipped_recipes()
    if as_json:
        console.emit_json([_as_dict(one) for one in found])
    elif console.output().is_terminal:
        console.output().print(_table(found))
    else:  # a pipe: one recipe a line, tabs between, nothing cut off
        for one in found:
            console.emit("\t".join([one.name, one.languages, _trains_for(one), one.description, *one.recipe.results]))


def _as_dict(one: ShippedRecipe) -> dict[str, object]:
    return {
        "name": one.name,
        "languages": one.languages,
        "description": one.description,
        "path": str(one.path),
        "minutes": one.recipe.training.minutes,
        "max_epochs": one.recipe.training.max_epochs,
        "max_updates": one.recipe.training.max_updates,
        "results": one.recipe.results,
        **one.sizes,
    }


def _trains_for(one: ShippedRecipe) -> str:
    training = one.recipe.training
    if training.minutes:
        return f"{training.minutes:g} min"
    return f"{training.max_epochs:g} epochs" if training.max_epochs else f"{training.max_updates:,} updates"


def _table(found: list[ShippedRecipe]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table("recipe", "languages", "vocabulary", "encoder", "decoder", "trains for", "what it is", box=None)
    for one in found:
        sizes = one.sizes
        table.add_row(
            Text(one.name, style="bold"),
            Text(one.languages),
            f"{sizes['vocabulary_size']:,}",
            f"{sizes['encoder_layers']} x {sizes['encoder_size']}",
            f"{sizes['decoder_layers']} x {sizes['decoder_size']}",
            _trains_for(one),
            Text("\n".join([one.description, *one.recipe.results])),
        )
    return table
