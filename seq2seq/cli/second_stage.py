"""What the commands that train say of the second stage of a training."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seq2seq.pipeline.train.refine import Refined
    from seq2seq.pipeline.train.train import Trained


def stopped_at(done: Trained) -> str:
    """Returns after which update a training was asked to stop."""
    if done.refined is not None:
        return f"update {done.refined.counters.update:,} of the second stage"
    return f"update {done.counters.update:,}"


def refined(found: Refined) -> str:
    """Tells whether the second stage made a better model."""
    before, now = found.before, found.best
    length = f"Refined for minimum risk by {found.counters.update:,} updates: "
    if not now:
        return f"{length}none was better than the first stage's best, which is kept (BLEU {before['bleu']:.2f})."
    return (
        f"{length}development BLEU {before['bleu']:.2f} -> {now['bleu']:.2f}, "
        f"chrF {before['chrf']:.2f} -> {now['chrf']:.2f}."
    )
