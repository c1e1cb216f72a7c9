"""What is installed, and what is not."""

from __future__ import annotations

from importlib.metadata import version

from seq2seq.versions import version_of


def test_the_version_of_a_package_is_the_installed_one() -> None:
    assert version_of("numpy") == version("numpy")
    assert version_of("no-such-package-of-ours") == ""
