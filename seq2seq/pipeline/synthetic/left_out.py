"""What is said where of all that was given nothing is left."""

from __future__ import annotations

from seq2seq.corpus.cleaning import Report


def left_out(report: Report) -> str:
    """Returns how much was left out, by its reason, as a sentence."""
    counts = ", ".join(f"{drops.count:,} {reason}" for reason, drops in report.dropped.items())
    return f"Left out: {counts}." if counts else "There was nothing to read."
