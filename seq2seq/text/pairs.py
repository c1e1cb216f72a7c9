"""The tokenizers of a language pair: two, or one that both languages share."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from seq2seq.errors import UserError
from seq2seq.registry import TOKENIZERS
from seq2seq.text.tokenizer import Tokenizer

SCHEMA_VERSION: Final = 1
FILE_NAME: Final = "tokenizer.json"


@dataclass(frozen=True)
class TokenizerPair:
    """The source's and the target's tokenizer; where they are the same object, the vocabulary is joint.

    Saved as `folder/joint`, or as `folder/source` and `folder/target`; each holds the tokenizer's own files and a
    `tokenizer.json` with the member's name and the schema version.
    """

    source: Tokenizer
    target: Tokenizer

    @property
    def joint(self) -> bool:
        """Whether both languages share one vocabulary."""
        return self.source is self.target

    def save(self, folder: Path) -> None:
        """Writes both tokenizers, or the joint one, below `folder`."""
        sides = {"joint": self.source} if self.joint else {"source": self.source, "target": self.target}
        for side, tokenizer in sides.items():
            tokenizer.save(folder / side)
            described = {"schema_version": SCHEMA_VERSION, "name": tokenizer.name}
            (folder / side / FILE_NAME).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> TokenizerPair:
        """Returns the pair that was saved in `folder`.

        Raises:
            UserError: There is none, it is damaged, or a newer version of this program wrote it.
        """
        if (folder / "joint").is_dir():
            both = _load(folder / "joint")
            return cls(both, both)
        return cls(_load(folder / "source"), _load(folder / "target"))


def _load(folder: Path) -> Tokenizer:
    """Returns the tokenizer in `folder`, of whichever member of the registry it says it is."""
    path = folder / FILE_NAME
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
        version, name = int(described["schema_version"]), str(described["name"])
    except FileNotFoundError as error:
        raise UserError(f"There is no tokenizer in {folder}: {FILE_NAME} is missing.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged: it must hold a name and a schema_version.") from error
    if version > SCHEMA_VERSION:
        raise UserError(
            f"{path} has schema version {version}; this seq2seq reads up to {SCHEMA_VERSION}.",
            hint="Install a newer seq2seq.",
        )
    return cast(Tokenizer, TOKENIZERS.load(name).load(folder))
