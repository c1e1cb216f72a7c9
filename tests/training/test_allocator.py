"""The allocator's settings: taken on glibc, and absent without harm elsewhere."""

from __future__ import annotations

import platform
import sys

import pytest

from seq2seq.training import allocator


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these settings")
def test_glibc_takes_them() -> None:
    assert allocator.keep_large_buffers()
    allocator.release()


def test_elsewhere_nothing_happens(monkeypatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    allocator._glibc.cache_clear()
    try:
        assert not allocator.keep_large_buffers()
        allocator.release()
    finally:
        allocator._glibc.cache_clear()
