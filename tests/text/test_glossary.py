"""A glossary's file, its matches in a text, and its terms as ids in every tokenizer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.errors import UserError
from seq2seq.text.glossary import Glossary, parse_glossary, word_goes_on
from seq2seq.text.letters import Characters
from seq2seq.text.normaliser import Normaliser
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.restoring import read_sentence
from seq2seq.text.subwords import Subwords
from seq2seq.text.terms import Phrase, continuing_ids, opening_ids, phrase, placed, positions
from seq2seq.text.true_case import Case, TrueCase
from seq2seq.text.words import Words

FILE = Path("terms.tsv")
TEXTS = [
    "the cats and the dogs live in new york",
    "we saw a catalogue, and (in the end) 3 cats",
    "猫が好きです。犬も好き",
]
WORDS = Words.train(TEXTS, vocabulary_size=60)
LETTERS = Characters.train(TEXTS, vocabulary_size=60)
SUBWORDS = Subwords.train(TEXTS * 3, vocabulary_size=320)
TOKENIZERS = {
    "words": WORDS,
    "words between spaces": Words.train(TEXTS, vocabulary_size=60, split="spaces"),
    "characters": LETTERS,
    "subwords": SUBWORDS,
    "true case": TrueCase(SUBWORDS, Case({"the", "cats", "we"})),
    "true case of characters": TrueCase(LETTERS, Case({"the", "cats", "we"})),
}
every = pytest.mark.parametrize("tokenizer", TOKENIZERS.values(), ids=list(TOKENIZERS))


def parse(text):
    return parse_glossary(text.split("\n"), FILE)


def found(text, terms, normalise=str):
    return [(text[m.start : m.end], m.term.target) for m in Glossary(terms, normalise).matches(text)]


def test_a_file_of_terms():
    text = "# comment\n\ncat\tkatz\n  new   york \t Nova  York\n  # another\ncat\tkatz\n"
    assert parse(text) == {"cat": "katz", "new york": "Nova York"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cat\tkatz\ncat katz", "terms.tsv, line 2: a glossary's line must have one tab, and has no tab."),
        ("cat\tkatz\tkato", "terms.tsv, line 1: a glossary's line must have one tab, and has 2 tabs."),
        ("# x\n\tkatz", "terms.tsv, line 2: the source term is empty."),
        ("cat\t ", "terms.tsv, line 1: the target term is empty."),
        ("cat\tkatz\n\ndog\thund\ncat\tkato", "terms.tsv, lines 1 and 4: 'cat' is to be 'katz' and 'kato'."),
        ("# nothing\n\n", "terms.tsv holds no terms."),
    ],
)
def test_a_wrong_line_is_named(text, told):
    with pytest.raises(UserError) as caught:
        parse(text)
    assert caught.value.message == told
    assert caught.value.hint


def test_whole_words_only():
    assert found("a cat, a catalogue, the bobcat and cat's cat-like (cat)", {"cat": "katz"}) == [("cat", "katz")] * 4
    assert found("cat_s cat9 9cat ca\u0301t", {"cat": "katz"}) == []
    assert found("a.NET b", {".NET": "dotnet"}) == [(".NET", "dotnet")]
    assert found("we use C++ here", {"C++": "C plus"}) == [("C++", "C plus")]
    assert found("کتاب\u200cخانه", {"خانه": "house", "کتاب": "book"}) == []
    assert found("Donau\u00addampf\u00adschiff Donau\u00ad, (\u200cDonau)", {"Donau": "x"}) == [("Donau", "x")] * 2
    assert found("猫\u200d犬", {"猫": "cat"}) == [("猫", "cat")]
    assert found("کتاب\u200cخانه", {"کتاب\u200cخانه": "library"}) == [("کتاب\u200cخانه", "library")]


def test_where_a_word_goes_on():
    text = "ab\u00ad\u200dcd\u00ad -猫d"
    assert [place for place in range(len(text) + 1) if word_goes_on(text, place)] == [1, 2, 3, 4, 5]


def test_without_spaces_between_words_anywhere():
    assert found("我喜欢猫和猫", {"猫": "cat"}) == [("猫", "cat")] * 2
    assert found("ฉันมีแมวสองตัว", {"แมว": "cat"}) == [("แมว", "cat")]
    assert found("用Python写", {"Python": "python"}) == [("Python", "python")]


def test_the_longest_first():
    terms = {"new": "nova", "new york": "Nova York", "york city": "yc", "york city hall": "ych"}
    assert found("new york is new", terms) == [("new york", "Nova York"), ("new", "nova")]
    assert found("new york city hall", terms) == [("new", "nova"), ("york city hall", "ych")]
    assert found("aa bb cc", {"aa bb": "1", "bb cc": "2"}) == [("aa bb", "1")]


def test_case():
    terms = {"cat": "katz", "The Hague": "Den Haag", "i": "mi"}
    assert found("Cat and Cat, CAT or cat", terms) == [("Cat", "katz"), ("cat", "katz")]
    assert found('"Cat and Cat', terms) == [("Cat", "katz")]
    assert found("The Hague and the Hague", terms) == [("The Hague", "Den Haag")]
    assert found("the hague", terms) == []
    assert found("Cat", {"cat": "katz", "Cat": "Kitty"}) == [("Cat", "Kitty")]


def test_terms_and_text_take_one_form():
    normaliser = Normaliser()
    text = normaliser("un  cafe\u0301 noir")
    assert found(text, {"cafe\u0301  noir": "black\u00a0coffee"}, normaliser) == [("caf\u00e9 noir", "black coffee")]
    assert found("new   york", {"new york": "ny"}) == [("new   york", "ny")]
    with pytest.raises(UserError, match="to be 'x' and 'y'"):
        Glossary({"e\u0301": "x", "\u00e9": "y"}, normaliser)
    with pytest.raises(UserError, match="Nothing can be seen"):
        Glossary({"\x07": "x"}, normaliser)


@settings(max_examples=60, deadline=None)
@given(
    st.text(" aAb,猫é\u0301\u200c", max_size=12),
    st.dictionaries(st.text("aAb 猫", min_size=1, max_size=3), st.just("x")),
)
def test_what_is_found_is_there_and_apart(text, terms):
    terms = {source: target for source, target in terms.items() if source.strip()}
    end = 0
    for match in Glossary(terms).matches(text):
        assert match.start >= end
        end = match.end
        assert " ".join(text[match.start : end].split()).lower() == " ".join(match.term.source.split()).lower()
        assert not any(word_goes_on(text, place) for place in (match.start, end))


@every
@pytest.mark.parametrize("term", ["cats", "new york", "the dogs", "quagga", "(in", "3 cats", "3"])
def test_a_term_is_written_as_it_stands_within_a_sentence(tokenizer, term):
    one = phrase(tokenizer, term)
    assert len(one.ids) == len(one.surfaces)
    sentence = tokenizer.encode(f"we saw {term} live")
    starts = [i for i in range(len(sentence)) if tuple(sentence[i : i + len(one.ids)]) == one.ids]
    assert starts
    before = tokenizer.encode("we saw")
    ids = [*before, *one.ids]
    fill = {len(before) + i: surface.strip() for i, surface in enumerate(one.surfaces)}
    assert tokenizer.decode(ids, fill)[1:] == f"we saw {term}"[1:]  # true case: the first letter is its business


def test_a_term_of_a_script_without_spaces_stands_without_one():
    for tokenizer in (SUBWORDS, LETTERS):
        one = phrase(tokenizer, "犬も")
        assert tokenizer.decode([*tokenizer.encode("猫"), *one.ids]) == "猫犬も"


@every
def test_ids_that_go_on_with_a_word(tokenizer):
    continuing = continuing_ids(tokenizer)
    term = phrase(tokenizer, "cats").ids
    for i in range(4, tokenizer.vocabulary_size):
        ids = [*tokenizer.encode("we saw"), *term, i]
        text = tokenizer.decode(ids, {len(ids) - 1: "7"})
        last = text[len("we saw cats") :][:1]
        if last != "\ufffd":  # a byte may become anything
            assert (i in continuing) == ((last.isalnum() or last == "_") and last < "\u3000"), tokenizer.pieces([i])
    assert bool(continuing) == (tokenizer is not TOKENIZERS["words between spaces"])


def test_the_space_before_a_word_where_it_is_an_id():
    (space,) = opening_ids(LETTERS)
    assert LETTERS.decode([space]) == " "
    assert phrase(LETTERS, "cats").ids[0] == space
    assert opening_ids(TOKENIZERS["true case of characters"]) == (space,)
    for tokenizer in (WORDS, SUBWORDS):
        assert opening_ids(tokenizer) == ()


@every
@pytest.mark.parametrize("text", ["we saw the cats, and 3 dogs live", "The new york end", "quaggas saw the cats"])
def test_positions_are_those_of_the_tokens(tokenizer, text):
    surfaces = tokenizer.surfaces(text)
    for word in text.replace(",", "").split():
        start = text.index(word)
        at = positions(text, surfaces, start, start + len(word))
        assert at == list(range(at[0], at[-1] + 1))
        joined = "".join(surfaces[i] for i in at).strip()
        if tokenizer is TOKENIZERS["words between spaces"]:
            joined = joined.rstrip(",")
        assert joined.lower() == word.lower()
    assert positions(text, surfaces, len(text), len(text) + 5) == []


def test_terms_that_look_alike_share_out_their_places():
    unknown = [Phrase((1,), ("Tat",)), Phrase((1,), ("Tot",)), Phrase((5, 1), ("de", "Haag"))]
    sources, ids = [[0], [2], [4]], [5, 1, 9, 1, 1]
    attention = np.zeros((6, 6))
    attention[[1, 3, 4], [4, 2, 0]] = 1
    assert placed(unknown[:2], sources, [9, 1, 9, 9, 1], attention) == {1: "Tot", 4: "Tat"}
    assert placed(unknown[:2], sources, [1, 9, 1], None) == {0: "Tat", 2: "Tot"}
    assert placed(unknown[2:], sources[2:], ids, attention) == {0: "de", 1: "Haag"}
    # The longest claims its own first: the unknown word after "de" is not free, with or without attention.
    for known in (attention, None):
        filled = placed(unknown, sources, ids, known)
        assert (filled[0], filled[1], {filled[3], filled[4]}) == ("de", "Haag", {"Tat", "Tot"})


def test_a_sentence_that_is_cut_loses_the_terms_beyond():
    pair = TokenizerPair(WORDS, WORDS)
    glossary = Glossary({"cats": "dogs", "york": "cats"})
    text = "the cats live in york"
    whole = read_sentence(text, WORDS.encode(text), pair, glossary, longest=99)
    assert whole.terms == [("cats", "dogs"), ("york", "cats")]
    cut = read_sentence(text, WORDS.encode(text), pair, glossary, longest=3)
    assert cut.terms == [("cats", "dogs")]
    assert len(cut.ids) == len(cut.surfaces) == 3


def test_nothing_is_looked_up_where_nothing_can_come_back():
    pair = TokenizerPair(SUBWORDS, SUBWORDS)
    assert read_sentence("the cats", SUBWORDS.encode("the cats"), pair, None, longest=99).surfaces == []
