"""A dataset of the Hugging Face hub, or a local folder with the same layout."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from seq2seq.corpus.pair import Pair
from seq2seq.errors import UserError, nearest

_BATCH_ROWS: Final = 1000
_NESTED: Final = "translation"  # the column in which some datasets keep all languages, as {"en": ..., "de": ...}
# The library calls a file named val.jsonl or dev.jsonl "validation"; people ask for it by any of these names.
_SPLIT_NAMES: Final = {"development": "validation", "dev": "validation", "val": "validation", "valid": "validation"}
_EMPTY_PARQUET: Final = "BatchSize must be greater than 0"  # what the library makes of a Parquet file without rows
# The library has no error of its own for a split that is not there, and raises ValueError for much else.
_NO_SPLIT: Final = re.compile(r"(Bad|Unknown) split\b")
_NOT_CACHED: Final = "Couldn't find cache"  # of ValueError too: there is neither the hub nor a copy under these options
# What makes the library read tables as they are. "None" and "NA" are words, and no missing values; and between tabs
# nothing is quoted, so that a quotation mark is text and ends at no later line.
# A cell with nothing in it is a missing value, so that a column of numbers may have one.
_COMMAS: Final = {"keep_default_na": False, "na_values": [""]}
_TABS: Final = {**_COMMAS, "quoting": csv.QUOTE_NONE}


class Hub:
    """Reads sentence pairs through the `datasets` library (of the extra `train`).

    Columns may be flat, named by language (`en`, `de`), or nested in `translation`. With `folder`, files there named
    after the splits (train.jsonl, val.parquet, test.csv, ...) are streamed as they are, and nothing is fetched, copied
    or cached; without it the library downloads the dataset once and keeps it in its own cache.

    Args:
        name: The dataset's name on the hub, for instance "bentrevett/multi30k".
        split: "train", "validation" or "test"; "dev", "val", "valid" and "development" mean "validation".
        source_language: Name of the source column.
        target_language: Name of the target column.
        folder: A local copy of the dataset, instead of the hub.

    Raises:
        UserError: While reading: the library is missing, the hub cannot be reached, the folder, the split or a column
            is not there, or a file is damaged.
    """

    def __init__(
        self, name: str, split: str, *, source_language: str, target_language: str, folder: Path | None = None
    ) -> None:
        self.name, self.split = name, _SPLIT_NAMES.get(split, split)
        self.languages = (source_language, target_language)
        self.folder = None if folder is None else Path(folder)

    def __call__(self) -> Iterator[Pair]:
        """Yields the pairs in the dataset's order; `line` is the row, counted from 1."""
        row = 0
        for pair in self.rows():
            row = pair.line
            yield pair
        if row == 0:
            raise UserError(f"{self._place}, split {self.split!r}, has no rows.", hint="Check how it was made.")

    def rows(self) -> Iterator[Pair]:
        """Yields the pairs of a split that may be there without any.

        Raises:
            UserError: As reading, but for an empty split.
        """
        dataset = self._loaded(split=self.split)
        row = 0
        batches = iter(dataset.iter(batch_size=_BATCH_ROWS))
        while True:
            try:
                batch = next(batches, None)
            except Exception as error:  # JSON, Parquet, CSV and network errors have no common ancestor
                if row == 0 and _EMPTY_PARQUET in str(error):
                    break
                raise UserError(
                    f"{self._place}, split {self.split!r}, cannot be read after row {row}: {_short(error)}",
                    hint="Check the file, or fetch it again.",
                ) from error
            if batch is None:
                break
            for source, target in zip(*(self._column(batch, language) for language in self.languages), strict=True):
                row += 1
                yield Pair(row, self._text(source, row), self._text(target, row))

    def splits(self) -> list[str]:
        """Returns the names of all splits of the dataset, as the library calls them.

        Raises:
            UserError: The library is missing, the hub cannot be reached, or the folder is not there.
        """
        # Through the same door as the pairs, which works without a network where the dataset is in the cache.
        return list(self._loaded())

    @property
    def _place(self) -> str:
        return f"The dataset {self.name!r}" if self.folder is None else f"The folder {self.folder}"

    def _loaded(self, **options: str) -> Any:  # noqa: ANN401 - a dataset of the library, which has no types we can name
        """Returns the library's dataset: streamed from a folder, memory-mapped from the hub's cache.

        Args:
            options: `split` for one split; without it, all of them by name.
        """
        try:
            import datasets
        except ImportError as error:
            raise UserError(
                "Reading a dataset of the hub needs the library `datasets`.", hint='pip install "seq2seq[train]"'
            ) from error
        if self.folder is not None and not self.folder.is_dir():
            raise UserError(f"There is no folder {self.folder}.", hint="Check the path given with --data.")
        try:
            if self.folder is None:
                more = _table_options(self.name, datasets.load_dataset_builder)
                return datasets.load_dataset(self.name, **options, **more)
            more = _table_options(str(self.folder), datasets.load_dataset_builder)
            return datasets.load_dataset(str(self.folder), streaming=True, **options, **more)
        except FileNotFoundError as error:  # the library's errors for no such dataset and for no such files
            hint = "Its files must be named after the splits, for instance train.jsonl and test.jsonl."
            if self.folder is None:
                hint = "Check the name, or give a folder that holds the dataset with --data FOLDER."
            raise UserError(f"{self._place} holds no such data: {_short(error)}", hint=hint) from error
        except Exception as error:  # each transport below the library has errors of its own
            if _NO_SPLIT.match(str(error)):
                raise UserError(f"{self._place} cannot give the split {self.split!r}: {_short(error)}") from error
            hint = "Without a way to the hub, give a folder that holds the dataset with --data FOLDER."
            if self.folder is not None:
                hint = "Check the files of the folder, or fetch them again."
            raise UserError(f"{self._place} could not be opened: {_short(error)}", hint=hint) from error

    def _column(self, batch: Mapping[str, list[Any]], language: str) -> list[Any]:
        """Returns one language's texts of a batch, whose columns are flat or nested."""
        if language in batch:
            return batch[language]
        columns = list(batch)
        if _NESTED in batch:
            first = next((row for row in batch[_NESTED] if isinstance(row, Mapping)), {})
            if language in first:
                return [row.get(language) if row else None for row in batch[_NESTED]]
            columns = list(first) or columns
        raise UserError(
            f"{self._place} has no column {language!r}; its columns are: {', '.join(columns)}.",
            hint=nearest(language, columns),
        )

    def _text(self, value: Any, row: int) -> str:  # noqa: ANN401 - whatever the file holds
        """Returns a cell's text; a missing one is an empty text, which the filter "empty" drops and counts."""
        if value is None:
            return ""
        if not isinstance(value, str):
            raise UserError(f"{self._place}, split {self.split!r}, row {row}: {value!r} is not text.")
        return value


def _table_options(place: str, load_builder: Callable[..., Any]) -> dict[str, Any]:
    """Returns the options with which a dataset is read; none where its files are no tables.

    Asked of what the library would read it with, for only that knows which of the files are the dataset's.

    Args:
        place: Its name, or its folder.
        load_builder: The library's way from there to what reads it.
    """
    try:
        config = load_builder(place).config
    except ValueError as error:
        if _NOT_CACHED not in str(error):
            raise
        # Without a way to the hub, a table is found in the cache only under the options that it was read with.
        for options in (_COMMAS, _TABS):
            with suppress(ValueError):
                load_builder(place, **options)
                return options
        raise
    if not hasattr(config, "keep_default_na"):
        return {}
    return _TABS if config.sep == "\t" else _COMMAS


def _short(error: Exception) -> str:
    """Returns the first line of a library's error, or its kind where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
