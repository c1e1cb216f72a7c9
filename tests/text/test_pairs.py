"""Two tokenizers or one, saved and found again through the registry."""

from __future__ import annotations

import json

import pytest

from seq2seq.errors import UserError
from seq2seq.text.pairs import TokenizerPair, plain
from seq2seq.text.subwords import Subwords
from seq2seq.text.true_case import Case, TrueCase
from seq2seq.text.words import Words

ENGLISH, GERMAN = ["the wheel turns"], ["das Rad dreht sich"]


def test_two_tokenizers_of_two_kinds(tmp_path):
    pair = TokenizerPair(
        Words.train(ENGLISH, vocabulary_size=50), Subwords.train(GERMAN, vocabulary_size=300, model="unigram")
    )
    pair.save(tmp_path)
    loaded = TokenizerPair.load(tmp_path)
    assert not pair.joint and not loaded.joint
    assert sorted(p.name for p in tmp_path.iterdir()) == ["source", "target"]
    assert isinstance(loaded.source, Words) and isinstance(loaded.target, Subwords)
    assert loaded.source.encode(ENGLISH[0]) == pair.source.encode(ENGLISH[0])
    assert loaded.target.encode(GERMAN[0]) == pair.target.encode(GERMAN[0])


def test_a_joint_tokenizer_stays_one_object(tmp_path):
    both = Words.train(ENGLISH + GERMAN, vocabulary_size=50)
    TokenizerPair(both, both).save(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["joint"]
    described = json.loads((tmp_path / "joint" / "tokenizer.json").read_text(encoding="utf-8"))
    assert described == {"schema_version": 2, "name": "words", "case": "keep"}
    loaded = TokenizerPair.load(tmp_path)
    assert loaded.joint and loaded.source is loaded.target


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ('{"schema_version": 4, "name": "words"}', "schema version 4.*newer"),
        ('{"schema_version": 1, "name": "word"}', "Did you mean 'words'"),
        ('{"name": "words"}', "damaged"),
        ("[]", "damaged"),
        ("{", "damaged"),
    ],
)
def test_a_description_that_cannot_be_used_is_refused(tmp_path, described, message):
    both = Words.train(ENGLISH, vocabulary_size=50)
    TokenizerPair(both, both).save(tmp_path)
    (tmp_path / "joint" / "tokenizer.json").write_text(described, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        TokenizerPair.load(tmp_path)


def test_a_joint_vocabulary_has_a_case_for_each_language(tmp_path):
    both = Words.train(ENGLISH + GERMAN, vocabulary_size=50)
    pair = TokenizerPair(TrueCase(both, Case(["das"])), TrueCase(both, Case(["the"])))
    assert pair.joint and plain(pair.source) is plain(pair.target) is both
    pair.save(tmp_path)
    written = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.txt"))
    assert written == ["source/case.txt", "target/case.txt"]
    assert json.loads((tmp_path / "joint" / "tokenizer.json").read_text(encoding="utf-8"))["case"] == "true"
    loaded = TokenizerPair.load(tmp_path)
    assert loaded.joint
    for before, after in ((pair.source, loaded.source), (pair.target, loaded.target)):
        assert after.vocabulary_size == both.vocabulary_size + 1
        for text in ("Das Rad", "The wheel", "das Rad", "the wheel"):
            assert after.encode(text) == before.encode(text)
    assert loaded.source.encode("Das Rad") != loaded.target.encode("Das Rad")


def test_two_vocabularies_in_true_case(tmp_path):
    pair = TokenizerPair(
        TrueCase(Words.train(ENGLISH, vocabulary_size=50), Case(["the"])),
        TrueCase(Words.train(GERMAN, vocabulary_size=50), Case([])),
    )
    pair.save(tmp_path)
    loaded = TokenizerPair.load(tmp_path)
    assert not pair.joint and not loaded.joint
    assert loaded.source.encode("The wheel") == pair.source.encode("The wheel")
    assert loaded.target.case.small == frozenset()
    (tmp_path / "target" / "case.txt").unlink()
    with pytest.raises(UserError, match=r"true case.*target.case\.txt"):
        TokenizerPair.load(tmp_path)


def test_a_pair_of_the_first_schema_version_still_loads(tmp_path):
    both = Words.train(ENGLISH, vocabulary_size=50)
    TokenizerPair(both, both).save(tmp_path)
    described = tmp_path / "joint" / "tokenizer.json"
    described.write_text('{"schema_version": 1, "name": "words"}', encoding="utf-8")
    assert TokenizerPair.load(tmp_path).source.encode(ENGLISH[0]) == both.encode(ENGLISH[0])


def test_a_folder_without_tokenizers_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"no tokenizer in .*source"):
        TokenizerPair.load(tmp_path)
