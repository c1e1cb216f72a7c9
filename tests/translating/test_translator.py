"""The Python side: a path in, translations out, from one thread or many."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from reverser import reverser
from toy_runs import done, toy, toy_pairs

import seq2seq
from seq2seq.errors import UserError
from seq2seq.text.subwords import Subwords
from seq2seq.translator import Translation, read_glossary

__all__ = ["toy"]
SENTENCES = [source for source, _ in toy_pairs(40)]


@pytest.fixture(scope="module")
def translator(toy):
    return seq2seq.load(str(toy.run), device="cpu", engine="torch")


def test_one_sentence_or_a_list_of_them(translator):
    one = translator.translate(SENTENCES[0])
    assert isinstance(one, seq2seq.Translation)
    many = translator.translate(SENTENCES)
    assert [t.source for t in many] == SENTENCES
    assert many[0].text == one.text == str(one)
    assert translator.translate([]) == []
    assert [t.text for t in translator.translate(tuple(SENTENCES[:2]))] == [t.text for t in many[:2]]


def test_it_is_what_the_command_writes(translator, toy):
    told = done("translate", toy.run, "--engine", "torch", stdin="\n".join(SENTENCES) + "\n")
    assert [t.text for t in translator.translate(SENTENCES)] == told.lines


def test_what_a_translation_holds(translator):
    one = translator.translate(SENTENCES[3], attention=True, nbest=3)
    assert one.source_tokens[-1] == one.tokens[-1] == "<eos>"
    assert len(one.token_log_probs) == len(one.tokens)
    assert sum(one.token_log_probs) == pytest.approx(one.log_prob, abs=1e-4)
    assert one.score == pytest.approx(one.log_prob / len(one.tokens), abs=1e-6)
    assert one.attention.shape == (len(one.tokens), len(one.source_tokens))
    assert one.attention.dtype == np.float32
    assert np.allclose(one.attention.sum(axis=1), 1, atol=1e-4)
    assert one.nbest[0].text == one.text
    assert len({t.text for t in one.nbest}) == 3
    assert [t.score for t in one.nbest] == sorted((t.score for t in one.nbest), reverse=True)
    assert len(one.ids) == len(one.tokens) - 1
    assert one.parts == []
    plain = translator.translate(SENTENCES[3])
    assert plain.attention is None
    assert plain.nbest == []
    with pytest.raises(FrozenInstanceError):
        plain.text = "other"


def test_blank_stays_blank(translator):
    for blank in ("", " ", "\t\n", "\u2003", "\u200b", "\u00ad \u200e\ufe0f", "\u200b" * 5000):
        found = translator.translate(blank)
        assert (found.source, found.text, found.tokens, found.log_prob) == (blank, "", [], 0.0)
    texts = [t.text for t in translator.translate(["", SENTENCES[0], " "])]
    assert texts == ["", translator.translate(SENTENCES[0]).text, ""]


def test_a_prefix_begins_it(translator):
    assert translator.translate(SENTENCES[0], prefix="hiru katz").text.startswith("hiru katz")
    assert translator.translate(SENTENCES[0], prefix="  ").text == translator.translate(SENTENCES[0]).text


def test_searches_by_name(translator):
    text = SENTENCES[5]
    assert translator.translate(text, beam=1).text == translator.translate(text, search="greedy").text
    sampled = translator.translate(text, search="sampling", nbest=4)
    assert len(sampled.nbest) == 4
    assert translator.translate(text, search="sampling").text == translator.translate(text, search="sampling").text
    assert len(translator.translate(text, beam=2, nbest=6).nbest) == 6  # the beam widens to what is asked for


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"beam": 0}, "beam must be at least 1"),
        ({"beam": -3}, "beam must be at least 1"),
        ({"nbest": 0}, "nbest must be from 1"),
        ({"search": "bem"}, "Did you mean 'beam'"),
        ({"search": "greedy", "nbest": 2}, "finds one translation"),
    ],
)
def test_settings_out_of_range(translator, settings, told):
    with pytest.raises(UserError, match=told):
        translator.translate(SENTENCES[0], **settings)


@pytest.mark.parametrize("wrong", [[None], ["a", 3], b"abc"])
def test_what_is_no_text(translator, wrong):
    with pytest.raises(TypeError, match="takes a str or a list of str, and found"):
        translator.translate(wrong)


def test_half_characters_are_no_end_of_the_world(translator):
    assert isinstance(translator.translate("a \ud800 b"), Translation)


def test_a_stream_is_answered_in_windows_and_in_order(translator):
    asked = []

    def lines():
        for sentence in SENTENCES[:10]:
            asked.append(sentence)
            yield sentence

    stream = translator.translate_stream(lines(), window=4)
    assert asked == []
    first = next(stream)
    assert first.source == SENTENCES[0]
    assert len(asked) == 4
    assert [t.source for t in stream] == SENTENCES[1:10]


def test_a_translation_is_the_same_alone_and_among_others(translator):
    among = translator.translate(SENTENCES)
    for place in (0, 7, 39):
        alone = translator.translate(SENTENCES[place])
        assert alone.text == among[place].text
        assert alone.log_prob == pytest.approx(among[place].log_prob, abs=1e-4)


def test_eight_threads_get_what_one_gets(translator):
    expected = [t.text for t in translator.translate(SENTENCES)]
    work = SENTENCES * 3

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: translator.translate(text).text, work))
        blocks = list(pool.map(lambda _: [t.text for t in translator.translate(SENTENCES)], range(8)))
    assert found == expected * 3
    assert blocks == [expected] * 8


def test_nothing_to_load(tmp_path):
    with pytest.raises(UserError, match="There is no model"):
        seq2seq.load(tmp_path / "nothing")


def test_the_package_offers_these_names_and_no_others():
    assert seq2seq.__all__ == ["Scored", "Translation", "Translator", "load"]
    assert all(getattr(seq2seq, name).__module__.startswith("seq2seq.transl") for name in seq2seq.__all__)
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        _ = seq2seq.lod


def test_originals_come_back_in_their_places():
    found = reverser().translate("we have 7 dogs and 12,5 zaz zoz www.a.b/c")
    assert found.text == "www.a.b/c zoz zaz 12,5 and dogs 7 have we"
    assert found.tokens[:4] == ["[URL]", "[UNK]", "[UNK]", "[NUM]"]  # the raw pieces
    assert found.attention is None  # nobody asked for it
    assert reverser().translate("7 dogs 12", attention=True).attention.shape == (4, 4)


def test_without_attention_they_come_back_in_order():
    found = reverser(attends=False).translate("we have 7 dogs and 12,5 zaz zoz")
    assert found.text == "zaz zoz 7 and dogs 12,5 have we"


def test_each_alternative_has_its_originals_and_what_has_none_is_left_out():
    found = reverser().translate(["7 dogs 12", "dogs"], nbest=3)
    assert found[0].text == "12 dogs 7"
    for translation in found:
        assert len({tuple(one.tokens) for one in translation.nbest}) == 3
        for one in translation.nbest:
            assert "[" not in one.text
            assert "  " not in one.text


@pytest.mark.parametrize("search", ["beam", "greedy"])
def test_terms_are_in_the_output_known_to_the_model_or_not(search):
    glossary = {"dogs": "Golden Hounds", "zaz": "cats", "x y": "7 cats"}
    translator = reverser()
    found = translator.translate(["Dogs and zaz", "we have", "x y and 12 dogs"], glossary=glossary, search=search)
    # Each where the engine looks at what it translates: in the reverse order.
    assert [t.text for t in found[:2]] == ["Cats and Golden Hounds", "have we"]
    assert found[0].terms == [("dogs", "Golden Hounds"), ("zaz", "cats")]
    assert found[1] == translator.translate("we have", search=search)
    assert found[1].terms == []
    assert "7 cats" in found[2].text
    assert "Golden Hounds" in found[2].text


def test_what_a_glossary_does_at_most():
    with pytest.raises(UserError, match="Sampling cannot promise"):
        reverser().translate("we", search="sampling", glossary={"we": "dogs"})
    assert reverser().translate("we", search="sampling", glossary={}).terms == []


def test_a_glossary_file(tmp_path):
    (tmp_path / "terms.tsv").write_bytes("\ufeffcat\tkatz\r\n# x\r\n".encode())
    assert read_glossary(tmp_path / "terms.tsv") == {"cat": "katz"}
    with pytest.raises(UserError, match="There is no file"):
        read_glossary(tmp_path / "other.tsv")
    (tmp_path / "terms.tsv").write_bytes(b"cat\tkatz\nd\xff\tx\n")
    with pytest.raises(UserError, match=r"terms\.tsv, line 2.*not UTF-8"):
        read_glossary(tmp_path / "terms.tsv")


GLOSSARY = {"dog": "zakurra", "red": "gorria", "house": "etxe"}


def test_terms_in_subwords_alone_in_batches_and_in_streams(translator):
    assert isinstance(translator.tokenizers.target, Subwords)
    found = translator.translate(SENTENCES, glossary=GLOSSARY)
    counted = 0
    for translation in found:
        words = translation.text.replace(".", " ").split()
        wanted = [GLOSSARY[w] for w in translation.source.replace(".", " ").split() if w in GLOSSARY]
        assert [target for _, target in translation.terms] == wanted
        for target in wanted:
            assert words.count(target) >= wanted.count(target), translation
        counted += len(wanted)
        assert sum(translation.token_log_probs) == pytest.approx(translation.log_prob, abs=1e-4)
    assert counted > 20
    plain = translator.translate(SENTENCES)
    for with_terms, without in zip(found, plain, strict=True):
        if not with_terms.terms:
            assert with_terms.text == without.text
    assert [t.text for t in translator.translate_stream(SENTENCES, window=7, glossary=GLOSSARY)] == [
        t.text for t in found
    ]
    for place in (0, 7, 39):
        assert translator.translate(SENTENCES[place], glossary=GLOSSARY).text == found[place].text
    for greedy in translator.translate(SENTENCES, search="greedy", glossary=GLOSSARY):
        assert all(target in greedy.text.replace(".", " ").split() for _, target in greedy.terms)


def test_what_the_model_would_say_anyway_is_said_once(translator):
    plain = translator.translate(SENTENCES)
    glossary = {"dog": "hund", "cat": "katz"}
    same = [a.text == b.text for a, b in zip(plain, translator.translate(SENTENCES, glossary=glossary), strict=True)]
    assert sum(same) >= len(same) * 0.8  # where the model was right, its translation stays
