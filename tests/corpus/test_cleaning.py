"""The cleaner: what is kept, under which reason each drop is counted, and what the report shows."""

from __future__ import annotations

import json
from itertools import count, islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.corpus.cleaning import Cleaner, Report, source_set
from seq2seq.corpus.filters import Empty, Identical, Length
from seq2seq.corpus.pair import Pair
from seq2seq.text.normaliser import Normaliser


def numbered(*sides):
    return [Pair(n, source, target) for n, (source, target) in enumerate(sides, start=1)]


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
    excluded = source_set(numbered(("the test sentence", "x"), ("", "y")), Normaliser())
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
    excluded = source_set(numbered(("", "x"), ("  ", "y")), Normaliser())
    assert len(excluded) == 0
    assert len(cleaned(numbered(("", "z")), excluded=excluded)[0]) == 1


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
    excluded = source_set(numbered(("C!", "z")), normalise)
    kept, report = cleaned(pairs, filters=[Empty()], deduplicate=deduplicate, excluded=excluded)
    assert kept == expected
    assert report.read == len(pairs) == report.kept + sum(drops.count for drops in report.dropped.values())
