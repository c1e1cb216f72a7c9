"""The page: one file that needs nothing else, whose text can do nothing, and which shows what was found."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.errors import UserError
from seq2seq.evaluation.diagnosis.diagnose import FLAGS, diagnose
from seq2seq.evaluation.metrics import score
from seq2seq.evaluation.worst import scored
from seq2seq.plots import page_sentences
from seq2seq.plots.page import Examined, Page, rendered, write_page
from seq2seq.plots.page_attention import Map, attention_svg
from seq2seq.plots.page_charts import Bar, bars
from seq2seq.plots.page_html import safe, table
from seq2seq.plots.page_sentences import _with_marks, sentence_table

SOURCES = ["room 17", "the cat sleeps", "he reads a book"]
OUTPUTS = ["Raum 71", "die Katze schläft", "er liest liest"]
REFERENCES = ["Raum 17", "die Katze schläft", "er liest ein Buch"]
VOID = {"meta", "input", "rect", "path", "br"}
EVIL = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)> \x1b[2J\ud800"


class Checked(HTMLParser):
    """Reads HTML strictly: each tag is closed in its place. Collects elements, attributes and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def examined(sources=SOURCES, outputs=OUTPUTS, references=REFERENCES, maps=None, name="test"):
    sentences = scored(sources, outputs, references)
    return Examined(
        name, score(outputs, references), sentences, diagnose(sentences, languages=("en", "de")), maps or {}
    )


def page(*tests, model="my model", languages=("en", "de")):
    return Page(model, languages, {"name": "beam", "beam": "5"}, tests or [examined()])


def test_the_page_is_well_formed_and_needs_nothing_else():
    text = rendered(page(examined(), examined(name="other")))
    found = Checked(text)
    for _, attributes in found.elements:
        assert not {"src", "srcset", "action", "data", "poster"} & attributes.keys()
        assert attributes.get("href", "#").startswith("#")
        assert not [name for name in attributes if name.startswith("on")]
    assert "url(" not in text
    assert "@import" not in text
    assert not found.all("link")
    assert not re.search(r"https?://", text)
    identities = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert len(identities) == len(set(identities))
    for _, attributes in found.elements:
        for name in ("aria-labelledby", "aria-describedby"):
            assert set(attributes.get(name, "").split()) <= set(identities)


def test_the_policy_allows_its_own_script_and_nothing_from_elsewhere():
    text = rendered(page())
    (policy,) = [a["content"] for a in Checked(text).all("meta") if "http-equiv" in a]
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


def test_rows_say_their_flags_and_buttons_choose_them():
    found = Checked(rendered(page()))
    rows = {a["data-line"]: a for a in found.all("tbody") if "data-line" in a}
    assert rows["1"]["data-flags"] == "numbers-lost numbers-invented"
    assert rows["2"]["data-flags"] == ""
    assert rows["3"]["data-flags"] == "repetition"
    assert list(rows) == sorted(rows, key=lambda line: float(rows[line]["data-chrf"]))
    buttons = [a for a in found.all("button") if "data-flag" in a]
    assert [a["data-flag"] for a in buttons] == [flag.name.replace(" ", "-") for flag in FLAGS]
    assert all(a["aria-pressed"] == "false" for a in buttons)
    assert {a["lang"] for a in found.all("td") if "lang" in a} == {"en", "de"}
    marked = [data for tag, data in found.texts if tag == "mark"]
    assert sorted(marked) == sorted(["marked", "71", "17", "liest", "ein", "Buch"])  # the first one is the legend


def test_nothing_in_a_text_is_more_than_text():
    maps = {1: Map([EVIL, "<eos>"], [EVIL], [[0.5, 0.5]])}
    evil = page(examined([EVIL], [EVIL + " 7"], ["x " + EVIL], maps, name=EVIL), model=EVIL, languages=(EVIL, EVIL))
    text = rendered(evil)
    text.encode("utf-8")  # lone surrogates could not be
    found = Checked(text)
    assert len(found.all("script")) == 1
    assert not found.all("img")
    assert "\x1b" not in text
    harmless = Checked(rendered(page(examined(["a"], ["b 7"], ["x"], maps))))
    assert {tag for tag, _ in found.elements} == {tag for tag, _ in harmless.elements} | {"mark"}


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_safe_text_is_read_back_as_it_was_shown(text):
    from seq2seq.plots.characters import printable

    found = Checked(f'<p title="{safe(text)}">{safe(text)}</p>')
    assert found.elements == [("p", {"title": printable(text)})]
    assert "".join(data for _, data in found.texts) == printable(text)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_marking_words_changes_no_text(output, reference):
    for own in page_sentences._marked(output, reference):
        assert "<mark></mark>" not in own
    unmarked = [re.sub("</?mark>", "", own) for own in page_sentences._marked(output, reference)]
    assert unmarked == [safe(output), safe(reference)]


def test_the_last_of_a_words_repetitions_is_the_one_too_many():
    from collections import Counter

    assert _with_marks("er liest, liest", Counter({"liest": 1})) == "er liest, <mark>liest</mark>"


def test_equal_contents_give_equal_bytes_and_a_page_is_replaced_whole(tmp_path):
    path = tmp_path / "new" / "page.html"
    write_page(path, page())
    first = path.read_bytes()
    write_page(path, page())
    assert path.read_bytes() == first
    assert [p.name for p in path.parent.iterdir()] == ["page.html"]
    assert b"\r" not in first
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        write_page(tmp_path / "file" / "page.html", page())


def test_a_page_of_many_sentences_holds_the_worst_and_the_flagged(monkeypatch):
    monkeypatch.setattr(page_sentences, "MOST_ROWS", 2)
    sources = ["room 17", "a b c", "d e f", "g h i"]
    outputs = ["Raum 17 71", "aaa", "ddd eee", "ggg hhh iii"]
    references = ["Raum 17", "x y z", "ddd uuu", "ggg hhh iii"]
    sentences = scored(sources, outputs, references)
    text = sentence_table(1, sentences, diagnose(sentences), {}, ("en", "de"))
    rows = [a["data-line"] for a in Checked(text).all("tbody") if "data-line" in a]
    assert rows == ["2", "3", "1"]
    assert "1 sentences of a higher chrF that have no flag are left out" in text


def test_of_many_flagged_sentences_the_worst_of_each_flag_are_shown(monkeypatch):
    monkeypatch.setattr(page_sentences, "MOST_ROWS", 1)
    monkeypatch.setattr(page_sentences, "MOST_A_FLAG", 2)
    sources = ["a b c", "room 17", "rooms 17", "d e f", "big room 17", "old rooms 17", "he reads a book"]
    outputs = ["aaa", "Raum", "Zimmern", "ddd eee", "großer Raum", "alte Zimmern", "er liest, liest, liest, liest"]
    references = ["x y z", "Raum 17", "Zimmer 17", "ddd eee", "großer Raum 17", "alte Zimmer 17", "er liest ein Buch"]
    sentences = scored(sources, outputs, references)
    chrf = [sentence.chrf for sentence in sentences]
    diagnosis = diagnose(sentences)
    assert diagnosis.lines["numbers lost"] == [2, 3, 5, 6]
    assert max(chrf[1], chrf[2]) < min(chrf[4], chrf[5])
    assert diagnosis.lines["repetition"] == [7]
    shown = Map(["big", "room", "17", "<eos>"], ["großer"], [[0.25] * 4])
    text = sentence_table(1, sentences, diagnosis, {5: shown}, ("en", "de"))
    rows = {a["data-line"] for a in Checked(text).all("tbody") if "data-line" in a}
    assert rows == {"1", "2", "3", "5", "7"}  # the worst of all, those of each flag, and what has a map
    assert "1 sentences of a higher chrF that have no flag are left out, and 1 that have one:" in text
    assert "of each flag the worst 2 are here." in text


def test_a_map_stands_under_its_sentence_as_wide_as_three_columns():
    found = Checked(rendered(page(examined(maps={2: Map(["the", "<eos>"], ["die"], [[0.5, 0.5]])}))))
    assert [a["colspan"] for a in found.all("td") if "colspan" in a] == ["3", "3"]
    places = [place for place, (_, a) in enumerate(found.elements) if "data-line" in a] + [len(found.elements)]
    inside = {
        found.elements[begin][1]["data-line"]: [tag for tag, _ in found.elements[begin:end]]
        for begin, end in itertools.pairwise(places)
    }
    assert {line: tags.count("tr") for line, tags in inside.items()} == {"1": 1, "2": 2, "3": 1}
    assert [line for line, tags in inside.items() if "svg" in tags] == ["2"]


def test_the_search_is_told_in_words():
    assert "search: beam, beam 5<" in rendered(page())


# --- pictures


def test_attention_is_darker_where_the_weight_is_larger():
    shown = attention_svg(Map(["the", "cat", "</s>"], ["die", "Katze"], [[1.0, 0.0, 0.0], [0.0, 0.25, 0.75]]), "line 1")
    paths = {a["fill-opacity"]: a["d"] for a in Checked(shown).all("path")}
    # By the square root: 1, 0.5 and 0.87; nothing is drawn for what is nothing.
    assert sorted(paths, key=float) == ["0.5", "0.9", "1"]
    places = {shade: tuple(map(int, re.match(r"M(\d+) (\d+)", d).groups())) for shade, d in paths.items()}
    left, top = places["1"]
    assert places["0.5"] == (left + 18, top + 18)
    assert places["0.9"] == (left + 36, top + 18)
    assert [data for tag, data in Checked(shown).texts if tag == "text"] == ["the", "cat", "</s>", "die", "Katze"]
    with pytest.raises(ValueError, match="shape"):
        attention_svg(Map(["a"], ["b"], [[1.0, 0.0]]), "x")


@pytest.mark.parametrize(
    ("label", "width"),
    [
        ("room", 29),
        ("国際連合", 48),
        ("ﾃｽﾄ", 22),  # half as wide as テスト
        ("e\u0301te\u0301", 22),
        ("ที่นี่", 15),
        ("東" * 19, 17 * 12 + 7),
        ("\t\x1b", 15),
    ],
)
def test_labels_of_attention_have_room_for_wide_letters(label, width):
    drawn = Checked(attention_svg(Map(["a", label], [label, "b"], [[0.5, 0.5], [0.5, 0.5]]), "line 1"))
    (row,) = {float(a["x"]) for a in drawn.all("text") if "x" in a}
    (top,) = {float(re.match(r"translate\(\d+ (\d+)\)", a["transform"])[1]) for a in drawn.all("text") if "x" not in a}
    assert (row, top) == (width + 8 - 6, width + 8 - 5)


def test_bars_are_as_long_as_their_values_and_say_them():
    drawn = Checked(
        bars("a", "BLEU", [Bar("1-5", 50, "50.0", "3 sentences"), Bar("6-10", 250, "250.0", "9 sentences")])
    )
    lengths = [float(a["width"]) for a in drawn.all("rect") if a["class"] == "bar"]
    rail = float(next(a["width"] for a in drawn.all("rect") if a["class"] == "rail"))
    assert lengths == [rail / 2, rail]
    (said,) = [data for tag, data in drawn.texts if tag == "desc"]
    assert said == "1-5: 50.0 (3 sentences); 6-10: 250.0 (9 sentences)"


def test_a_table_without_rows_says_so():
    assert table("Words missing", ["word"], []) == "<p>Words missing: none.</p>"
