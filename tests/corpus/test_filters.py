"""Every filter of the registry keeps the contract of `Filter`; then each one's rule at its border."""

from __future__ import annotations

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2seq.corpus import filters
from seq2seq.corpus.filters import Empty, Identical, Length, Ratio, count_words
from seq2seq.corpus.pair import Pair
from seq2seq.errors import UserError
from seq2seq.registry import FILTERS

TEXT = st.text(max_size=30)


def pair(source, target):
    return Pair(7, source, target)


def test_every_filter_of_the_file_is_registered():
    registered = {FILTERS.load(name) for name in FILTERS}
    for value in vars(filters).values():
        if isinstance(value, type) and hasattr(value, "rejects") and value is not filters.Filter:
            assert value in registered, f"{value} is not in the registry"


@pytest.mark.parametrize("name", sorted(FILTERS))
class TestContract:
    def test_reason_is_the_registry_name_and_settings_are_the_registry_defaults(self, name):
        member = FILTERS.load(name)
        assert member.reason == name
        parameters = inspect.signature(member).parameters
        assert {key: p.default for key, p in parameters.items()} == dict(FILTERS.member(name).settings)

    @given(source=TEXT, target=TEXT)
    def test_judges_any_pair_the_same_each_time_whichever_side_is_which(self, name, source, target):
        rule = FILTERS.load(name)()
        verdict = rule.rejects(pair(source, target))
        assert verdict is rule.rejects(pair(source, target)) is rule.rejects(pair(target, source))
        assert isinstance(verdict, bool)

    def test_lets_an_ordinary_pair_through(self, name):
        assert not FILTERS.load(name)().rejects(pair("The mill turns.", "Die Mühle dreht sich."))


@pytest.mark.parametrize(
    ("text", "num_words"),
    [
        ("", 0),
        ("one", 1),
        ("two words", 2),
        ("été à Köln", 3),
        ("水車は回る", 5),
        ("GDP は 3% 増", 4),
        ("東京tower", 3),
        ("한국어 문장", 2),
        ("กขคง", 1),  # four letters of Thai are about a word
        ("กขคงจ", 2),
    ],
)
def test_count_words(text, num_words):
    assert count_words(text) == num_words


@pytest.mark.parametrize(("source", "target"), [("", "x"), ("x", ""), ("", ""), (" ", "x"), ("x", "\u3000")])
def test_empty(source, target):
    assert Empty().rejects(pair(source, target))


def test_length_at_its_border():
    rule = Length(maximum=3)
    assert not rule.rejects(pair("a b c", "longword " * 3))
    assert rule.rejects(pair("a b c d", "a"))
    assert rule.rejects(pair("a", "a b c d"))
    assert rule.rejects(pair("a", "水車回る"))


def test_ratio_at_its_border():
    rule = Ratio(maximum=2)
    assert not rule.rejects(pair("a b", "a b c d"))
    assert rule.rejects(pair("a b", "a b c d e"))
    assert rule.rejects(pair("a b c d e", "a b"))
    assert not rule.rejects(pair("", "a b"))  # an empty side counts as one word
    assert not Ratio(maximum=4).rejects(pair("the mill wheel is still turning", "水車はまだ回っている"))


def test_identical():
    assert Identical().rejects(pair("OK", "OK"))
    assert not Identical().rejects(pair("OK", "ok"))


@pytest.mark.parametrize(("rule", "maximum"), [(Length, 0), (Ratio, 0.5), (Ratio, float("nan"))])
def test_senseless_maximum_is_refused(rule, maximum):
    with pytest.raises(UserError, match=str(maximum)):
        rule(maximum=maximum)
