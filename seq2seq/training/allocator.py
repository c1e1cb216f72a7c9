"""The C library's allocator, told to keep large buffers between updates."""

from __future__ import annotations

import ctypes
import functools
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
SETTINGS = {M_MMAP_THRESHOLD: 64 << 20, M_TRIM_THRESHOLD: 512 << 20, M_ARENA_MAX: 1}


def keep_large_buffers() -> bool:
    """Stops glibc from handing every large buffer back to the kernel and asking for it again a moment later.

    Every update allocates the same large tensors; with glibc's defaults each one is mapped, zeroed by the kernel page
    by page and unmapped again. The price is that freed memory stays with the process. Elsewhere than on glibc nothing
    happens.

    Returns:
        Whether the allocator took the settings.
    """
    library = _glibc()
    return library is not None and all(library.mallopt(name, value) for name, value in SETTINGS.items())


def release() -> None:
    """Hands what is free back to the kernel, wherever it lies; nothing happens elsewhere than on glibc.

    Batches come in many shapes, and the holes that one leaves do not fit the next: without this a training of 40
    minutes grew to 5 GB. The price is mapping those pages again, about a tenth of a second.
    """
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


@functools.cache
def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        library = ctypes.CDLL("libc.so.6")
        return library if library.mallopt and library.malloc_trim else None
    except (OSError, AttributeError):  # another C library, musl for instance
        return None
