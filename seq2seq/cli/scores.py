"""Scores as tables, the same for every command that shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seq2seq import console
from seq2seq.evaluation.names import METRIC_NAMES
from seq2seq.plots.characters import printable

if TYPE_CHECKING:
    from seq2seq.evaluation.metrics import Score
    from seq2seq.evaluation.significance import Comparison
    from seq2seq.evaluation.worst import Sentence
    from seq2seq.pipeline.evaluate.evaluate import Result


def show_result(result: Result, *, against: str = "", num_worst: int = 0) -> None:
    """Prints a test set's scores with their signatures, and what else there is."""
    rate = len(result.hypotheses) / max(result.seconds, 1e-9)
    console.emit(f"{result.name}: {len(result.hypotheses):,} sentences in {result.seconds:.1f} s ({rate:,.0f}/s)")
    for score in result.scores:
        console.emit(f"  {score_line(score)}")
    if result.comparison:
        console.emit(f"  against {against}:")
        for comparison in result.comparison:
            console.emit(f"  {comparison_line(comparison)}")
    if num_worst and result.worst:
        console.emit(f"  the worst {min(num_worst, len(result.worst))} by chrF:")
        for sentence in result.worst[:num_worst]:
            for line in sentence_lines(sentence):
                console.emit(f"    {printable(line)}")


def score_line(score: Score) -> str:
    """For instance "BLEU 37.12 [35.4, 38.9]  nrefs:1|…"."""
    interval = "" if score.low is None or score.high is None else f" [{score.low:.2f}, {score.high:.2f}]"
    return f"{METRIC_NAMES.get(score.name, score.name)} {score.value:.2f}{interval}  {score.signature}"


def comparison_line(comparison: Comparison) -> str:
    """For instance "BLEU 37.12 against 35.90: +1.22, p = 0.0040, better"."""
    name = METRIC_NAMES.get(comparison.metric, comparison.metric)
    this, other = comparison.second.value, comparison.first.value
    verdict = {"second": "better", "first": "worse", "neither": "may be chance"}[comparison.better()]
    figures = f"{this:.2f} against {other:.2f}: {comparison.difference:+.2f}, p = {comparison.p_value:.4f}"
    return f"{name} {figures}, {verdict}"


def sentence_lines(sentence: Sentence) -> list[str]:
    """The source, the output and the reference of a bad sentence."""
    return [
        f"line {sentence.line}, chrF {sentence.chrf:.1f}",
        f"  source     {sentence.source}",
        f"  output     {sentence.hypothesis}",
        f"  reference  {sentence.reference}",
    ]
