"""What is SentencePiece's own: nothing is lost, and any corpus gives a vocabulary."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.errors import UserError
from seq2seq.text.special import NUM_SPECIAL, UNK
from seq2seq.text.subwords import MODELS, SMALLEST_VOCABULARY, Subwords

CORPUS = ["a small mill", "a small wheel turns", "Mühle und Rad"]
TRAINED = {model: Subwords.train(CORPUS, vocabulary_size=400, model=model) for model in MODELS}
JAPANESE = ["水車", "小屋", "猫", "魚", "見る", "行く", "の", "は", "を", "へ", "古い", "川"]
CHINESE = ["磨坊", "水", "河边", "转", "很", "清", "我们", "看见", "在", "猫", "老", "了"]
THAI = ["กังหัน", "น้ำ", "หมุน", "ช้า", "เขา", "ไป", "ที่", "บ้าน", "เก่า", "แล้ว", "ใหม่", "มา"]
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
TRICKY = st.text(st.sampled_from("a m\u2581\u2585\ufdd001 \t\n\x00\u2047<s>漢😀"), max_size=15)


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=200, deadline=None)
@given(text=ANY_TEXT | TRICKY)
def test_any_text_comes_back_exactly(model, text):
    """Not only normalised text: spaces at the ends, line ends, controls and the library's own marks as well."""
    subwords = TRAINED[model]
    ids = subwords.encode(text)
    assert subwords.decode(ids) == text
    assert all(i >= NUM_SPECIAL for i in ids)  # bytes stand in for UNK


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "texts", [["a"], ["one", "two words", "three more words"], ["▁ ▅ \ufdd0 a"], ["\t x \x00 y", "b"]]
)
def test_a_tiny_corpus_gives_what_it_can(model, texts):
    subwords = Subwords.train(texts, vocabulary_size=32_000, model=model)
    assert NUM_SPECIAL + 256 < subwords.vocabulary_size < 400
    assert [subwords.decode(subwords.encode(text)) for text in texts] == texts


def test_frequent_words_become_one_piece():
    subwords = Subwords.train(["the wheel turns and the wheel stops"] * 20, vocabulary_size=400)
    assert subwords.pieces(subwords.encode("the wheel")) == ["\u2581the", "\u2581wheel"]


@pytest.mark.parametrize("model", MODELS)
def test_more_characters_than_ids_leave_the_rare_ones_to_their_bytes(model):
    rare = "".join(chr(0x4E00 + n) for n in range(1000))
    texts = ["一二三 四五六 一二三"] * 10_000 + [rare]
    subwords = Subwords.train(texts, vocabulary_size=400, model=model)
    assert subwords.vocabulary_size <= 400
    assert len(subwords.encode("一二三")) <= 4
    assert subwords.decode(subwords.encode(rare)) == rare


def test_too_many_common_characters_say_how_large_the_vocabulary_must_be():
    alphabet = "".join(chr(0x4E00 + n) for n in range(1000))
    with pytest.raises(UserError, match=r"980 characters make up 98% of the text\..*2220 or more") as refused:
        Subwords.train([alphabet[:999]], vocabulary_size=400)
    assert refused.value.hint
    assert Subwords.train([alphabet[:999]], vocabulary_size=2220).vocabulary_size >= 1240


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=100, deadline=None)
@given(text=ANY_TEXT | TRICKY)
def test_surfaces_are_the_text_in_parts(model, text):
    """Exactly, spaces and escaped marks too: each belongs to one id."""
    surfaces = TRAINED[model].surfaces(text)
    assert "".join(surfaces) == text
    assert len(surfaces) == len(TRAINED[model].encode(text))


def test_surfaces_by_hand():
    subwords = Subwords.train(["the wheel turns and the wheel stops"] * 20, vocabulary_size=400)
    assert subwords.surfaces("the wheel") == ["the", " wheel"]
    assert subwords.surfaces(" the") == ["", " the"]
    assert subwords.surfaces("漢 the") == ["", "", "", "漢", " the"]  # the library's space, three bytes, and a word
    assert subwords.surfaces("") == []


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=100, deadline=None)
@given(texts=st.lists(ANY_TEXT | TRICKY | st.text(st.sampled_from("a mil wheturns"), max_size=40), max_size=6))
def test_a_batch_is_encoded_as_its_texts_are(model, texts):
    subwords = TRAINED[model]
    wanted = [subwords.encode(text) for text in texts]
    assert subwords.encode_batch(texts) == wanted
    assert subwords.encode_batch(texts) == wanted  # now from memory


def test_only_so_many_words_are_remembered(monkeypatch):
    monkeypatch.setattr("seq2seq.text.subwords._WORDS_REMEMBERED", 5)
    monkeypatch.setattr("seq2seq.text.subwords._LONGEST_REMEMBERED", 6)
    subwords = Subwords.train(CORPUS, vocabulary_size=400)
    for n in range(30):
        texts = [f"mill {n} wheelwright", f"a {n % 3}"]
        assert subwords.encode_batch(texts) == [subwords.encode(text) for text in texts]
        assert 0 < len(subwords._remembered) <= 5 + 1  # and the space alone
    assert "wheelwright" not in subwords._remembered


def test_words_are_remembered_only_where_that_changes_nothing():
    """Byte-pair scores are whole numbers; sums of the unigram model's depend on what stands before a word."""
    assert TRAINED["bpe"]._adds_exactly
    assert not TRAINED["unigram"]._adds_exactly


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=100, deadline=None)
@given(text=ANY_TEXT | TRICKY)
def test_a_text_is_the_ids_of_its_chunks(model, text):
    subwords = TRAINED[model]
    chunks = subwords.chunks(text)
    assert [i for chunk in chunks for i in subwords.chunk_ids(chunk)] == subwords.encode(text)
    assert all(chunk.rfind("\u2581") == 0 for chunk in chunks)


def test_lexicon_is_all_that_text_can_become():
    subwords = TRAINED["bpe"]
    lexicon = subwords.lexicon()
    assert sorted(i for i, _ in lexicon.values()) == list(range(NUM_SPECIAL + 256, subwords.vocabulary_size))
    assert all(subwords.pieces([i]) == [piece] for piece, (i, _) in lexicon.items())
    assert subwords.pieces(subwords.byte_ids("é")) == ["<0xC3>", "<0xA9>"]


@pytest.mark.parametrize("model", MODELS)
def test_a_space_is_known_however_rare_it_is(model):
    """Long lines without spaces: the space that the library writes before each is the rarest character of all."""
    alphabet = [chr(0x4E00 + n) for n in range(700)]
    texts = ["".join(alphabet[(n * k) % 700] for n in range(8000)) for k in (3, 11, 13, 17)]
    subwords = Subwords.train(texts, vocabulary_size=1640, model=model)
    assert "\u2581" in subwords.lexicon()
    assert subwords.decode(subwords.encode("一丁 七")) == "一丁 七"


@pytest.mark.parametrize("model", MODELS)
def test_scripts_without_spaces_get_pieces_of_several_characters(model):
    generator = random.Random(1)
    for words in (JAPANESE, CHINESE, THAI):
        some = ["".join(generator.choices(words, k=generator.randint(3, 8))) for _ in range(300)]
        subwords = Subwords.train(some, vocabulary_size=400, model=model)
        ids = subwords.encode_batch(some)
        assert sum(map(len, ids)) < 0.6 * sum(map(len, some))
        assert [subwords.decode(one) for one in ids] == some


def test_the_library_is_not_asked_for_more_than_the_text_could_ever_give(monkeypatch):
    """It takes memory for as many ids as it is asked for, and a billion would be gigabytes."""
    import sentencepiece

    asked, train = [], sentencepiece.SentencePieceTrainer.Train

    def watched(**settings):
        asked.append(settings["vocab_size"])
        return train(**settings)

    monkeypatch.setattr(sentencepiece.SentencePieceTrainer, "Train", watched)
    sizes = [Subwords.train(CORPUS, vocabulary_size=size).vocabulary_size for size in (400, 1_000_000_000)]
    assert asked[1] < 1000
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("model", MODELS)
def test_a_text_longer_than_the_library_takes_is_learned_from_in_parts(model):
    subwords = Subwords.train(["ab cd " * 15_000], vocabulary_size=400, model=model)
    assert {"\u2581ab", "\u2581cd"} & set(subwords.lexicon())


def test_bytes_that_make_no_character_decode_all_the_same():
    subwords = TRAINED["bpe"]
    first_byte = subwords.encode("漢")[-3]
    assert subwords.pieces([first_byte]) == ["<0xE6>"]
    assert subwords.decode([first_byte]) == "\ufffd"


def test_unknown_id_inside_text():
    subwords = TRAINED["bpe"]
    assert subwords.decode([*subwords.encode("a mill"), UNK, *subwords.encode("turns")]) == "a mill [UNK] turns"


def test_wrong_settings_are_refused():
    with pytest.raises(UserError, match="'bpe'"):
        Subwords.train(CORPUS, vocabulary_size=400, model="bpee")
    with pytest.raises(UserError, match=f"275 ids is too small.*{SMALLEST_VOCABULARY}"):
        Subwords.train(CORPUS, vocabulary_size=SMALLEST_VOCABULARY - 1)
    assert Subwords.train(["abc ab a"], vocabulary_size=SMALLEST_VOCABULARY).vocabulary_size <= SMALLEST_VOCABULARY


def test_damaged_model_names_its_file(tmp_path):
    TRAINED["bpe"].save(tmp_path)
    path = tmp_path / "sentencepiece.model"
    path.write_bytes(b"not a model at all")
    with pytest.raises(UserError, match=r"sentencepiece\.model.*damaged"):
        Subwords.load(tmp_path)


def test_a_foreign_model_with_other_ids_is_refused():
    import io

    import sentencepiece

    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=iter(CORPUS), model_writer=written, vocab_size=40, hard_vocab_limit=False, minloglevel=2
    )
    with pytest.raises(UserError, match="other special ids"):
        Subwords(written.getvalue())
