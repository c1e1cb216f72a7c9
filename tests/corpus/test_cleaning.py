"""The cleaner: what is kept, under which reason each drop is counted, and what the report shows."""

from __future__ import annotations

import json
from itertools import count, islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.corpus import cleaning
from seq2seq.corpus.cleaning import Cleaner, Report
from seq2seq.corpus.filters import Filter
from seq2seq.corpus.filters.empty import Empty
from seq2seq.corpus.filters.identical import Identical
from seq2seq.corpus.filters.length import Length
from seq2seq.corpus.hash_set import HashSet
from seq2seq.corpus.held import Held
from seq2seq.corpus.pair import Pair
from seq2seq.text.normaliser import Normaliser


def numbered(*sides):
    return [Pair(n, source, target) for n, (source, target) in enumerate(sides, start=1)]


def held(*sides):
    found = Held()
    found.add(numbered(*sides))
    return found


def cleaned(pairs, **settings):
    report = Report()
    kept = list(Cleaner(Normaliser(), **settings)(pairs, report))
    return kept, report


def test_each_drop_is_counted_under_the_first_reason():
    pairs = numbered(
        ("  A  mill ", "Eine\u00a0Mühle"),
        ("", "leer"),
        ("a b c d", "zu lang"),
        ("A mill", "Eine Mühle"),  # the same as the first once normalised
        ("OK", "OK"),
        ("A mill", "Ein Mühlwerk"),  # another translation of a known source is no duplicate
        ("The TEST-sentence!", "aus dem Test"),
    )
    excluded = held(("the test sentence", "x"), ("", "y")).sources
    kept, report = cleaned(pairs, filters=[Empty(), Length(maximum=3), Identical()], excluded=excluded)
    assert kept == [Pair(1, "A mill", "Eine Mühle"), Pair(6, "A mill", "Ein Mühlwerk")]
    assert report.to_dict() == {
        "read": 7,
        "kept": 2,
        "dropped": {
            "empty": {"count": 1, "examples": [{"line": 2, "source": "", "target": "leer"}]},
            "length": {"count": 1, "examples": [{"line": 3, "source": "a b c d", "target": "zu lang"}]},
            "identical": {"count": 1, "examples": [{"line": 5, "source": "OK", "target": "OK"}]},
            "leakage": {
                "count": 1,
                "examples": [{"line": 7, "source": "The TEST-sentence!", "target": "aus dem Test"}],
            },
            "duplicate": {"count": 1, "examples": [{"line": 4, "source": "A mill", "target": "Eine Mühle"}]},
        },
        "noticed": {},
    }
    assert json.loads(json.dumps(report.to_dict())) == report.to_dict()


def test_duplicates_stay_where_asked_and_each_run_forgets_the_last():
    pairs = numbered(("a", "b"), ("a", "b"))
    assert len(cleaned(pairs, deduplicate=False)[0]) == 2
    cleaner = Cleaner(Normaliser())
    for _ in range(2):
        assert list(cleaner(pairs, Report())) == [Pair(1, "a", "b")]


def test_duplicates_are_found_across_batches():
    pairs = numbered(*[(f"s{n % 5000}", f"t{n % 5000}") for n in range(20_000)])
    kept, report = cleaned(pairs)
    assert kept == pairs[:5000]
    assert report.dropped["duplicate"].count == 15_000


def test_an_empty_test_line_forbids_nothing_and_no_text_at_all_is_no_set():
    empty = held(("", ""), ("  ", " "))
    assert len(empty.sources) == len(empty.targets) == 0
    assert len(cleaned(numbered(("", "z")), excluded=empty.sources)[0]) == 1
    assert empty.know_targets([""]).tolist() == [False]


def test_examples_are_the_first_few_and_short():
    kept, report = cleaned(numbered(*[("long " * 100, "")] * 10), filters=[Empty()])
    examples = report.to_dict()["dropped"]["empty"]["examples"]
    assert not kept and [example["line"] for example in examples] == [1, 2, 3]
    assert all(len(example["source"]) == 120 and example["source"].endswith("…") for example in examples)


def test_an_endless_stream_flows_through():
    endless = (Pair(n, f"source {n}", f"target {n}") for n in count(1))
    assert [p.line for p in islice(Cleaner(Normaliser())(endless, Report()), 3)] == [1, 2, 3]


@pytest.mark.parametrize("deduplicate", [True, False])
@settings(max_examples=60, deadline=None)
@given(sides=st.lists(st.tuples(st.sampled_from(["a", "A", "b ", "", "c."]), st.sampled_from(["x", "", "y"]))))
def test_equals_a_plain_loop_and_the_counts_add_up(deduplicate, sides):
    pairs, forbidden = numbered(*sides), {"c"}
    normalise, expected, seen = Normaliser(), [], set()
    for pair in pairs:
        source, target = normalise(pair.source), normalise(pair.target)
        if not source or not target or source.lower().strip(".") in forbidden:
            continue
        if not deduplicate or (source, target) not in seen:
            expected.append(Pair(pair.line, source, target))
        seen.add((source, target))
    excluded = held(("C!", "z")).sources
    kept, report = cleaned(pairs, filters=[Empty()], deduplicate=deduplicate, excluded=excluded)
    assert kept == expected
    assert report.read == len(pairs) == report.kept + sum(drops.count for drops in report.dropped.values())


def test_duplicates_are_found_across_corpora_and_examples_name_theirs():
    cleaner, report, seen = Cleaner(Normaliser(), filters=[Empty()]), Report(), HashSet()
    kept = []
    for report.corpus, sides in (("news", [("a", "b"), ("", "x")]), ("talks", [("c", "d"), ("a ", "b"), ("a", "")])):
        kept += list(cleaner(numbered(*sides), report, seen=seen))
    assert kept == [Pair(1, "a", "b"), Pair(1, "c", "d")]
    assert (report.read, report.kept) == (5, 2)
    dropped = report.to_dict()["dropped"]
    assert dropped["duplicate"]["examples"] == [{"corpus": "talks", "line": 2, "source": "a", "target": "b"}]
    assert [example["corpus"] for example in dropped["empty"]["examples"]] == ["news", "talks"]


def test_what_is_noticed_is_kept_and_told_apart():
    report = Report(read=5, kept=5)
    for number in range(5):
        report.notice("odd", Pair(number, "s", "t"))
    assert report.to_dict()["dropped"] == {}
    assert report.to_dict()["noticed"]["odd"]["count"] == 5
    assert [example["line"] for example in report.to_dict()["noticed"]["odd"]["examples"]] == [0, 1, 2]


class Learner(Filter):
    reason = "learner"

    def __init__(self):
        self.seen = []

    def learn(self, pairs):
        self.seen = [list(pairs), list(pairs)]

    def rejects(self, pair):
        return pair in self.seen[0]


def test_filters_learn_from_the_first_pairs_normalised_and_each_on_its_own(monkeypatch):
    monkeypatch.setattr(cleaning, "SAMPLE_PAIRS", 3)
    one, two, pairs = Learner(), Learner(), numbered(*[(f" s{n}", f"t{n} ") for n in range(5)])
    cleaner = Cleaner(Normaliser(), filters=[Empty(), one, two])
    cleaner.learn(pairs)
    assert one.seen == two.seen == [[Pair(n + 1, f"s{n}", f"t{n}") for n in range(3)]] * 2
    assert [pair.line for pair in cleaner(pairs, Report())] == [4, 5]


@pytest.mark.parametrize("changed", ["a red fox", "A RED FOX!", "ared  fox", "«A» red-fox…", "A\u00adred\u200bFOX"])
def test_case_spaces_and_punctuation_make_no_difference_to_leakage(changed):
    test = held(("A red fox.", "Ein Rotfuchs."))
    assert cleaned(numbered((changed, "Fuchs")), excluded=test.sources)[1].dropped["leakage"].count == 1
    assert not cleaned(numbered(("A red box.", "Ein Rotfuchs.")), excluded=test.sources)[1].dropped
    # The same answer to another question is no leakage, and is counted.
    known, other = numbered(("Another question", changed), ("x", "y"))
    assert held(("What?", "A red fox.")).know_targets([known.target, other.target]).tolist() == [True, False]
