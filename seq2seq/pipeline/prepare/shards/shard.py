"""One of the shards of a corpus, and where it lies."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from seq2seq.pipeline.parts import Part

FOLDER: Final = "shards"
PAIRS: Final = "pairs"
"""The list of a shard's pairs, in its folder."""
HASHES: Final = "hashes.bin"
"""Where the pairs' fingerprints are, in a shard's folder."""


@dataclass(frozen=True)
class Shard(Part):
    """A part of a corpus."""

    def folder(self, run: Path) -> Path:
        """Returns where the shard is, in a run's folder."""
        return run / FOLDER / f"{self.number}-of-{self.count}"

    def has(self, block: int) -> bool:
        """Whether a block, by its number in all corpora together, is of this shard."""
        return block % self.count == self.number - 1


def remove_shards(run: Path) -> None:
    """Takes the shards of a run away: they hold its text a second time."""
    shutil.rmtree(run / FOLDER, ignore_errors=True)
