"""The same answer, whatever is translated beside it, in how many batches, by how many threads."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from reverser import reverser
from toy_runs import toy, toy_pairs

import seq2seq
import seq2seq.errors
from seq2seq.translating.banning import Banned

__all__ = ["toy"]
SENTENCES = [source for source, _ in toy_pairs(40)]
WORDS = ["we", "have", "dogs", "cats", "and", "zaz", "7", "12,5", "zoz"]


@pytest.fixture(scope="module")
def translator(toy):
    return seq2seq.load(toy.run, device="cpu", engine="torch")


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join), max_size=25),
    st.sampled_from([1, 2, 7, 64]),
    st.sampled_from([1, 12, 4096]),
    st.sampled_from([1, 3, None]),
    st.sampled_from([None, 1, 3]),
    st.randoms(use_true_random=False),
)
def test_no_bit_depends_on_batches_windows_threads_or_neighbours(lines, sentences, tokens, window, parallel, order):
    alone = reverser()
    expected = {line: alone.translate(line, nbest=3) for line in lines}
    one = reverser(parallel=parallel, batch_sentences=sentences, batch_tokens=tokens)
    order.shuffle(lines)
    found = list(one.translate_stream(lines, nbest=3, window=window))
    assert found == [expected[line] for line in lines]
    assert all(size <= sentences for size in one.engine.batches)


@pytest.mark.parametrize(
    ("search", "nbest", "largest"),
    [
        ({"beam": 8}, 1, 64),
        ({"beam": 9}, 1, 56),
        ({"beam": 200}, 1, 2),
        ({"beam": 1000}, 1, 1),
        ({"beam": 3}, 16, 32),
        ({"beam": 16, "mbr": 4}, 1, 32),
        ({"mbr": 16}, 1, 32),
        ({"mbr": 16}, 32, 16),
        ({"name": "greedy", "beam": 200}, 1, 64),
        ({"name": "sampling", "beam": 200}, 16, 32),
    ],
)
def test_a_batch_has_fewer_sentences_where_each_has_many_hypotheses(search, nbest, largest):
    lines = ["we have dogs", "zaz and cats"] * 35
    one = reverser(**search)
    found = list(one.translate_stream(lines, nbest=nbest))
    assert max(one.engine.batches) == largest
    if search.get("name") != "sampling":  # which draws by the place in the text
        assert found == [reverser(**search).translate(line, nbest=nbest) for line in lines[:2]] * 35


@pytest.mark.parametrize("search", ["beam", "greedy", "sampling"])
def test_of_a_trained_model_too(translator, search):
    nbest = 1 if search == "greedy" else 4
    chosen = translator.with_settings(search=search)
    lines = SENTENCES[1:13]
    expected = list(translator.translate_stream(lines, chosen, nbest=nbest))
    for other in (replace(chosen, batch_sentences=1), replace(chosen, batch_tokens=60)):
        same(list(translator.translate_stream(lines, other, nbest=nbest)), expected)
    same(list(translator.translate_stream(lines, chosen, nbest=nbest, window=3)), expected)
    if search != "sampling":  # which draws by the place in the text
        order = list(range(len(lines)))
        random.Random(3).shuffle(order)
        mixed = translator.translate_stream([lines[i] for i in order] + ["the cat. " * 9], chosen, nbest=nbest)
        same(list(mixed)[:-1], [expected[i] for i in order])


def same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.text == other.text
        assert one.score == pytest.approx(other.score, abs=1e-4)
        assert [t.text for t in one.nbest] == [t.text for t in other.nbest]
        assert [t.score for t in one.nbest] == pytest.approx([t.score for t in other.nbest], abs=1e-4)


def test_threads_that_share_a_new_translator_get_what_each_gets_alone():
    wishes = [
        {},
        {"nbest": 3},
        {"glossary": {"dogs": "Golden Hounds", "zaz": "cats"}},
        {"banned": ["cats", "dogs"]},
        {"search": "greedy", "prefix": "and"},
        {"search": "sampling", "nbest": 2},
        {"no_repeat_ngram": 1},
        {"min_length": 6},
    ]
    lines = [" ".join(WORDS[i % 9] for i in range(n, n + 5)) for n in range(9)] + ["", "7 dogs have we. " * 20]
    expected = [reverser(split_tokens=40).translate(lines, **wish) for wish in wishes]
    shared = reverser(parallel=2, split_tokens=40)
    together = threading.Barrier(len(wishes))

    def ask(wish):
        together.wait(timeout=60)
        return shared.translate(lines, **wish)

    with ThreadPoolExecutor(len(wishes)) as pool:
        for _ in range(2):
            assert list(pool.map(ask, wishes)) == expected


def test_settings_reach_the_search(translator):
    plain = translator.translate(SENTENCES)
    longer = translator.translate(SENTENCES, min_length=25)
    assert all(len(t.ids) >= 25 for t in longer)
    assert any(len(t.ids) < 25 for t in plain)
    once = translator.translate(SENTENCES, no_repeat_ngram=1)
    assert all(len(set(t.ids)) == len(t.ids) for t in once)
    assert any(len(set(t.ids)) < len(t.ids) for t in plain)
    covered = translator.with_settings(coverage_penalty=0.3, min_length=2, no_repeat_ngram=4)
    assert (covered.coverage_penalty, covered.min_length, covered.no_repeat_ngram) == (0.3, 2, 4)
    assert translator.with_settings() == translator.settings
    penalised = translator.translate(SENTENCES, coverage_penalty=2.0)
    assert any(a.score != pytest.approx(b.score, abs=1e-3) for a, b in zip(plain, penalised, strict=True))


@pytest.mark.parametrize("wrong", [{"min_length": -1}, {"no_repeat_ngram": -2}, {"coverage_penalty": -0.5}])
def test_settings_out_of_range_are_refused(translator, wrong):
    with pytest.raises(seq2seq.errors.UserError):
        translator.translate("the dog", **wrong)


def test_words_are_kept_out_of_a_trained_models_translations(translator):
    lines = SENTENCES[1:16]
    words = ["hund", "katz", "lo"]
    plain = translator.translate(lines, nbest=2)
    found = translator.translate(lines, nbest=2, banned=words)
    banned = Banned(words, translator.tokenizers.target)
    untouched = 0
    for before, after in zip(plain, found, strict=True):
        assert not any(banned.in_text(t.text) for t in after.nbest)
        if not any(banned.in_text(t.text) for t in before.nbest):
            untouched += 1
            assert [t.text for t in after.nbest] == [t.text for t in before.nbest]
    assert 0 < untouched < len(plain)
    same(list(translator.translate_stream(lines, nbest=2, banned=words, window=3)), found)


# Scores


def test_scores_of_ones_own_translations_are_the_searchs():
    one = reverser(batch_sentences=7)
    found = one.translate([" ".join(WORDS[i % 9] for i in range(n, n + n % 5)) for n in range(30)], nbest=2)
    flat = [t for each in found for t in each.nbest]
    scored = one.score([t.source for t in flat], [t.ids for t in flat])
    assert [s.token_log_probs for s in scored] == [t.token_log_probs for t in flat]
    assert [s.log_prob for s in scored] == [t.log_prob for t in flat]
    assert [s.mean for s in scored] == pytest.approx([t.score for t in flat])
    assert [s.tokens for s in scored] == [t.tokens for t in flat]


def test_of_a_trained_model_as_ids_and_as_text(translator):
    found = translator.translate(SENTENCES)
    by_ids = translator.score(SENTENCES, [t.ids for t in found])
    by_text = translator.score(SENTENCES, [t.text for t in found])
    equal = 0
    for t, a, b in zip(found, by_ids, by_text, strict=True):
        assert a.token_log_probs == pytest.approx(t.token_log_probs, abs=1e-4)
        assert a.log_prob == pytest.approx(t.log_prob, abs=1e-4)
        assert (a.source, a.target, b.target) == (t.source, t.text, t.text)
        assert b.log_prob == pytest.approx(sum(b.token_log_probs))
        if b.tokens == t.tokens:
            equal += 1
            assert b.log_prob == pytest.approx(a.log_prob, abs=1e-4)
    assert equal > 30
    worse = translator.score(SENTENCES, [t.text for t in found[::-1]])
    assert sum(s.log_prob for s in worse) < sum(s.log_prob for s in by_text)


def test_what_is_scored_and_what_is_not(translator):
    blank, none, some = translator.score(["", "the dog", " "], [" ", "", "hund"])
    assert (blank.tokens, blank.log_prob) == ([], 0.0)
    assert none.tokens == ["<eos>"]
    assert len(some.tokens) > 1
    assert translator.score([], []) == []
    with pytest.raises(TypeError, match="not a str"):
        translator.score("the dog", ["a"])
    with pytest.raises(seq2seq.errors.UserError, match="a target for each of the 2 sources, not 1"):
        translator.score(["a", "b"], ["a"])
    with pytest.raises(seq2seq.errors.UserError, match="Sentence 2 has"):
        translator.score(["a", "dog " * 5000], ["a", "b"])
    with pytest.raises(seq2seq.errors.UserError, match="must hold ids"):
        translator.score(["a"], [[3]])
