"""The tokenizers of a language pair: two, or one that both languages share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from seq2seq.errors import UserError
from seq2seq.registry import TOKENIZERS
from seq2seq.text.tagged import Tagged, tags_of, untagged
from seq2seq.text.tokenizer import Member, Tokenizer
from seq2seq.text.true_case import Case, TrueCase

SCHEMA_VERSION: Final = 3  # 1: no true case, and words neither between spaces nor with a glued [UNK]; 2: no tags
_WITHOUT_TAGS: Final = 2  # what has none is written as it always was, so that older versions can read it
FILE_NAME: Final = "tokenizer.json"
CASE_NAME: Final = "case.txt"

_SIDES: Final = ("source", "target")


@dataclass(frozen=True)
class TokenizerPair:
    """The source's and the target's tokenizer; the vocabulary is joint where they are one, but for each one's case.

    Tags are the source's; where the vocabulary is joint, both sides count them among their ids.

    Saved as `folder/joint`, or as `folder/source` and `folder/target`; each holds the tokenizer's own files and a
    `tokenizer.json` with the member's name and the schema version. True case is each language's own: beside a joint
    vocabulary, `folder/source` and `folder/target` hold nothing but `case.txt`.
    """

    source: Tokenizer
    target: Tokenizer

    @property
    def joint(self) -> bool:
        """Whether both languages share one vocabulary."""
        return plain(self.source) is plain(self.target)

    def save(self, folder: Path) -> None:
        """Writes both tokenizers, or the joint one, below `folder`."""
        both = (self.source, self.target)
        for side, tokenizer in zip(_SIDES, both, strict=True):
            if not self.joint:
                _save(tokenizer, folder / side)
            cased = untagged(tokenizer)
            if isinstance(cased, TrueCase):
                cased.case.save(folder / side / CASE_NAME)
        if self.joint:
            _save(self.source, folder / "joint")

    @classmethod
    def load(cls, folder: Path) -> TokenizerPair:
        """Returns the pair that was saved in `folder`.

        Raises:
            UserError: There is none, it is damaged, or a newer version of this program wrote it.
        """
        if (folder / "joint").is_dir():
            found = [_load(folder / "joint")] * 2
        else:
            found = [_load(folder / side) for side in _SIDES]
        source, target = (
            _tagged(TrueCase(tokenizer, Case.load(folder / side / CASE_NAME)) if true_case else tokenizer, tags)
            for side, (tokenizer, true_case, tags) in zip(_SIDES, found, strict=True)
        )
        return cls(source, target)

    def with_tags(self, tags: Sequence[str]) -> TokenizerPair:
        """Returns the pair with those of `tags` that it lacks, behind all ids that there are: no other id changes."""
        known = tags_of(self.source)
        new = [tag for tag in dict.fromkeys(tags) if tag not in known]
        if not new:
            return self
        every = [*known, *new]
        target = _tagged(untagged(self.target), every) if self.joint else self.target
        return TokenizerPair(_tagged(untagged(self.source), every), target)


def plain(tokenizer: Tokenizer) -> Tokenizer:
    """Returns the tokenizer below the tags and the true case, or itself."""
    inner = untagged(tokenizer)
    return inner.inner if isinstance(inner, TrueCase) else inner


def _tagged(tokenizer: Tokenizer, tags: Sequence[str]) -> Tokenizer:
    return Tagged(tokenizer, tags) if tags else tokenizer


def _save(tokenizer: Tokenizer, folder: Path) -> None:
    """Writes the tokenizer, and what `_load` must know of it, into `folder`."""
    cast(Member, plain(tokenizer)).save(folder)
    tags = list(tags_of(tokenizer))
    described = {
        "schema_version": SCHEMA_VERSION if tags else _WITHOUT_TAGS,
        "name": tokenizer.name,
        "case": "true" if isinstance(untagged(tokenizer), TrueCase) else "keep",
        **({"tags": tags} if tags else {}),
    }
    (folder / FILE_NAME).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")


def _load(folder: Path) -> tuple[Tokenizer, bool, list[str]]:
    """Returns the tokenizer in `folder`, of whichever member of the registry, whether it is in true case, its tags."""
    path = folder / FILE_NAME
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
        version, name = int(described["schema_version"]), str(described["name"])
        case, tags = described.get("case", "keep"), list(map(str, described.get("tags", [])))
    except FileNotFoundError as error:
        raise UserError(f"There is no tokenizer in {folder}: {FILE_NAME} is missing.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged: it must hold a name and a schema_version.") from error
    if version > SCHEMA_VERSION:
        raise UserError(
            f"{path} has schema version {version}; this seq2seq reads up to {SCHEMA_VERSION}.",
            hint="Install a newer seq2seq.",
        )
    return cast(Tokenizer, TOKENIZERS.load(name).load(folder)), case == "true", tags
