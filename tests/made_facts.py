"""What a bundle says of itself, made by hand: for tests of a part of it."""

from __future__ import annotations

from typing import Any

from seq2seq.bundle_facts import BUNDLE_VERSION, BundleFacts, DescribedFile, ScoredWith, SearchedWith, SetScore


def made_facts(**told: Any) -> BundleFacts:
    """Returns facts that say what is `told`, and else as little as they may."""
    return BundleFacts(schema_version=BUNDLE_VERSION, **told)


def made_score(value: float = 1.0, *, name: str = "bleu", signature: str = "s", **interval: float) -> SetScore:
    """Returns a score, without an interval unless `low` and `high` are given."""
    return SetScore(name=name, value=value, signature=signature, **{"low": None, "high": None, **interval})


def scored_with(engine: str = "int8", **search: Any) -> ScoredWith:
    """Returns how translations were made: by a beam of 3, unless `search` says otherwise."""
    settings = {"name": "beam", "beam": 3, "length_penalty": 1.0, **search}
    return ScoredWith(engine=engine, search=SearchedWith(**settings))


def file_of(num_bytes: int) -> DescribedFile:
    """Returns a file of that size."""
    return DescribedFile(bytes=num_bytes, blake2b="00")
