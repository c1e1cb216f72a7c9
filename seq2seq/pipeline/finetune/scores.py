"""What the new and the old text gained or lost: the model's scores before fine-tuning and after."""

from __future__ import annotations

from collections.abc import Mapping

from seq2seq.bundle import RunFolder
from seq2seq.pipeline.prepare.basis import OLD_SCORES
from seq2seq.training.metrics_log import MetricsLog


def before_and_after(
    run: RunFolder, best_update: int, *, refined: Mapping[str, float] | None = None
) -> dict[str, dict[str, dict[str, float]]]:
    """Returns the development scores of the model before fine-tuning and of the one that was kept.

    Args:
        run: The run.
        best_update: The update of the first stage's best model.
        refined: The scores of the second stage's best model, where that was kept.

    Returns:
        "new" and, where the old text is at hand, "old": each with "before" and "after": "loss", "bleu", "chrf".
    """
    looks = {row["update"]: row for row in MetricsLog(run.metrics).rows() if row["kind"] == "validation"}
    rows = {"before": looks.get(0, {}), "after": refined or looks.get(best_update, {})}
    found: dict[str, dict[str, dict[str, float]]] = {}
    for text, prefix in (("new", ""), ("old", OLD_SCORES)):
        told = {
            when: {name: row[prefix + name] for name in ("loss", "bleu", "chrf")}
            for when, row in rows.items()
            if prefix + "bleu" in row
        }
        if told:
            found[text] = told
    return found
