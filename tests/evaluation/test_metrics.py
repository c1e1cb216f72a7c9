"""Scores against formulas written out here, and what their signatures and intervals promise."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tracemalloc
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.errors import UserError
from seq2seq.evaluation.metrics import LOWER_IS_BETTER, Score, check_lines, score
from seq2seq.registry import METRICS

HYPOTHESES = [
    "the red boat leaves the small harbour at noon",
    "my sister bakes bread every Sunday morning",
    "two dogs sleep under the old table",
    "he opened the window and looked at the rain",
]
REFERENCES = [
    "the red boat leaves the old harbour at noon",
    "my sister bakes fresh bread each Sunday morning",
    "two dogs are sleeping under the old table",
    "he opened a window and watched the heavy rain",
]


def grams(units, order):
    return Counter(tuple(units[i : i + order]) for i in range(len(units) - order + 1))


def slow_bleu(hypotheses, references):
    """Papineni et al.'s equation on words; needs a match of every order, so that smoothing plays no part."""
    hypothesis_length = sum(len(h.split()) for h in hypotheses)
    reference_length = sum(len(r.split()) for r in references)
    log_precisions = []
    for order in range(1, 5):
        matched = total = 0
        for h, r in zip(hypotheses, references, strict=True):
            ours, theirs = grams(h.split(), order), grams(r.split(), order)
            matched += sum(min(n, theirs[gram]) for gram, n in ours.items())
            total += sum(ours.values())
        log_precisions.append(math.log(matched / total))
    penalty = min(0.0, 1 - reference_length / hypothesis_length)
    return 100 * math.exp(penalty + sum(log_precisions) / 4)


def slow_chrf(hypotheses, references, beta=2, orders=6):
    """Popović's equation: mean precision and recall over character orders, spaces left out."""
    precisions, recalls = [], []
    for order in range(1, orders + 1):
        matched = ours_total = theirs_total = 0
        for h, r in zip(hypotheses, references, strict=True):
            ours, theirs = grams(h.replace(" ", ""), order), grams(r.replace(" ", ""), order)
            matched += sum((ours & theirs).values())
            ours_total += sum(ours.values())
            theirs_total += sum(theirs.values())
        precisions.append(matched / ours_total)
        recalls.append(matched / theirs_total)
    precision, recall = sum(precisions) / orders, sum(recalls) / orders
    return 100 * (1 + beta**2) * precision * recall / (beta**2 * precision + recall)


def value(name, hypotheses, references, **settings):
    return score(hypotheses, references, metrics=[name], **settings)[0].value


@pytest.mark.parametrize("shorter", [False, True], ids=["as they are", "hypotheses cut short"])
def test_bleu_and_chrf_equal_their_formulas(shorter):
    hypotheses = [h.rsplit(" ", 1)[0] for h in HYPOTHESES] if shorter else HYPOTHESES
    assert value("bleu", hypotheses, REFERENCES) == pytest.approx(slow_bleu(hypotheses, REFERENCES))
    assert value("chrf", hypotheses, REFERENCES) == pytest.approx(slow_chrf(hypotheses, REFERENCES))


def test_bleu_is_of_the_corpus_and_not_a_mean_over_sentences():
    short, long = ["a b c d"], ["a b c d e f g x y z u v"]
    references = ["a b c d", "a b c d e f g h i j k l"]
    mean = (value("bleu", short, references[:1]) + value("bleu", long, references[1:])) / 2
    assert value("bleu", short + long, references) == pytest.approx(slow_bleu(short + long, references))
    assert value("bleu", short + long, references) != pytest.approx(mean)


def test_ter_counts_edits_and_a_shift_as_one():
    # one substitution in five words; a moved pair of words is one edit, not four
    assert value("ter", ["a b x d e"], ["a b c d e"]) == pytest.approx(100 * 1 / 5)
    assert value("ter", ["d e a b c"], ["a b c d e"]) == pytest.approx(100 * 1 / 5)


SENTENCES = st.lists(st.text("abcdefgh", min_size=2, max_size=7), min_size=4, max_size=9).map(" ".join)


@given(st.lists(SENTENCES, min_size=1, max_size=6))
@settings(max_examples=20, deadline=None)
def test_identical_texts_are_perfect(lines):
    by_name = {s.name: s.value for s in score(lines, lines)}
    assert by_name == {"bleu": pytest.approx(100), "chrf": pytest.approx(100), "ter": pytest.approx(0)}


def test_nothing_in_common_is_worth_nothing():
    assert value("bleu", ["aaa bbb ccc ddd"], ["eee fff ggg hhh"]) == 0
    assert value("chrf", ["aaa bbb ccc ddd"], ["eee fff ggg hhh"]) == 0
    assert value("ter", ["aaa bbb ccc ddd"], ["eee fff ggg hhh"]) == 100


def test_scores_come_in_the_order_asked_for_under_the_names_of_the_registry():
    assert [s.name for s in score(HYPOTHESES, REFERENCES, metrics=("ter", "bleu"))] == ["ter", "bleu"]
    assert [s.name for s in score(HYPOTHESES, REFERENCES, metrics=list(METRICS))] == list(METRICS)
    assert set(METRICS) >= LOWER_IS_BETTER


def test_case_counts_unless_it_is_folded_and_ter_always_folds_it():
    loud = [h.upper() for h in REFERENCES]
    assert value("bleu", loud, REFERENCES) == 0
    assert value("chrf", loud, REFERENCES) < 5
    for name, best in (("bleu", 100), ("chrf", 100), ("ter", 0)):
        assert value(name, loud, REFERENCES, lowercase=True) == pytest.approx(best)
    assert value("ter", loud, REFERENCES) == 0


def test_signatures_say_what_was_counted():
    parts = {s.name: s.signature.split("|") for s in score(HYPOTHESES, REFERENCES)}
    assert {"nrefs:1", "case:mixed", "tok:13a", "smooth:exp"} <= set(parts["bleu"])
    assert {"nrefs:1", "case:mixed", "nc:6", "nw:0"} <= set(parts["chrf"])
    assert {"nrefs:1", "case:lc", "tok:tercom"} <= set(parts["ter"])
    for signature in parts.values():
        assert any(part.startswith("version:") for part in signature)
        assert not any(part.startswith(("bs:", "seed:")) for part in signature)
    folded = score(HYPOTHESES, REFERENCES, metrics=["bleu"], lowercase=True, tokenize="char", bootstrap=50, seed=7)
    assert {"case:lc", "tok:char", "bs:50", "seed:7"} <= set(folded[0].signature.split("|"))


def test_chinese_words_are_found_by_ter_too():
    one_wrong = score(["我喜欢喝红茶"], ["我喜欢喝绿茶"], metrics=["bleu", "ter"], tokenize="zh")
    assert "tok:zh" in one_wrong[0].signature
    assert one_wrong[1].value == pytest.approx(100 / 6)  # six characters, one wrong
    assert "asian:yes" in one_wrong[1].signature
    assert value("ter", ["我喜欢喝红茶"], ["我喜欢喝绿茶"]) == 100  # as one word, which 13a texts are cut into


def test_the_interval_holds_the_value_and_depends_on_the_seed_alone(monkeypatch):
    corpus = HYPOTHESES * 5, REFERENCES * 5
    monkeypatch.setenv("SACREBLEU_SEED", "99")
    once = score(*corpus, bootstrap=200, seed=3)
    for s in once:
        assert s.low <= s.value <= s.high
        assert s.low < s.high
    assert os.environ["SACREBLEU_SEED"] == "99"
    assert score(*corpus, bootstrap=200, seed=3) == once
    other = score(*corpus, bootstrap=200, seed=4)
    assert [s.low for s in other] != [s.low for s in once]
    assert [s.value for s in other] == [s.value for s in once]
    monkeypatch.delenv("SACREBLEU_SEED")
    assert score(*corpus, bootstrap=200, seed=3) == once
    assert "SACREBLEU_SEED" not in os.environ


def test_an_interval_ends_where_scores_do_and_that_of_errors_does_not():
    nearly = [*REFERENCES, "a b"], [*REFERENCES, "a c"]
    assert all(s.high == 100 for s in score(*nearly, metrics=["bleu", "chrf"], bootstrap=40))
    (errors,) = score(["a b c d e f", "g"], ["x", "g"], metrics=["ter"], bootstrap=40)
    assert errors.high > 100


@pytest.mark.parametrize("size", [2, 37])
@pytest.mark.parametrize("name", list(METRICS))
def test_the_interval_is_sacrebleus_to_the_bit(monkeypatch, name, size):
    hypotheses, references = ((texts * 10)[:size] for texts in (HYPOTHESES, REFERENCES))
    monkeypatch.setenv("SACREBLEU_SEED", "7")
    own = METRICS.load(name)()
    wanted = own.corpus_score(hypotheses, [references], n_bootstrap=45)
    (found,) = score(hypotheses, references, metrics=[name], bootstrap=45, seed=7)
    assert (found.value, found.signature) == (wanted.score, str(own.get_signature()))
    assert (found.low, found.high) == (wanted._mean - wanted._ci, wanted._mean + wanted._ci)


def peak_of(work):
    """Returns how many bytes were held at once, at most, while `work` was done."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_resamples_are_never_all_in_memory():
    size, resamples, counts = 400, 1000, 10
    texts = HYPOTHESES * (size // 4), REFERENCES * (size // 4)
    score(*texts, metrics=["bleu"], bootstrap=40)  # what is imported and cached stays
    peak = peak_of(lambda: score(*texts, metrics=["bleu"], bootstrap=resamples))
    assert peak < size * resamples * counts * 4 / 3


@pytest.mark.parametrize("name", ["bleu", "chrf"])
def test_what_was_counted_in_a_sentence_is_not_kept(name):
    def peak(times):
        return peak_of(lambda: score(HYPOTHESES * times, REFERENCES * times, metrics=[name]))

    peak(1)  # what is imported and cached stays
    assert peak(400) < 2 * peak(100)


def test_more_sentences_narrow_the_interval():
    def width(times):
        s = score(HYPOTHESES * times, REFERENCES * times, metrics=["chrf"], bootstrap=300)[0]
        return s.high - s.low

    assert width(16) == pytest.approx(width(1) / 4, rel=0.35)  # like one over the square root


def test_a_score_is_plain_values():
    s = score(HYPOTHESES, REFERENCES, metrics=["bleu"], bootstrap=50)[0]
    assert s.to_dict() == {"name": "bleu", "value": s.value, "signature": s.signature, "low": s.low, "high": s.high}
    assert type(s.value) is type(s.low) is type(s.high) is float
    assert str(Score("bleu", 37.125, "v", 35.04, 39.26)) == "bleu 37.12 [35.0, 39.3] (v)"
    assert str(Score("bleu", 37.125, "v")) == "bleu 37.12 (v)"


@pytest.mark.parametrize(
    ("hypotheses", "references", "told"),
    [
        (["a"] * 1200, ["a"] * 1199, ["1,200 hypotheses", "1,199 references"]),
        ([], ["a"], ["0 hypotheses", "1 references"]),
        ([], [], ["nothing to score", "0 hypotheses", "0 references"]),
    ],
)
def test_texts_that_do_not_match_are_refused_with_both_counts(hypotheses, references, told):
    with pytest.raises(UserError) as error:
        score(hypotheses, references)
    assert all(part in str(error.value) for part in told)


def test_check_lines_calls_the_texts_by_their_names():
    with pytest.raises(UserError, match="2 first translations and 1 references"):
        check_lines(first_translations=["a", "b"], references=["a"])


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"metrics": ["blue"]}, "Did you mean 'bleu'"),
        ({"tokenize": "13b"}, "Did you mean '13a'"),
        ({"bootstrap": 39}, "at least 40, or 0"),
        ({"bootstrap": -1}, "not -1"),
        ({"seed": 0}, "at least 1"),
    ],
)
def test_wrong_settings_are_answered(settings, told):
    with pytest.raises(UserError, match=told):
        score(HYPOTHESES, REFERENCES, **settings)


def test_a_tokenizer_that_cannot_be_loaded_is_the_users_to_install(monkeypatch):
    import sacrebleu.tokenizers.tokenizer_ja_mecab as japanese

    monkeypatch.setattr(japanese, "MeCab", None)
    with pytest.raises(UserError, match=r"'ja-mecab' cannot be loaded.*sacrebleu\[ja\]"):
        score(HYPOTHESES, REFERENCES, metrics=["bleu"], tokenize="ja-mecab")


def test_lone_surrogates_and_empty_lines_are_scored():
    odd = ["", "\ud800 a b", "\x00", "\N{GRINNING FACE} " * 50]
    assert all(math.isfinite(s.value) for s in score(odd, ["a", "b", "c", "d"]))


def test_importing_the_room_imports_no_sacrebleu():
    code = "import sys, seq2seq.evaluation.metrics, seq2seq.evaluation.significance, seq2seq.evaluation.worst; "
    code += "print('sacrebleu' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
