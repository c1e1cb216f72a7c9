"""The paired test: its symmetry, its verdicts on clear cases, and an independent bootstrap beside it."""

from __future__ import annotations

import math
import random
import tracemalloc

import pytest
from sacrebleu.significance import PairedTest

from seq2seq.errors import UserError
from seq2seq.evaluation.metrics import score
from seq2seq.evaluation.significance import Comparison, Estimate, compare
from seq2seq.registry import METRICS

WORDS = ["boat", "bread", "cloud", "door", "evening", "forest", "garden", "island", "letter", "market", "night"]


def corpus(size, wrong, seed):
    """References of random words, and translations in which a share `wrong` of the words is another word."""
    generator = random.Random(seed)
    references = [[generator.choice(WORDS) for _ in range(9)] for _ in range(size)]
    translations = [[generator.choice(WORDS) if generator.random() < wrong else w for w in r] for r in references]
    return [" ".join(t) for t in translations], [" ".join(r) for r in references]


BAD, REFERENCES = corpus(60, 0.4, seed=1)
GOOD, _ = corpus(60, 0.05, seed=1)  # the same references: they are drawn first


@pytest.mark.parametrize("method", ["bootstrap", "randomisation"])
def test_a_clear_difference_is_found_and_the_test_is_symmetrical(method):
    settings = {"metrics": ["bleu", "chrf", "ter"], "method": method, "resamples": 200}
    there = compare(BAD, GOOD, REFERENCES, **settings)
    back = compare(GOOD, BAD, REFERENCES, **settings)
    for one, other in zip(there, back, strict=True):
        assert one.p_value == other.p_value < 0.05
        assert one.difference == pytest.approx(-other.difference)
        assert one.first.value == other.second.value
        assert one.better() == "second"
        assert other.better() == "first"


@pytest.mark.parametrize("method", ["bootstrap", "randomisation"])
def test_a_system_does_not_differ_from_itself(method):
    for one in compare(BAD, BAD, REFERENCES, method=method, resamples=50):
        assert (one.difference, one.p_value, one.better()) == (0.0, 1.0, "neither")


@pytest.mark.parametrize("method", ["bootstrap", "randomisation"])
@pytest.mark.parametrize(("size", "least"), [(1, 1.0), (2, 0.5), (5, 0.0625), (6, 0.03125)])
def test_a_handful_of_sentences_proves_no_more_than_the_signs_of_their_differences(method, size, least):
    good, bad = REFERENCES[:size], ["nothing at all"] * size
    for one in compare(bad, good, REFERENCES[:size], metrics=["bleu", "chrf"], method=method, resamples=200):
        assert one.p_value >= least
        assert one.better() == ("second" if least < 0.05 else "neither")


def test_two_equally_bad_systems_do_not_differ():
    pairs = list(zip(BAD, GOOD, strict=True))
    first = [pair[i % 2] for i, pair in enumerate(pairs)]
    second = [pair[1 - i % 2] for i, pair in enumerate(pairs)]
    assert all(one.better() == "neither" for one in compare(first, second, REFERENCES, resamples=200))


def test_the_values_are_the_scores_and_the_signature_says_how_it_was_tested():
    for method, tag in (("bootstrap", "bs:50"), ("randomisation", "ar:50")):
        compared = compare(BAD, GOOD, REFERENCES, method=method, resamples=50, seed=5, lowercase=True)
        firsts, seconds = score(BAD, REFERENCES, lowercase=True), score(GOOD, REFERENCES, lowercase=True)
        for one, first, second in zip(compared, firsts, seconds, strict=True):
            assert one.metric == first.name
            assert one.first.value == pytest.approx(first.value)
            assert one.second.value == pytest.approx(second.value)
            assert one.difference == pytest.approx(second.value - first.value)
            assert abs(one.first.mean - one.first.value) < one.first.half_width
            assert {tag, "seed:5", "case:lc"} <= set(one.signature.split("|"))


def test_the_p_value_agrees_with_a_bootstrap_of_our_own():
    """Edits in equally long references without shifts: TER is the mean number of wrong words, easy to resample."""
    first, references = corpus(80, 0.20, seed=3)
    second, _ = corpus(80, 0.26, seed=3)

    def errors(translations):
        return [
            sum(a != b for a, b in zip(t.split(), r.split(), strict=True))
            for t, r in zip(translations, references, strict=True)
        ]

    # Words that are all different within a sentence would forbid shifts; here they are rare, and the tolerance is wide.
    gap = [b - a for a, b in zip(errors(first), errors(second), strict=True)]
    generator = random.Random(0)
    n = len(gap)
    means = [sum(generator.choices(gap, k=n)) / n for _ in range(2000)]
    observed = abs(sum(gap) / n)
    centre = sum(abs(m) for m in means) / len(means)
    expected = sum(abs(m) - centre > observed for m in means) / len(means)
    found = compare(first, second, references, metrics=["ter"], resamples=1000)[0].p_value
    assert 0 < found < 1
    assert math.isclose(found, expected, abs_tol=0.1)


@pytest.mark.parametrize(("method", "test_type"), [("bootstrap", "bs"), ("randomisation", "ar")])
@pytest.mark.parametrize("resamples", [70, 0])
def test_the_test_is_sacrebleus_to_the_bit(monkeypatch, method, test_type, resamples):
    first, second = ["odd", *BAD[:40]], ["", *BAD[20:60]]
    references, names = ["words", *REFERENCES[:40]], list(METRICS)
    monkeypatch.setenv("SACREBLEU_SEED", "5")
    own = PairedTest(
        [("first", first), ("second", second)],
        {name: METRICS.load(name)() for name in names},
        [references],
        test_type=test_type,
        n_samples=resamples,
        n_ar_confidence=1000 if method == "randomisation" else -1,
    )
    signatures, wanted = own()
    found = compare(first, second, references, metrics=names, method=method, resamples=resamples, seed=5)
    for one, label in zip(found, signatures, strict=True):
        baseline, other = wanted[label]
        assert one.signature == str(signatures[label])
        assert one.p_value == other.p_value
        assert one.first == Estimate(baseline.score, baseline.mean, baseline.ci)
        assert one.second == Estimate(other.score, other.mean, other.ci)


@pytest.mark.parametrize("method", ["bootstrap", "randomisation"])
def test_resamples_are_never_all_in_memory(method):
    size, resamples, counts = 480, 1000, 10
    texts = BAD * (size // 60), GOOD * (size // 60), REFERENCES * (size // 60)
    settings = {"metrics": ["bleu"], "method": method}
    compare(*texts, resamples=40, **settings)  # what is imported and cached stays
    tracemalloc.start()
    compare(*texts, resamples=resamples, **settings)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < size * resamples * counts * 4 / 3


def test_a_lower_ter_is_better():
    one = Comparison("ter", Estimate(50, 50, 1), Estimate(40, 40, 1), -10.0, 0.01, "")
    assert one.better() == "second"
    assert one.better(level=0.01) == "neither"
    assert Comparison("bleu", one.first, one.second, -10.0, 0.01, "").better() == "first"
    told = one.to_dict()
    assert told["better"] == "second"
    assert told["first"] == {"value": 50, "mean": 50, "half_width": 1}


def test_the_same_seed_gives_the_same_answer():
    settings = {"metrics": ["chrf"], "resamples": 60}
    assert compare(BAD, GOOD, REFERENCES, **settings) == compare(BAD, GOOD, REFERENCES, **settings)
    assert compare(BAD, GOOD, REFERENCES, seed=2, **settings) != compare(BAD, GOOD, REFERENCES, **settings)


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(UserError, match="60 first translations and 59 second translations and 60 references"):
        compare(BAD, GOOD[1:], REFERENCES)
    with pytest.raises(UserError, match="nothing to score"):
        compare([], [], [])
    with pytest.raises(UserError, match="bootstrap or randomisation"):
        compare(BAD, GOOD, REFERENCES, method="t-test")
    with pytest.raises(UserError, match="at least 40"):
        compare(BAD, GOOD, REFERENCES, resamples=3)
    with pytest.raises(UserError, match="Did you mean 'chrf'"):
        compare(BAD, GOOD, REFERENCES, metrics=["chr"])
