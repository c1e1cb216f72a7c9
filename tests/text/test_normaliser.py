"""The normaliser: what it changes, what it leaves alone, and that twice is once."""

from __future__ import annotations

import itertools
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.errors import UserError
from seq2seq.text.normaliser import HTML_ENTITIES, QUOTES, SPACES, UNICODE_FORMS, Normaliser

ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=30)  # lone surrogates too
TRICKY_CHARACTERS = "aé\u0301\u0308 \t\n\r\x0b\x0c\x1c\x85\xa0\u2028\u3000\ufeff\x00\x7fﬁ①ｱﾞ가ᄀ\ud83d"
TRICKY = st.text(st.sampled_from(TRICKY_CHARACTERS), max_size=12)
# Pieces of entities, and what may become a piece: wide forms, the Greek question mark (a semicolon in every form), a
# control character in the middle, references to all of these, and quotes that the forms make.
PIECES = ["&", "amp", ";", "lt", "#", "x", "3", "8", "26", "&amp;", "&#38;", "&#x301;", "&#10;", "&#xFEFF;", "&nbsp;"]
PIECES += ["\uff06", "\ufe60", "\uff1b", "\u037e", "\x00", "\u1ffd", "\u0149", "\u2034", "´", "’", "„", "a", " ", "\n"]
ENTITIES = st.lists(st.sampled_from(PIECES), max_size=10).map("".join)
# Every way that may change text.
WAYS = [
    {"unicode_form": form, "quotes": quotes, "spaces": spaces, "html_entities": entities}
    for form, quotes, spaces, entities in itertools.product(("NFC", "NFKC"), QUOTES, SPACES, HTML_ENTITIES)
]


@pytest.mark.parametrize("form", UNICODE_FORMS)
@settings(max_examples=150, deadline=None)
@given(text=ANY_TEXT | TRICKY)
def test_twice_is_once_and_no_line_terminator_is_left(form, text):
    normalise = Normaliser(unicode_form=form)
    once = normalise(text)
    assert normalise(once) == once
    assert "\n" not in once and "\r" not in once
    once.encode("utf-8")  # no lone surrogate
    if form != "none":
        assert unicodedata.is_normalized(form, once)
        assert once == " ".join(once.split())
        assert not any(unicodedata.category(c) == "Cc" for c in once)
        assert not once.startswith("\ufeff")


@pytest.mark.parametrize("way", WAYS, ids=lambda way: "-".join(way.values()))
class TestEveryWay:
    @settings(max_examples=60, deadline=None)
    @given(text=ANY_TEXT | TRICKY | ENTITIES)
    def test_keeps_what_the_class_promises(self, way, text):
        self.check(Normaliser(**way), way["unicode_form"], text)

    def test_for_each_character_that_a_form_or_a_quote_may_touch(self, way):
        normalise = Normaliser(**way)
        for point in range(0x3400):  # where all spaces, quotes, control and most compatibility characters are
            self.check(normalise, way["unicode_form"], f"a{chr(point)}\u0301;")
        for point in range(0xF900, 0x10000):
            self.check(normalise, way["unicode_form"], f"&{chr(point)}amp;")

    def check(self, normalise, form, text):
        once = normalise(text)
        assert normalise(once) == once
        assert len(once.splitlines()) <= 1
        assert not once.endswith("\n")
        assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in once)
        assert unicodedata.is_normalized(form, once)
        assert not once.startswith("\ufeff")


@pytest.mark.parametrize(
    ("text", "nfc", "nfkc"),
    [
        ("plain words", "plain words", "plain words"),
        ("  two   spaces ", "two spaces", "two spaces"),
        ("e\u0301te\u0301", "été", "été"),
        ("\u212b", "\u00c5", "\u00c5"),  # the Ångström sign is the letter in every form
        ("ﬁn １２ ㎏", "ﬁn １２ ㎏", "fin 12 kg"),
        ("a\u00a0b\u2003c\u3000d\u2028e\u0085f\x0cg\th", "a b c d e f g h", "a b c d e f g h"),
        ("\ufeff a\x00b\x07c\x7f", "abc", "abc"),
        ("\ufeff\ufeffone", "one", "one"),
        ("a\ufeffb", "a\ufeffb", "a\ufeffb"),  # inside, it is a joiner and stays
        ("e\x00\u0301", "é", "é"),  # the accent meets its letter once the control character is gone
        ("soft\u00adhyphen नमस्ते 👩‍👧", "soft\u00adhyphen नमस्ते 👩‍👧", "soft\u00adhyphen नमस्ते 👩‍👧"),
        ("half \ud83d a pair", "half \ufffd a pair", "half \ufffd a pair"),
        ("it’s “so” &amp; so", "it’s “so” &amp; so", "it’s “so” &amp; so"),
        ("", "", ""),
        (" \t ", "", ""),
    ],
)
def test_nfc_and_nfkc(text, nfc, nfkc):
    assert Normaliser(unicode_form="NFC")(text) == nfc
    assert Normaliser(unicode_form="NFKC")(text) == nfkc
    assert Normaliser()(text) == nfc  # the default


@pytest.mark.parametrize("way", [{"unicode_form": "none"}, {"pretokenised": True}])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  a  b ", "  a  b "),
        ("e\u0301 ﬁ\t\u2028\x00", "e\u0301 ﬁ\t\u2028\x00"),
        ("\ufeffit &apos;s “so”", "\ufeffit &apos;s “so”"),
        ("a b\r\n", "a b"),
        ("a\nb\r\nc\rd\n", "a b c d"),
        ("half \ud83d a pair", "half \ufffd a pair"),
    ],
)
def test_none_and_pretokenised_touch_line_terminators_only(way, text, expected):
    assert Normaliser(**way)(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("“Yes”, „nein“, «oui», ‟x” 〝日〟 ⹂y‟ ＂z＂", '"Yes", "nein", "oui", "x" "日" "y" "z"'),
        ("‘yes’ ‚nein‘ ‹oui› ‛x’ ＇z＇", "'yes' 'nein' 'oui' 'x' 'z'"),
        ("it’s it´s itʼs 5′ 6″ \u1ffd", "it's it's it's 5' 6\" '"),
        ("「日」『本』", "「日」『本』"),  # left and right differ, and nobody writes them straight
        ("``x'' `y'", "``x'' `y'"),  # ASCII is straight already
        ("caf\u0065\u0301 – 3‰", "café – 3‰"),
    ],
)
def test_straight_quotes(text, expected):
    assert Normaliser(quotes="straight")(text) == expected
    assert Normaliser(quotes="straight", unicode_form="NFKC")(text).replace(" ", "") == (expected.replace(" ", ""))


def test_quotes_that_a_form_makes_become_straight_too():
    assert Normaliser(quotes="straight", unicode_form="NFKC")("\u0149 \u2034 \u2057") == "'n ''' ''''"
    assert Normaliser(quotes="straight")("\u0149 \u2034 \u2057") == "\u0149 \u2034 \u2057"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  a \u00a0 b  ", "  a \u00a0 b  "),
        ("a\tb\x0bc\x1fd\x85e\u2028f\u2029g", "a b c d e f g"),
        ("a\r\nb\nc\rd", "a b c d"),
        ("a  \r\n\n", "a  "),
        ("\ufeff  a", "  a"),
        ("a\x00  b", "a  b"),
        ("plain   ASCII ", "plain   ASCII "),
    ],
)
def test_spaces_that_are_kept(text, expected):
    assert Normaliser(spaces="keep")(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tom &amp; Anna &lt;3", "Tom & Anna <3"),
        ("&#233;t&#xE9; &eacute; &Eacute;", "été é É"),
        (
            "&amp;lt; &amp;amp;amp;quot; &#38;#60; &amp;#38;#x26;gt;",
            '< " < >',
        ),  # to the end, or twice would not be once
        ("e&#769; &a\x00mp;", "é &"),  # composed, and found after a control character has gone
        ("a&nbsp;b&#10;c&#0;d", "a b c\ufffdd"),
        ("&#xD800; &#x110000;", "\ufffd \ufffd"),
        ("&copy 2020 ?a=1&copy=2 AT&T", "&copy 2020 ?a=1&copy=2 AT&T"),  # no semicolon: perhaps an address
        ("&nosuch; &amp;nosuch; & ; &;", "&nosuch; &nosuch; & ; &;"),
        ("&notit; &#" + "9" * 5000 + ";", "&notit; &#" + "9" * 5000 + ";"),
        ("&" + "amp;" * 50_000, "&"),
    ],
)
def test_html_entities(text, expected):
    assert Normaliser(html_entities="decode")(text) == expected


def test_settings_work_together():
    every = Normaliser(unicode_form="NFKC", quotes="straight", html_entities="decode")
    assert every("\uff06ldquo;x&rdquo;  &amp;rsquo;") == '"x" \''


@pytest.mark.parametrize(
    ("way", "told"),
    [
        ({"unicode_form": "NFKD"}, r"'NFKD'.*Did you mean 'NFK?C'"),
        ({"quotes": "strait"}, r"'strait'.*Did you mean 'straight'"),
        ({"spaces": "colapse"}, r"'colapse'.*Did you mean 'collapse'"),
        ({"html_entities": "decoded"}, r"'decoded'.*Did you mean 'decode'"),
        ({"pretokenised": True, "quotes": "straight"}, 'quotes = "straight" changes .* pretokenised text passes'),
        ({"unicode_form": "none", "html_entities": "decode"}, 'html_entities = "decode" changes .* "none" text'),
        ({"pretokenised": True, "unicode_form": "NFKC"}, 'unicode_form = "NFKC" changes'),
    ],
)
def test_what_does_not_exist_or_contradicts_is_refused(way, told):
    with pytest.raises(UserError, match=told):
        Normaliser(**way)
