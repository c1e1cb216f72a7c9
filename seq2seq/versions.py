"""Which version of a package is installed."""

from __future__ import annotations


def version_of(package: str = "seq2seq") -> str:
    """Returns the version of an installed package; empty where it is none, as ours is when run from a source tree."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return ""
