"""The C library's allocator, told to keep large buffers between updates."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEEP_BYTES = 1 << 30


def keep_large_buffers() -> bool:
    """Stops glibc from handing every large buffer back to the kernel and asking for it again a moment later.

    Every update allocates the same large tensors; with glibc's defaults each one is mapped, zeroed by the kernel page
    by page and unmapped again. The price is that freed memory stays with the process. Elsewhere than on glibc nothing
    happens.

    Returns:
        Whether the allocator took the settings.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # another C library, musl for instance
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, KEEP_BYTES) and mallopt(M_TRIM_THRESHOLD, KEEP_BYTES))
