"""`seq2seq neighbours`: on embeddings made by hand, and on a trained model as a person calls it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from toy_runs import NOUNS, call, done, environment, refused, toy

from seq2seq.errors import UserError
from seq2seq.pipeline.models.neighbours import WordVectors, draw_map, open_words, whole_words
from seq2seq.text.letters import Characters
from seq2seq.text.normaliser import Normaliser
from seq2seq.text.subwords import Subwords
from seq2seq.text.words import Words

__all__ = ["toy"]

# Angles in degrees, so that every similarity is a cosine that can be looked up.
ANGLES = {"milk": 0, "water": 30, "wine": 60, "tree": 90, "stone": 180, "\uffedmilk": 45, "!": 5}


def words(angles=ANGLES, *, longer: str = "wine") -> WordVectors:
    """Words at given angles on a plane; one vector is longer than the others, which must not matter."""
    tokenizer = Words([(word, 9) for word in angles])
    vectors = np.zeros((tokenizer.vocabulary_size, 2), np.float32)
    first = tokenizer.vocabulary_size - len(angles)
    for number, (word, angle) in enumerate(angles.items(), start=first):
        length = 7.0 if word == longer else 0.5
        vectors[number] = length * np.cos(np.radians(angle)), length * np.sin(np.radians(angle))
    return WordVectors(tokenizer, vectors, Normaliser())


def test_neighbours_are_ordered_by_the_cosine_of_their_angle():
    answer = words().nearest("milk", 3)
    assert [n.word for n in answer.neighbours] == ["water", "wine", "tree"]
    assert [n.similarity for n in answer.neighbours] == pytest.approx([3**0.5 / 2, 0.5, 0.0], abs=1e-6)
    assert (answer.word, answer.side, answer.pieces) == ("milk", "source", ("milk",))
    assert words().nearest("stone", 9).neighbours[-1].word == "milk"
    assert words().nearest("stone", 9).neighbours[-1].similarity == pytest.approx(-1.0)


def test_the_word_itself_punctuation_and_placeholders_are_no_neighbours():
    everything = {n.word for n in words().nearest("milk", 99).neighbours}
    assert everything == {"water", "wine", "tree", "stone"}


def test_a_word_without_a_vector_is_like_nothing():
    opened = words()
    opened._vectors[opened.ids["tree"]] = 0.0
    assert {n.similarity for n in opened.nearest("tree", 9).neighbours} == {0.0}


def test_an_unknown_word_is_answered_with_the_nearest_spelling():
    with pytest.raises(UserError, match=r"'watr' is not in the source vocabulary of 5 words\. Did you mean 'water'"):
        words().nearest("watr", 3)
    with pytest.raises(UserError, match="There is no word to look for"):
        words().nearest("   ", 3)


def test_an_unknown_word_that_is_glued_to_another_is_refused_too():
    with pytest.raises(UserError, match=r"'milk-watr' is not in the source vocabulary"):
        words({**ANGLES, "\uffed-": 9}).nearest("milk-watr", 3)


def test_a_placeholder_is_told_from_a_word():
    assert words().nearest("42", 2).placeholder == "num"
    assert words().nearest("42", 2).pieces == ("[NUM]",)
    assert words().nearest("milk", 2).placeholder == words().nearest("milk 42", 2).placeholder == ""


def test_the_command_says_that_a_number_stands_for_all(monkeypatch, tmp_path):
    monkeypatch.setattr("seq2seq.pipeline.models.neighbours.open_words", lambda *_: words())
    assert "'42' is no word of its own: [NUM] stands for all of its kind" in done("neighbours", tmp_path, "42").err
    assert done("neighbours", tmp_path, "milk").err == ""


def test_several_tokens_are_compared_by_the_mean_of_their_vectors():
    answer = words(longer="").nearest("milk tree", 2)  # the mean of 0 and 90 degrees is 45
    assert answer.pieces == ("milk", "tree")
    assert [n.similarity for n in answer.neighbours] == pytest.approx([np.cos(np.pi / 12)] * 2, abs=1e-6)
    assert {n.word for n in answer.neighbours} == {"water", "wine"}


def test_words_for_a_map_are_the_most_frequent_and_the_asked_ones():
    names, directions = words().placed(2, ["stone", "milk", "water tree"])
    assert names == ["stone", "milk", "water tree", "water"]
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1.0, rtol=1e-6)
    np.testing.assert_allclose(directions[0], [-1.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(directions[2], [0.5, 3**0.5 / 2], atol=1e-6)  # between 30 and 90


def test_whole_words_are_what_a_word_alone_is_cut_into():
    text = ["the milk is cold", "the water is cold", "milk and water", "cold water is good"] * 30
    tokenizer = Subwords.train(text, vocabulary_size=330)
    found = whole_words(tokenizer)
    assert {"milk", "water", "cold", "the"} <= found.keys()
    assert list(found.values()) == sorted(found.values())
    for word, number in found.items():
        assert tokenizer.encode(word) == [number]
        assert not word.startswith("▁")
    assert not any(w.startswith("<") for w in found)


def test_scripts_without_spaces_have_words_too():
    tokenizer = Subwords.train(["水を飲む。水を買う。水"] * 30, vocabulary_size=300)
    found = whole_words(tokenizer)
    assert "水" in found
    vectors = np.random.default_rng(1).normal(size=(tokenizer.vocabulary_size, 4)).astype(np.float32)
    opened = WordVectors(tokenizer, vectors, Normaliser())
    for word, number in found.items():
        assert opened.nearest(word, 2).pieces == tuple(tokenizer.pieces([number]))
    ids = tokenizer.encode("飲買")  # a mark of its own, and two words
    assert tokenizer.pieces(ids)[0] == "▁"
    assert opened.nearest("飲買", 2).pieces == tuple(tokenizer.pieces(ids[1:]))


def test_of_characters_the_letters_are_words():
    tokenizer = Characters([("a", 9), (" ", 8), ("b", 7), ("1", 5), ("\u200b", 3)])
    assert whole_words(tokenizer) == {"a": 4, "b": 6}


def test_a_vocabulary_without_words_cannot_be_drawn(tmp_path):
    opened = words({"!": 3, "?": 4})
    with pytest.raises(UserError, match="no whole words"):
        draw_map(opened, tmp_path / "map.png", num_words=9)
    with pytest.raises(UserError, match=r"'map\.jpg' does not end in \.png"):
        draw_map(words(), tmp_path / "map.jpg", num_words=9)


# --- on a trained model


def embedding(toy):
    from safetensors.numpy import load_file

    return load_file(toy.run / "bundle" / "weights.safetensors")["source_embedding.weight"]


def test_the_command_says_what_the_weights_say(toy):
    from seq2seq.text.pairs import TokenizerPair

    tokenizer = TokenizerPair.load(toy.run / "bundle" / "tokenizer").source
    weights = embedding(toy)

    def cosine(a, b):
        x, y = (weights[tokenizer.encode(word)].mean(axis=0).astype(np.float64) for word in (a, b))
        return x @ y / np.linalg.norm(x) / np.linalg.norm(y)

    told = done("neighbours", toy.run, "dog", "--count", "5")
    rows = [line.split("\t") for line in told.lines]
    assert len(rows) == 5
    for similarity, word in rows:
        assert float(similarity) == pytest.approx(cosine("dog", word), abs=6e-4)
    assert [float(s) for s, _ in rows] == sorted((float(s) for s, _ in rows), reverse=True)
    known = whole_words(tokenizer)
    best = max((cosine("dog", word), word) for word in known if word != "dog")[1]
    assert rows[0][1] == best


def test_words_that_stand_in_the_same_places_become_neighbours(toy):
    opened = open_words(toy.run, "target")
    hits = [n.word for n in opened.nearest("hund", 8).neighbours]
    nouns = {"katz", "etxe", "arbol", "ontzi", "txori", *NOUNS}
    assert len(nouns & set(hits)) >= 4, hits


def test_as_json(toy):
    told = done("neighbours", toy.run, "cat", "--count", "2", "--side", "target", "--json").json
    assert told["word"] == "cat"
    assert told["side"] == "target"
    assert told["pieces"] == ["▁cat"]
    assert [set(n) for n in told["neighbours"]] == [{"word", "similarity"}] * 2
    assert told["map"] is None


def test_a_word_of_several_pieces_is_said_to_be(toy):
    told = done("neighbours", toy.run, "catboat", "--json").json
    assert len(told["pieces"]) > 1
    plain = done("neighbours", toy.run, "catboat")
    assert f"is {len(told['pieces'])} pieces of the vocabulary, {' '.join(told['pieces'])}: the mean" in plain.err
    assert "the mean" not in done("neighbours", toy.run, "cat").err


def test_a_map_with_a_word_and_without(toy, tmp_path):
    for arguments in (["dog"], []):
        path = tmp_path / f"{len(arguments)}.png"
        told = done("neighbours", toy.run, *arguments, "--map", path, "--words", "25")
        assert path.read_bytes().startswith(b"\x89PNG")
        assert "words, " in told.err
        assert str(path) in told.err
        assert len(told.lines) == 10 * len(arguments)
    told = done("neighbours", toy.run, "--map", tmp_path / "c.png", "--words", "8", "--json").json
    assert told["map"]["words"] == 8
    assert 1 <= told["map"]["labelled"] <= 8


def test_neither_a_word_nor_a_map(toy):
    assert "There is no word to look for" in refused("neighbours", toy.run)


def test_a_map_that_is_no_png_is_refused_before_anything_is_opened(tmp_path):
    assert "does not end in .png" in refused("neighbours", tmp_path / "no-model", "--map", tmp_path / "a.txt")


def test_a_model_that_is_not_there_and_one_that_is_damaged(toy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "There is no model at nowhere" in refused("neighbours", "nowhere", "milk")
    shutil.copytree(toy.run / "bundle", tmp_path / "bundle")
    weights = tmp_path / "bundle" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:200])
    assert "weights.safetensors" in refused("neighbours", tmp_path / "bundle", "milk")


def test_no_torch_is_needed(toy):
    code = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "from seq2seq.cli.main import run\n"
        f"run(['neighbours', {str(toy.run)!r}, 'dog'])\n"
    )
    told = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, env=environment())
    assert told.returncode == 0, told.stderr
    assert len(told.stdout.splitlines()) == 10


def test_without_scikit_learn_the_extra_is_named(toy, tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    told = call("neighbours", toy.run, "dog", "--map", tmp_path / "map.png")
    assert told.code == 2
    assert 'pip install "seq2seq[train]"' in told.err
    assert json.dumps(str(tmp_path / "map.png")) not in told.out
