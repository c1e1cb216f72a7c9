"""The prepared data of `ablate.py`: each set is made once for all runs that share it, and never of another corpus.

Scores are compared row by row, so all changes have one development set: the same sentences, written in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from ablation_changes import Change

from seq2seq.bundle import RunFolder
from seq2seq.data.store import Store
from seq2seq.errors import Seq2SeqError, UserError
from seq2seq.pipeline.prepare.inputs import current_inputs
from seq2seq.pipeline.prepare.prepare import prepare
from seq2seq.recipe.schema import Recipe


class SharedData:
    """The prepared data of a sweep.

    Args:
        default: The recipe without a change.
        place_of: The folder of the data that a recipe's [data] and [text] give.
        files: Where the recipe's files are; None: the hub, or the working folder.
    """

    def __init__(self, default: Recipe, place_of: Callable[[Recipe], Path], files: Path | None) -> None:
        self._default, self._place_of, self._files = default, place_of, files
        self._sentences: list[list[str]] | None = None

    def check(self, runs: Iterable[tuple[Change, Path]]) -> None:
        """Finds out, before anything is trained, what would make scores that cannot be compared.

        Args:
            runs: The change of each run, and its folder.

        Raises:
            UserError: The corpus has changed since data was prepared, or a change has another development set.
        """
        runs = list(runs)
        places: dict[str, tuple[Recipe, set[Path]]] = {}
        for change, folder in runs:
            _, known = places.setdefault(repr(change.recipe.data), (change.recipe, set()))
            known |= {folder, self._place_of(change.recipe)}
        for recipe, known in places.values():
            self._check_corpus(recipe, known)
        first = {repr(change.recipe.data): change for change, _ in reversed(runs)}
        for change in first.values():
            if change.recipe.data != self._default.data:
                self._check_change(change)

    def make(self, change: Change, recipe: Recipe) -> Path:
        """Prepares the data of a change where it is not there. Returns its folder.

        Args:
            change: The change.
            recipe: Its recipe, with the seed of a run.

        Raises:
            UserError: As `prepare` and `check`.
        """
        place = self._prepare(recipe)
        self._check_development(change, place)
        return place

    def _check_change(self, change: Change) -> None:
        self._development()  # without the default there is nothing to compare with
        try:
            place = self._prepare(change.recipe)
        except Seq2SeqError:
            return  # its runs will say so, and the others go on
        self._check_development(change, place)

    def _prepare(self, recipe: Recipe) -> Path:
        place = self._place_of(recipe)
        self._check_corpus(recipe, [place])
        prepare(recipe, RunFolder(place), folder=self._files)
        return place

    def _check_corpus(self, recipe: Recipe, folders: Iterable[Path]) -> None:
        """Refuses files that are not those of which data was prepared: what is finished learned from others."""
        stored = [RunFolder(folder).read_manifest() for folder in folders if RunFolder(folder).manifest.is_file()]
        if not stored:
            return
        # Of the files alone: the settings are in the folder's name, and a newer version may have more of them.
        now = current_inputs(recipe, self._files).files
        for manifest in stored:
            if changed := _differing(manifest.inputs.files, now):
                raise UserError(
                    f"The corpus has changed since this sweep began: {', '.join(changed)}.",
                    hint="Begin another sweep, with another --run, or put the files back as they were.",
                )

    def _check_development(self, change: Change, place: Path) -> None:
        if change.recipe.data != self._default.data and _sentences(place) != self._development():
            raise UserError(
                f"{change.name!r} changes the development set, so its scores cannot be compared with the default's.",
                hint="Take it out. If it changes which pairs are set aside, and not how text is written, it can be "
                "tried with a set that is a file of its own: --set \"data.development=['FILE', 'FILE']\"",
            )

    def _development(self) -> list[list[str]]:
        if self._sentences is None:
            self._sentences = _sentences(self._prepare(self._default))
        return self._sentences


def _sentences(place: Path) -> list[list[str]]:
    """Returns the sources and the references of the development set."""
    store = Store(RunFolder(place).split("development"))
    return [store.texts("source"), store.texts("target")]


def _differing(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Returns the names of the files that are not as they were, or only there before, or only now."""
    return sorted(name for name in {**before, **now} if before.get(name) != now.get(name))
