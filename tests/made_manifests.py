"""Manifests made by hand: for tests of a run that was not prepared, and of which only a part is looked at."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from seq2seq.manifest import MANIFEST_VERSION, CleaningReport, Inputs, Manifest, SplitCounts, VocabularySizes


def made_manifest(**changes: Any) -> Manifest:
    """Returns a manifest that says as little as one may, but for `changes`."""
    least = Manifest(
        schema_version=MANIFEST_VERSION,
        name="mine",
        source_language="en",
        target_language="fr",
        inputs=Inputs(settings="0" * 32, files={}),
        recipe="1" * 32,
        splits={},
        cleaning={},
        vocabulary=VocabularySizes(joint=True, source=300, target=300),
        reasons={},
    )
    return replace(least, **changes)


def split_of(pairs: int, *, target_tokens: int = 0) -> SplitCounts:
    """Returns a split in numbers."""
    return SplitCounts(pairs=pairs, source_tokens=0, target_tokens=target_tokens, longest_source=0, longest_target=0)


def report_of(read: int, kept: int, **dropped: Any) -> CleaningReport:
    """Returns what cleaning made of so many pairs."""
    return CleaningReport(read=read, kept=kept, dropped=dropped, noticed={})
