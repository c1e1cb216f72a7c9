"""Every filter of the registry keeps the contract of `Filter`; then each one's rule at its border."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.corpus import filters
from seq2seq.corpus.filters import Filter, count_words
from seq2seq.corpus.filters.copied import Copied
from seq2seq.corpus.filters.digits import Digits
from seq2seq.corpus.filters.empty import Empty
from seq2seq.corpus.filters.identical import Identical
from seq2seq.corpus.filters.length import Length
from seq2seq.corpus.filters.rare import Rare
from seq2seq.corpus.filters.ratio import Ratio
from seq2seq.corpus.filters.repeated import Repeated
from seq2seq.corpus.filters.script import Script
from seq2seq.corpus.pair import Pair
from seq2seq.errors import UserError
from seq2seq.registry import FILTERS

TEXT = st.text(max_size=30)
ORDINARY = [("The mill turns.", "Die Mühle dreht sich."), ("Two geese, one pond!", "Zwei Gänse, ein Teich!")]
JAPANESE = [("The mill turns.", "水車が回る。"), ("It is cold.", "さむいです。"), ("An elevator.", "エレベーター。")]


def pair(source, target):
    return Pair(7, source, target)


def rejected(rule, *sides):
    """Which of the pairs the rule drops."""
    return [rule.rejects(pair(source, target)) for source, target in sides]


def learned(rule, sides):
    rule.learn([pair(source, target) for source, target in sides])
    return rule


def test_every_filter_in_the_folder_is_registered():
    registered = {FILTERS.load(name) for name in FILTERS}
    for path in Path(filters.__file__).parent.glob("*.py"):
        for value in vars(import_module(f"seq2seq.corpus.filters.{path.stem}")).values():
            if isinstance(value, type) and issubclass(value, Filter) and value is not Filter:
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

    @pytest.mark.parametrize("sides", [ORDINARY, JAPANESE, [], [("", "")]])
    def test_lets_ordinary_pairs_through_whether_it_learned_or_not(self, name, sides):
        ordinary = [one for one in sides if all(one)]
        assert not any(rejected(FILTERS.load(name)(), *ordinary))
        assert not any(rejected(learned(FILTERS.load(name)(), sides), *ordinary))

    def test_reads_its_sample_anew_each_time(self, name):
        class Counted(list):
            times = 0

            def __iter__(self):
                self.times += 1
                return super().__iter__()

        sample = Counted(pair(*sides) for sides in ORDINARY)
        FILTERS.load(name)().learn(sample)
        assert sample.times == (name in ("script", "rare"))  # the others do not have the corpus opened for them


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


@pytest.mark.parametrize(
    ("source", "target"), [("", "x"), ("x", ""), ("", ""), (" ", "x"), ("x", "\u3000"), ("\u200b", "x")]
)
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


def test_copied_at_its_border():
    half = ("Anna sees Berlin, today", "today! ANNA (und) Paris 17")  # 2 of 4 words; numbers are none
    assert rejected(Copied(maximum=0.5), half, ("Anna sees Berlin", "Anna da berlin")) == [False, True]
    assert Copied(maximum=0.49).rejects(pair(*half))
    assert rejected(Copied(maximum=0.0), ("12:30, 5", "5: 12:30"), ("", ""), ("a", "b")) == [False] * 3
    assert not Copied(maximum=1.0).rejects(pair("the same", "the same"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10 20 30 40 abcd", True),  # 8 of 12
        ("10 20 abcd", False),  # half is not more than half
        ("10 20 abc", True),
        ("..... !!! - - - x", True),
        ("12:30, 14.15, $5, 3½ ①②", True),
        ("😀 😀 ab", False),
        ("😀 😀 😀 ab", True),
        ("नमस्ते दुनिया", False),  # vowel signs are no signs in this sense
        ("", False),
        ("   ", False),
        ("a" + " " * 50 + "1", False),  # white space is not counted
        ("a" + " " * 50 + "12", True),
    ],
)
def test_digits(text, expected):
    assert rejected(Digits(maximum=0.5), (text, "abc"), ("abc", text)) == [expected] * 2


@given(text=st.text(st.sampled_from("aé1½$. \u0301।漢"), max_size=20), maximum=st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_digits_equals_a_plain_count(text, maximum):
    shown = [c for c in text if not c.isspace()]
    signs = [c for c in shown if c in "1½$.।"]
    assert Digits(maximum=maximum).rejects(pair(text, "a")) is (len(signs) > maximum * len(shown))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ha ha ha ha", False),
        ("ha ha ha ha ha", True),
        ("Well: Ha, ha! HA - ha ha?", True),
        ("the the the the the mill", True),
        ("ha ha ha ha so ha ha ha ha", False),
        ("come in, " * 5, True),
        ("come in, " * 4 + "please", False),
        ("a b c d e f g h " * 5, True),
        ("a b c d e f g h i " * 5, False),  # longer than what is looked for
        ("哈哈哈哈哈", True),
        ("哈哈哈哈", False),
        ("10,000,000,000,000,000 stars", False),  # one number, not five times the same
        ("to be or not to be, to do or not to do, to go or not to go", False),
        ("", False),
        (". . . . . . . .", False),  # no words: the business of "digits"
    ],
)
def test_repeated(text, expected):
    assert rejected(Repeated(maximum=4), (text, "x"), ("x", text)) == [expected] * 2


@settings(max_examples=300)
@given(words=st.lists(st.sampled_from("ab"), max_size=14), maximum=st.integers(1, 4))
def test_repeated_equals_a_search_by_brute_force(words, maximum):
    text = "".join(f"{word} " for word in words)
    units = ["".join(words[i : i + n]) for n in range(1, 9) for i in range(len(words))]
    slow = any(unit * (maximum + 1) in "".join(words) for unit in units if unit)
    assert Repeated(maximum=maximum).rejects(pair(text, "x")) is slow


class TestScript:
    def test_named(self):
        rule = Script(source="latin", target="Cyrillic", minimum=0.5)
        good, bad = ("The mill.", "Мельница."), ("The mill.", "The mill.")
        assert rejected(rule, good, bad, ("Мельница.", "Мельница."), ("abcd", "аб cd"), ("abcd", "а bcd")) == [
            *(False, True, True),
            *(False, True),  # half is enough, a quarter is not
        ]

    def test_a_side_without_letters_or_in_letters_that_scripts_share_passes(self):
        rule = Script(source="Cyrillic", target="Greek")
        assert not any(rejected(rule, ("123!", "..."), ("ª º µ", "ＡＢＣ"), ("", "")))

    def test_learned_from_the_corpus(self):
        rule = learned(Script(), [*ORDINARY, ("Мельница", "水車が")])
        assert rejected(rule, *ORDINARY, ("Мельница", "Mühle"), ("mill", "水車")) == [False, False, True, True]

    def test_a_name_is_kept_when_the_other_side_learns(self):
        rule = learned(Script(source="Greek"), ORDINARY)
        assert rejected(rule, ("Μύλος", "Mühle"), ("mill", "Mühle"), ("Μύλος", "Μύλος")) == [False, True, True]

    def test_japanese_is_kana_and_ideographs_and_chinese_ideographs_alone(self):
        japanese = learned(Script(), JAPANESE)
        assert not any(rejected(japanese, *JAPANESE, ("mill", "水車")))
        chinese = learned(Script(), [("The mill turns.", "水车在转动。"), ("It is cold.", "天气很冷。")])
        assert rejected(chinese, ("It is cold.", "さむいです。"), ("mill", "水车")) == [True, False]

    def test_unknown_names_offer_the_nearest(self):
        with pytest.raises(UserError, match=r"'Cyrilic'.*Did you mean 'Cyrillic'"):
            Script(target="Cyrilic")
        assert Script(source="cherokee").source == "Cherokee"  # any script of Unicode


class TestRare:
    def test_counts_each_side_for_its_own(self):
        rule = learned(Rare(maximum=0.2), [("abc " * 10_000, "漢字仮名 " * 10_000), ("zq", "龍"), ("zq", "x")] * 10)
        # z: 20 of 300,040 characters, more than one in 100,000; 龍: 10 of 400,020.
        assert rejected(rule, ("zzzz", "漢龍"), ("漢漢", "漢"), ("abc", "abc"), ("abcd", "漢"), ("aabcd", "漢")) == [
            *(False, True, True),
            *(True, False),  # a quarter is more than a fifth, a fifth is not
        ]

    def test_the_border_is_one_in_a_hundred_thousand(self):
        for count, expected in ((99_999, False), (100_000, True)):
            assert learned(Rare(), [("a" * count + "b", "x")]).rejects(pair("bbb", "x")) is expected

    def test_white_space_is_not_counted(self):
        rule = learned(Rare(maximum=0.2), [("abc " * 10_000, "x")])
        assert rejected(rule, ("abcd     ", "x"), ("abc\u3000abc", "x")) == [True, False]

    def test_before_learning_nothing_is_rare(self):
        assert not Rare().rejects(pair("abc", "漢"))


@pytest.mark.parametrize(
    ("rule", "setting", "value"),
    [
        *((Length, "maximum", 0), (Ratio, "maximum", 0.5), (Ratio, "maximum", float("nan")), (Repeated, "maximum", 0)),
        *((Copied, "maximum", 2.0), (Digits, "maximum", 1.5), (Rare, "maximum", -0.1), (Script, "minimum", 2.0)),
    ],
)
def test_senseless_settings_are_refused(rule, setting, value):
    with pytest.raises(UserError, match=f"{rule.reason!r} needs a {setting} .*{value}"):
        rule(**{setting: value})
