"""Scores by group and the words that are wrong, with values that are counted by hand."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.evaluation.diagnosis.by_length import by_length
from seq2seq.evaluation.diagnosis.by_rarity import by_rarity, words_by_rarity
from seq2seq.evaluation.diagnosis.diagnose import FLAGS, diagnose
from seq2seq.evaluation.diagnosis.evidence import gather
from seq2seq.evaluation.diagnosis.groups import labels, place_of
from seq2seq.evaluation.diagnosis.line import Line
from seq2seq.evaluation.diagnosis.wrong_words import substitutions, wrong_words
from seq2seq.evaluation.metrics import score
from seq2seq.evaluation.worst import scored


def lines(*triples):
    return [Line(number, *triple) for number, triple in enumerate(triples, start=1)]


def test_groups_by_length_are_scored_as_corpora():
    short = [("a b c", "w x y z", "w x y z"), ("a b c d e", "w x q z u", "w x y z u")]
    long = [("a b c d e f", "p q r s t u v w", "p q r s t u")]
    found = by_length(lines(*short, *long), [100.0, 50.0, 80.0], tokenize="13a", lowercase=False)
    assert [(group.label, group.sentences, group.chrf) for group in found] == [("1-5", 2, 75.0), ("6-10", 1, 80.0)]
    for group, own in zip(found, (short, long), strict=True):
        (wanted,) = score([t[1] for t in own], [t[2] for t in own], metrics=["bleu"])
        assert group.bleu == pytest.approx(wanted.value)
    assert found[1].length_ratio == pytest.approx(8 / 6)


def test_outputs_that_share_almost_nothing_have_intervals_too():
    # Some resamples share no character with the references and others do.
    found = score(["qqq", "xyx"], ["mmm", "xyz"], bootstrap=40)
    assert [s.name for s in found] == ["bleu", "chrf", "ter"]
    assert all(s.low <= s.value <= s.high for s in found)


def test_groups_keep_the_rules_of_the_target_language():
    upper = lines(("a", "VIER WORTE SIND HIER", "vier worte sind hier"))
    assert by_length(upper, [0.0], tokenize="13a", lowercase=True)[0].bleu == pytest.approx(100)
    assert by_length(upper, [0.0], tokenize="13a", lowercase=False)[0].bleu == 0


def test_ranges_meet_and_miss_nothing():
    assert labels((0, 1, 3, 1000)) == ["0", "1-2", "3-999", "1,000 or more"]
    assert [place_of(value, (0, 1, 3, 1000)) for value in (0, 1, 2, 3, 999, 1000, 10**6)] == [0, 1, 1, 2, 2, 3, 3]
    assert place_of(0, (1, 6)) == 0  # a source without words is with the shortest


@pytest.mark.parametrize("window", [3, 4096])
def test_words_by_how_often_the_training_text_had_them(monkeypatch, window):
    monkeypatch.setattr("seq2seq.evaluation.diagnosis.evidence._WINDOW", window)
    training = [("s", "der Hund")] * 12 + [("s", "die Katze")]
    test = lines(("s", "der Hund der", "der hund Katze Maus"))
    evidence = gather(test, training)
    assert evidence.num_pairs == 13
    assert (evidence.source_counts["s"], evidence.target_counts["hund"]) == (13, 12)
    found = {g.label: g for g in words_by_rarity(test, evidence)}
    # der, Hund: 12 times. Katze: once. Maus: never.
    assert (found["10-99"].words, found["10-99"].recall, found["10-99"].precision) == (2, 1.0, pytest.approx(2 / 3))
    assert found["10-99"].f1 == pytest.approx(0.8)
    assert (found["1-2"].words, found["1-2"].recall, found["1-2"].f1) == (1, 0.0, 0.0)
    assert (found["0"].words, found["0"].recall) == (1, 0.0)
    assert set(found) == {"0", "1-2", "10-99"}


def test_sentences_by_the_rarest_word_of_their_source():
    training = [("often", "x")] * 10 + [("seldom", "x")]
    test = lines(("often seldom", "a", "a"), ("often", "a", "a"), ("often never", "a", "a"))
    evidence = gather(test, training)
    found = by_rarity(test, [1.0, 2.0, 3.0], evidence, tokenize="13a", lowercase=False)
    assert [(g.label, g.chrf) for g in found] == [("0", 3.0), ("1-2", 1.0), ("10-99", 2.0)]
    assert (evidence.origin, evidence.num_pairs) == ("training", 11)


def test_without_training_text_the_test_set_is_counted_and_not_the_outputs():
    test = lines(("a", "neu neu", "alt"), ("a b", "alt", "alt"))
    evidence = gather(test)
    assert (evidence.origin, evidence.num_pairs) == ("references", 2)
    assert dict(evidence.target_counts) == {"alt": 2}
    assert dict(evidence.source_counts) == {"a": 2, "b": 1}


def test_only_words_that_are_asked_about_are_kept():
    test = lines(("cat", "Katze", "Kater"))
    evidence = gather(test, (("cat " + "word" * n, f"Katze nr{n}") for n in range(500)))
    assert dict(evidence.source_counts) == {"cat": 500}
    assert dict(evidence.target_counts) == {"katze": 500}


# --- wrong words


def test_wrong_words_are_counted_with_their_partners():
    test = lines(
        ("s", "ein rotes Hemd", "ein rotes Shirt"),
        ("s", "das Hemd dort", "das Shirt dort"),
        ("s", "dort ist es", "es ist dort"),  # order is not counted against it
        ("s", "er geht", "er geht heute heim"),
        ("s", "sie sie lacht", "sie lacht"),
    )
    found = wrong_words(test)
    assert [(c.reference, c.output, c.count, c.lines) for c in found.confused] == [("shirt", "hemd", 2, [1, 2])]
    assert [(m.word, m.count, m.total) for m in found.missing] == [("shirt", 2, 2), ("heim", 1, 1), ("heute", 1, 1)]
    assert [(m.word, m.count, m.total) for m in found.extra] == [("hemd", 2, 2), ("sie", 1, 2)]
    assert len(wrong_words(test, most=1).missing) == 1


def test_totals_are_counted_without_a_look_at_all_words_before(monkeypatch):
    def slow(*_):
        raise AssertionError("+= goes through all words counted so far, at every line")

    monkeypatch.setattr(Counter, "__iadd__", slow)
    found = wrong_words(lines(*[("s", f"p p a{n}", f"q q q b{n}") for n in range(100)]))
    assert [(m.word, m.count, m.total) for m in found.missing[:2]] == [("q", 300, 300), ("b0", 1, 1)]
    assert [(m.word, m.count, m.total) for m in found.extra[:2]] == [("p", 200, 200), ("a0", 1, 1)]


def distance(left, right):
    """Levenshtein's distance, by its definition."""
    if not left or not right:
        return len(left) + len(right)
    return min(
        distance(left[1:], right[1:]) + (left[0] != right[0]),
        distance(left[1:], right) + 1,
        distance(left, right[1:]) + 1,
    )


@settings(max_examples=40, deadline=None)
@given(st.text("abc", max_size=5), st.text("abc", max_size=5))
def test_substitutions_are_those_of_a_cheapest_edit(left, right):
    pairs = substitutions(list(left), list(right))
    assert all(one in left and other in right and one != other for one, other in pairs)
    # What is not substituted is inserted or deleted: with s substitutions and m matches the cost is |l| + |r| - s - 2m.
    matches, rest = divmod(len(left) + len(right) - len(pairs) - distance(left, right), 2)
    assert rest == 0
    assert 0 <= matches <= min(len(left), len(right)) - len(pairs)


def test_very_long_sentences_are_counted_and_not_aligned():
    long = [str(n) for n in range(600)]
    assert substitutions(long, ["x", *long[::-1], "y"]) == []
    found = wrong_words(lines(("s", "x", " ".join(long))))
    assert len(found.missing) == 50


# --- all of it


def test_a_diagnosis_is_json_and_its_summary_holds_no_text():
    sentences = scored(["room 17", "the cat"], ["Raum 71", "die Katze"], ["Raum 17", "die Katze"])
    found = diagnose(sentences, languages=("en", "de"))
    told = json.loads(json.dumps(found.to_dict()))
    assert told["flags"]["numbers lost"] == 1
    assert told["findings"][0] == {"line": 1, "flag": "numbers lost", "detail": "17"}
    assert told["rarity"] == {"counted_in": "references", "pairs": 2}
    assert told["wrong_words"]["confused"][0] == {"reference": "17", "output": "71", "count": 1, "lines": [1]}
    assert found.lines["numbers invented"] == [1]
    assert found.summary() == {"sentences": 2, "flags": {flag.name: len(found.lines[flag.name]) for flag in FLAGS}}
    assert "17" not in json.dumps(found.summary())
