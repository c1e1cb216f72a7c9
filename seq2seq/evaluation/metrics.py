"""Corpus scores through sacreBLEU, each with the signature that makes it comparable (Post 2018).

A metric is a function that takes the settings of the data (`tokenize`, `lowercase`) and returns the sacreBLEU object
that counts. To add one, write such a function and its line in the registry: scoring, intervals, the significance test
and the list of scores follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from seq2seq.errors import UserError, nearest
from seq2seq.evaluation.counting import Watch, counted, nobody
from seq2seq.evaluation.resampling import check_resamples, resampled
from seq2seq.registry import METRICS

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric

LOWER_IS_BETTER = frozenset({"ter"})
_UNSPACED = frozenset({"zh", "ja-mecab"})  # languages that put no space between words


@dataclass(frozen=True)
class Score:
    """A metric's value on one test set, in its usual 0-100 scale (TER may exceed 100).

    Args:
        name: The registry's name of the metric, for instance "bleu".
        value: The score of the whole corpus, not a mean over sentences.
        signature: sacreBLEU's own: two values are comparable where the signatures are equal.
        low: Lower end of the 95 % bootstrap interval; None where none was asked for, or of one sentence, whose
            resamples are all the same.
        high: Upper end of it.
    """

    name: str
    value: float
    signature: str
    low: float | None = None
    high: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns the five fields as plain values, ready for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        interval = "" if self.low is None or self.high is None else f" [{self.low:.1f}, {self.high:.1f}]"
        return f"{self.name} {self.value:.2f}{interval} ({self.signature})"


def bleu(*, tokenize: str = "13a", lowercase: bool = False) -> Metric:
    """Returns corpus BLEU (Papineni et al. 2002): n-gram precision up to 4, brevity penalty, sacreBLEU's smoothing.

    Raises:
        UserError: The tokenizer is unknown, or something it needs is not installed or cannot be fetched.
    """
    from sacrebleu.metrics.bleu import BLEU

    known = [name for name in BLEU.TOKENIZERS if name != "spm"]  # "spm" is sacreBLEU's old word for flores101
    if tokenize not in known:
        raise UserError(f"sacreBLEU has no tokenizer called {tokenize!r}.", hint=nearest(tokenize, known))
    try:
        # force: the warning about lines ending in " ." is the corpus doctor's business, and pretokenised text is legal.
        return BLEU(tokenize=tokenize, lowercase=lowercase, force=True)
    except (ImportError, RuntimeError, OSError, SystemExit) as error:  # a failed download ends in sys.exit there
        raise UserError(
            f"sacreBLEU's tokenizer {tokenize!r} cannot be loaded: {' '.join(str(error).split())}",
            hint="Install what it needs (sacrebleu[ja] or sacrebleu[ko]; flores models are fetched once from the net).",
        ) from error


def chrf(*, tokenize: str = "13a", lowercase: bool = False) -> Metric:
    """Returns chrF2 (Popović 2015): F-score of character n-grams up to 6, recall weighing twice.

    `tokenize` changes nothing: characters need no words.
    """
    from sacrebleu.metrics.chrf import CHRF

    return CHRF(lowercase=lowercase)


def ter(*, tokenize: str = "13a", lowercase: bool = False) -> Metric:
    """Returns translation edit rate (Snover et al. 2006): edits and shifts per reference word; lower is better.

    Case never counts, whatever `lowercase` says: so does Tercom and so does sacreBLEU's command line, and a TER that
    differs from theirs would be compared with theirs all the same. Where the tokenizer is one for Chinese or Japanese,
    words are found the way Tercom does for them; else a whole sentence would be one word.
    """
    from sacrebleu.metrics.ter import TER

    unspaced = tokenize in _UNSPACED
    return TER(normalized=unspaced, asian_support=unspaced, case_sensitive=False)


def score(
    hypotheses: Sequence[str],
    references: Sequence[str],
    *,
    metrics: Sequence[str] = ("bleu", "chrf", "ter"),
    tokenize: str = "13a",
    lowercase: bool = False,
    bootstrap: int = 0,
    seed: int = 12345,
    watch: Watch = nobody,
) -> list[Score]:
    """Scores a corpus with each of `metrics`, in their order.

    Args:
        hypotheses: The translations, detokenised, one a sentence.
        references: The reference of each.
        metrics: Names of the registry.
        tokenize: sacreBLEU's tokenizer for BLEU; a property of the target language.
        lowercase: Whether case is folded before counting.
        bootstrap: Resamples for the 95 % interval (Koehn 2004); 0 for none, which is what validation during training
            wants. One is in memory at a time.
        seed: Of the resampling.
        watch: Told now and then how many sentences are counted under the metric that is at work.

    Returns:
        One score a metric. The interval is sacreBLEU's: the resamples' mean plus and minus half of their central 95 %.

    Raises:
        UserError: Nothing to score, different counts, an unknown metric, or an impossible number of resamples.
    """
    check_lines(hypotheses=hypotheses, references=references)
    check_resamples(bootstrap, seed)
    built = {name: METRICS.load(name)(tokenize=tokenize, lowercase=lowercase) for name in metrics}
    found = []
    for name, metric in built.items():
        counts = counted(metric, hypotheses, references, watch)
        found.append(_score(name, metric, counts, bootstrap=bootstrap, seed=seed))
    return found


def check_metrics(names: Sequence[str], *, tokenize: str = "13a", lowercase: bool = False) -> None:
    """Refuses metrics that cannot be built, before the work whose result they are to score; see `score`.

    Raises:
        UserError: A metric or the tokenizer is unknown, or something that the tokenizer needs is not there.
    """
    for name in names:
        METRICS.load(name)(tokenize=tokenize, lowercase=lowercase)


def check_lines(**texts: Sequence[str]) -> None:
    """Refuses texts of different length, or of none; the argument's name is what the text is called in the message.

    Raises:
        UserError: The counts differ, or are all 0; the message names each.
    """
    counts = {name: len(lines) for name, lines in texts.items()}
    listing = " and ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())
    if len(set(counts.values())) > 1:
        raise UserError(
            f"Line n of each text must be the same sentence, but there are {listing}.",
            hint="Look for a lost or an added line.",
        )
    if not next(iter(counts.values())):
        raise UserError(f"There is nothing to score: {listing}.", hint="Give at least one sentence.")


def _score(name: str, metric: Metric, counts: list[Any], *, bootstrap: int, seed: int) -> Score:
    result = metric._aggregate_and_compute(counts)
    value = float(result.score)
    if not bootstrap:
        return Score(name, value, str(metric.get_signature()))
    metric.n_bootstrap, metric.seed = bootstrap, str(seed)
    signature = str(metric.get_signature())
    if len(counts) == 1:
        return Score(name, value, signature)
    _estimate(metric, result, counts, bootstrap, seed)
    mean, half = float(result._mean), float(result._ci)  # sacreBLEU publishes them in its printed form only
    # Errors can be more than the words there are; of what is right there is no more than all.
    high = mean + half if name in LOWER_IS_BETTER else min(100.0, mean + half)
    return Score(name, value, signature, max(0.0, mean - half), high)


def _estimate(metric: Metric, result: Any, counts: Sequence[Any], bootstrap: int, seed: int) -> None:  # noqa: ANN401
    """Lets a score estimate its interval from resamples."""
    import numpy as np

    totals = resampled([counts], bootstrap, np.random.default_rng(seed))
    found = [metric._compute_score_from_stats(total) for (total,) in totals]  # type: ignore[arg-type]
    try:
        result.estimate_ci(found)
    except TypeError:
        # Where some resamples have no n-gram in common with the references and others have, sacreBLEU's scores are of
        # two kinds of number, whose mean Python refuses. Once more, with one kind.
        for one in found:
            one.score = float(one.score)
        result.estimate_ci(found)
