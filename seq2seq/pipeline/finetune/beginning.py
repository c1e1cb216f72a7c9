"""What a fine-tuning that is to go on was begun with: it need not be said again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from seq2seq.bundle import RunFolder
from seq2seq.errors import UserError
from seq2seq.recipe.schema import Data, Recipe
from seq2seq.recipe.toml import load_recipe


@dataclass(frozen=True)
class Beginning:
    """What a fine-tuning was begun with.

    Attributes:
        recipe: Its settings.
        old_share: Share of the pairs learned from that are old ones; None: it does not say.
        old: The run that the old text is of; None: there is none any more, or it does not say.
    """

    recipe: Recipe
    old_share: float | None
    old: Path | None

    def reading(self, text: Data) -> Data:
        """Returns how its new text is read, where `text` says only which files it is in."""
        return replace(self.recipe.data, reader=text.reader, hub=text.hub, train=text.train)


def begun(run: RunFolder) -> Beginning:
    """Returns what the fine-tuning that is to go on was begun with.

    Raises:
        UserError: There is none.
    """
    if not run.manifest.is_file():
        raise UserError(
            f"There is no fine-tuning in {run.path} to go on with.",
            hint="Name its folder with --run; or leave out --resume, and begin one.",
        )
    start = run.read_manifest().start
    old = Path(start.old) if start and start.old else None  # older runs do not name it
    at_hand = old is not None and RunFolder(old).manifest.is_file()
    return Beginning(load_recipe(run.recipe), start.told.old_share if start else None, old if at_hand else None)
