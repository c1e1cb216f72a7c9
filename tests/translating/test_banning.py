"""Words that no translation may hold, however a model spells them."""

from __future__ import annotations

import numpy as np
import pytest

from seq2seq.engines.engine import Start
from seq2seq.errors import UserError, WorkError
from seq2seq.recipe.schema import Search as SearchSettings
from seq2seq.search import Step
from seq2seq.text.normaliser import Normaliser
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.subwords import Subwords
from seq2seq.text.words import Words
from seq2seq.translating.banning import Banned
from seq2seq.translator import Translator

TEXTS = [
    "the cat saw a dog", "the catalogue of cats", "a dog and a cat", "Cat and dog (cat) concat", "ran outdoors", "door"
] * 4  # fmt: skip


@pytest.fixture(scope="module")
def subwords():
    return Subwords.train(TEXTS, vocabulary_size=330)


class Scripted:
    """An engine that writes what it is given, ids in order of preference, whatever the source is."""

    go, eos, parallel = 2, 3, 1

    def __init__(self, vocabulary_size, *outputs):
        self.vocabulary_size = vocabulary_size
        self.outputs = [list(output) for output in outputs]
        self.searched = 0

    def start(self, sources):
        self.searched += len(sources)
        state = np.empty(len(sources), object)
        state[:] = [()] * len(sources)
        return Start(None, state, np.array([len(ids) + 1 for ids in sources]))

    def step(self, memory, owner, last_ids, state, k, also=None):
        full = np.full((len(owner), self.vocabulary_size), -900.0, np.float32)
        full[:, [0, self.go]] = -np.inf
        after = np.empty(len(owner), object)
        for row, (path, last) in enumerate(zip(state, last_ids.tolist(), strict=True)):
            after[row] = path if last == self.go else (*path, last)
            for rank, output in enumerate(self.outputs):
                if tuple(output[: len(after[row])]) == after[row]:
                    following = [*output, self.eos][len(after[row])]
                    full[row, following] = max(full[row, following], -0.01 - rank)
        order = np.argsort(-full, axis=1, kind="stable")[:, :k]
        asked = None if also is None else np.take_along_axis(full, also, axis=1)
        return Step(order, np.take_along_axis(full, order, axis=1), after, asked)

    def select(self, state, rows):
        return state[rows]


def translator(engine, tokenizer, **settings):
    settings = {"name": "beam", "beam": 4, "prune": 0.0, "max_length_constant": 40, **settings}
    return Translator(engine, TokenizerPair(tokenizer, tokenizer), Normaliser(), SearchSettings(**settings))


def pieces(tokenizer, *names):
    """Ids by the names of pieces; what is no piece is spelled in bytes."""
    known = {tokenizer.pieces([i])[0]: i for i in range(tokenizer.vocabulary_size)}
    known["▁"] = tokenizer.encode(" ")[0]
    return [i for name in names for i in ([known[name]] if name in known else tokenizer.byte_ids(name))]


def spellings(tokenizer):
    """The same text in different ids, each of them a way to write a whole word "cat" in some form."""
    plain = tokenizer.encode
    return [
        plain("the cat saw"),
        [*plain("the"), *pieces(tokenizer, "▁", "c", "a", "t"), *plain("saw")],
        [*plain("the"), *pieces(tokenizer, "▁", "c"), *tokenizer.byte_ids("a"), *pieces(tokenizer, "t"), *plain("saw")],
        [*plain("the"), *pieces(tokenizer, "▁"), *tokenizer.byte_ids("cat"), *plain("saw")],
        [*plain("the"), *pieces(tokenizer, "▁"), *tokenizer.byte_ids("c"), *pieces(tokenizer, "a", "t"), *plain("saw")],
        plain("Cat saw"),
        plain("the CAT saw"),
        [*plain("the"), *pieces(tokenizer, "▁"), *tokenizer.byte_ids("CaT"), *plain("saw")],
        plain("the (cat) saw"),
        plain("cat-like cat"),
    ]


@pytest.mark.parametrize("search", ["beam", "greedy"])
def test_no_spelling_comes_through(subwords, search):
    wrong = spellings(subwords)
    assert len({tuple(ids) for ids in wrong}) == len(wrong)
    engine = Scripted(subwords.vocabulary_size, *wrong, subwords.encode("the dog saw"))
    found = translator(engine, subwords, beam=12)
    assert "cat" in found.translate("x", search=search).text
    text = found.translate("x", banned=["cat"], search=search).text
    assert not Banned(["cat"], subwords).in_text(text), text
    if search == "beam":
        assert text == "the dog saw"


@pytest.mark.parametrize(
    ("word", "text", "held"),
    [
        ("straße", "DIE STRASSE", True),
        ("straße", "die Straße, STRAßE", True),
        ("straße", "die strasse", False),  # another spelling, and not that of capitals
        ("groß", "GROSSE", False),
        ("sehr groß", "Sehr GROẞ, SEHR  GROSS", True),
        ("Straße", "DIE STRASSE", False),
        ("ﬁn", "FIN", True),
        ("ha ha", "haha ha ha", True),
        ("ha ha", "haha haha", False),
        ("aa", "aaa", False),
    ],
)
def test_where_a_word_stands(subwords, word, text, held):
    assert Banned([word], subwords).in_text(text) == [word] * held


def test_a_word_goes_on_behind_what_only_shapes_it(subwords):
    banned = Banned(["خانه", "donau"], subwords)
    assert banned.in_text("کتاب\u200cخانه an der Donau\u00addampf") == []
    assert banned.in_text("کتاب خانه an der Donau\u00ad") == ["خانه", "donau"]


def test_all_alternatives_are_without_it(subwords):
    right = [subwords.encode(text) for text in ("the dog saw", "a dog saw", "the door")]
    engine = Scripted(subwords.vocabulary_size, *spellings(subwords), *right)
    found = translator(engine, subwords, beam=12).translate("x", banned=["cat"], nbest=3)
    assert sorted(t.text for t in found.nbest) == ["a dog saw", "the dog saw", "the door"]


def test_longer_words_stay(subwords):
    catalogue = [*pieces(subwords, "▁c", "a", "t"), *subwords.byte_ids("alogue")]
    outdoors = [*subwords.encode("ran out"), *pieces(subwords, "d", "o", "o", "r")]
    for ids, word in ((catalogue, "cat"), (outdoors, "door")):
        engine = Scripted(subwords.vocabulary_size, ids, subwords.encode("the dog"))
        found = translator(engine, subwords).translate("x", banned=[word])
        assert found.ids == ids
        assert engine.searched == 1  # nobody had to look twice
    # Glued to a bracket it is a word, glued to a word it is not: the same id is banned behind the one alone.
    glued = [*subwords.encode("saw ("), *pieces(subwords, "d", "o", "o", "r")]
    engine = Scripted(subwords.vocabulary_size, glued, outdoors)
    assert translator(engine, subwords).translate("x", banned=["door"]).ids == outdoors


def test_phrases(subwords):
    a, b, c = (subwords.encode(text) for text in ("the cat saw a dog", "a dog saw the cat", "the  cat"))
    engine = Scripted(subwords.vocabulary_size, a, c, b)
    one = translator(engine, subwords)
    assert one.translate("x", banned=["cat saw"]).ids == c
    assert one.translate("x", banned=[" the   cat saw "]).ids == c
    assert one.translate("x", banned=["the cat", "zzz"]).ids not in (a, b, c)
    assert one.translate("x", banned=["the saw"]).ids == a


def test_what_has_a_capital_counts_as_it_is(subwords):
    a, b = subwords.encode("a cat ran"), subwords.encode("Cat ran")
    assert translator(Scripted(subwords.vocabulary_size, a, b), subwords).translate("x", banned=["Cat"]).ids == a
    assert translator(Scripted(subwords.vocabulary_size, b, a), subwords).translate("x", banned=["Cat"]).ids == a


def test_words_that_are_copied_from_the_source_too():
    words = Words([(word, 1) for word in ["we", "have", "dogs"]])
    unknown, we = words.encode("zaz"), words.encode("we")
    engine = Scripted(words.vocabulary_size, unknown, we)
    one = translator(engine, words)
    assert one.translate("zaz").text == "zaz"
    assert one.translate("zaz", banned=["zaz"]).text == "we"
    assert one.translate("zoz", banned=["zaz"]).text == "zoz"


def test_only_the_sentence_that_held_it_is_searched_again(subwords):
    ids = subwords.encode("the dog")
    engine = Scripted(subwords.vocabulary_size, ids)
    one = translator(engine, subwords)
    assert one.translate(["x", "y z", "w"], banned=["cat"]) == one.translate(["x", "y z", "w"])
    assert engine.searched == 6


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ({"banned": [" "]}, "Nothing can be seen"),
        ({"banned": ["cat"], "prefix": "the Cat"}, "'cat' is banned, and the prefix wants 'the Cat'"),
        ({"banned": ["cat"], "glossary": {"x": "a cat"}}, "'cat' is banned, and the glossary wants 'a cat'"),
    ],
)
def test_what_contradicts_itself(subwords, named, told):
    one = translator(Scripted(subwords.vocabulary_size, [9]), subwords)
    with pytest.raises(UserError, match=told):
        one.translate("x", **named)


@pytest.mark.parametrize(("banned", "found"), [("cat", "str"), ([3], "int")])
def test_what_is_no_list_of_words(subwords, banned, found):
    with pytest.raises(TypeError, match=found):
        translator(Scripted(subwords.vocabulary_size, [9]), subwords).translate("x", banned=banned)


def test_it_gives_up_at_last(subwords):
    ids = subwords.encode("the cat")
    with pytest.raises(WorkError, match="without 'cat'"):
        Banned(["cat"], subwords).spelled("the cat", ids, subwords.decode, rounds=99)
    rows = Banned(["cat"], subwords).spelled("the cat", ids, subwords.decode, rounds=1)
    alone = Banned(["cat"], subwords).spelled("the cat", ids, subwords.decode, rounds=9)
    assert {i for row in rows for i in row} >= {row[0] for row in alone if len(row) == 1}
