"""Minimum Bayes risk: against the double sum of its definition, on lists made by hand, and through the translator."""

from __future__ import annotations

import json
import math
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_runs import done, refused, toy, toy_pairs

import seq2seq
from seq2seq.errors import UserError
from seq2seq.evaluation.sentence import SentenceMetric, sentence_metric
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.toml import dump_recipe, load_recipe
from seq2seq.search import Hypothesis
from seq2seq.translating.minimum_bayes import Judged, MinimumBayes, expected_utilities, posterior

__all__ = ["toy"]
SENTENCES = [source for source, _ in toy_pairs(12)]


class Overlap(SentenceMetric):
    """A utility that is easy to compute in one's head: the share of the hypothesis' words in the reference."""

    def prepare(self, text):
        return set(text.split())

    def score(self, hypothesis, reference):
        return len(hypothesis & reference) / max(1, len(hypothesis))


def candidates(*log_probs):
    return [Hypothesis((4 + place,), value, value, (value, 0.0)) for place, value in enumerate(log_probs)]


def test_probabilities_are_renormalised_over_the_list():
    logs = [math.log(0.06), math.log(0.03), math.log(0.01)]
    assert posterior(logs, [9, 2, 4]) == pytest.approx([0.6, 0.3, 0.1])
    assert posterior(logs, [4, 4, 4], 1.0) == pytest.approx([0.6, 0.3, 0.1])
    assert posterior([-5000.0, -5000.0], [3, 3]) == pytest.approx([0.5, 0.5])  # exp of either alone is 0


def test_a_length_penalty_takes_away_what_only_the_length_gives():
    # two translations of one mean a token, and a third that is worse: lengths 2, 4 and 6, 4 on average
    logs, lengths = [-1.0, -2.0, -6.0], [2, 4, 6]
    alike, twin, worse = posterior(logs, lengths, 1.0)
    assert alike == pytest.approx(twin)
    assert worse / twin == pytest.approx(math.exp(-6.0 * 4 / 6 + 2.0))
    first, second, _ = posterior(logs, lengths, 0.5)
    assert second / first == pytest.approx(math.exp(-2.0 + 1.0 * math.sqrt(2)))
    assert np.isfinite(posterior(logs, lengths, 5000.0)).all()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from("abcd"), max_size=4).map(" ".join), st.floats(-30, 0)),
        min_size=2,
        max_size=8,
    )
)
def test_it_is_the_double_sum_of_the_definition(drawn):
    texts, log_probs = [text for text, _ in drawn], [value for _, value in drawn]
    metric = Overlap()
    total = sum(math.exp(value) for value in log_probs)
    wanted = [
        sum(
            math.exp(value) / total * (text == other or metric.score(metric.prepare(text), metric.prepare(other)))
            for other, value in zip(texts, log_probs, strict=True)
        )
        for text in texts
    ]
    assert expected_utilities(texts, posterior(log_probs, [1] * len(texts)), metric) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("name", ["bleu", "chrf"])
def test_the_empty_translation_is_like_itself(name):
    texts, weights, metric = ["", "a"], np.array([0.9, 0.1]), sentence_metric(name)
    assert expected_utilities(texts, weights, metric) == pytest.approx([0.9, 0.1])


def test_what_many_agree_on_beats_the_likeliest():
    texts = ["x y", "a b c", "a b d", "a b e"]
    listed = candidates(math.log(0.4), math.log(0.2), math.log(0.2), math.log(0.2))
    found = MinimumBayes(4, Overlap(), length_penalty=1.0, sampled=False)(listed, texts)
    assert [one.ids for one in found[:3]] == [(5,), (6,), (7,)]  # equals: the likelier, the earlier, first
    assert found[0].utility == pytest.approx(0.2 + 2 * 0.2 * 2 / 3)
    assert found[-1].utility == pytest.approx(0.4)
    assert isinstance(found[0], Judged)
    assert (found[0].score, found[0].token_log_probs) == (listed[1].score, listed[1].token_log_probs)


def test_of_a_list_the_likelier_have_more_say_and_of_samples_the_more_frequent():
    texts = ["a b", "a c", "d e", "d f"]
    unlike = candidates(*np.log([0.1, 0.1, 0.4, 0.4]))
    assert MinimumBayes(4, Overlap(), length_penalty=1.0, sampled=False)(unlike, texts)[0].ids == (6,)
    assert MinimumBayes(4, Overlap(), length_penalty=1.0, sampled=True)(unlike, texts)[0].ids == (
        4,
    )  # each counts alike, and so a tie
    often = ["a b", "d e", "d e", "a c"]
    found = MinimumBayes(4, Overlap(), length_penalty=1.0, sampled=True)(candidates(-1.0, -9.0, -9.0, -2.0), often)
    assert [one.ids for one in found[:2]] == [(5,), (6,)]
    assert found[0].utility == found[1].utility == pytest.approx(0.5)


def test_texts_that_are_equal_count_together_whatever_their_ids():
    texts = ["a b", "c d", "c d"]
    found = MinimumBayes(3, Overlap(), length_penalty=1.0, sampled=False)(candidates(*np.log([0.4, 0.3, 0.3])), texts)
    assert [one.ids for one in found] == [(5,), (6,), (4,)]


def test_less_than_two_candidates():
    with pytest.raises(UserError, match="at least 2 candidates, not 1"):
        MinimumBayes(1, Overlap(), length_penalty=1.0, sampled=False)


@pytest.fixture(scope="module")
def translator(toy):
    return seq2seq.load(str(toy.run), device="cpu", engine="torch")


@pytest.mark.parametrize("search", ["beam", "sampling"])
@pytest.mark.parametrize(("utility", "penalty"), [("bleu", 1.0), ("chrf", 1.0), ("bleu", 0.3)])
def test_a_translation_is_the_candidate_of_the_highest_expected_utility(translator, search, utility, penalty):
    from msgspec.structs import replace

    rules = replace(translator.settings, name=search, mbr=0, temperature=1.5, length_penalty=penalty)
    metric = sentence_metric(utility, tokenize="13a", lowercase=False)
    listed = list(translator.translate_stream(SENTENCES, rules, nbest=8))
    chosen = list(translator.translate_stream(SENTENCES, replace(rules, mbr=8, mbr_utility=utility), nbest=3))
    for before, after in zip(listed, chosen, strict=True):
        texts = [one.text for one in before.nbest]
        weights = np.full(8, 1 / 8)
        if search == "beam":
            of_all = before.nbest
            weights = posterior([one.log_prob for one in of_all], [len(one.tokens) for one in of_all], penalty)
        wanted = sorted(expected_utilities(texts, weights, metric), reverse=True)
        assert [one.utility for one in after.nbest] == pytest.approx(wanted[:3])
        assert after.utility == after.nbest[0].utility
        assert after.text == after.nbest[0].text
        same = next(one for one in before.nbest if one.ids == after.ids)
        assert (after.score, after.token_log_probs) == (same.score, same.token_log_probs)
    assert all(one.utility is None for before in listed for one in (before, *before.nbest))


def test_none_of_it_costs_nothing(translator, monkeypatch):
    monkeypatch.setattr("seq2seq.translating.minimum_bayes.pairwise", None)
    assert translator.translate(SENTENCES[0], mbr=0).utility is None
    with pytest.raises(TypeError):
        translator.translate(SENTENCES[0], mbr=2)


def test_it_does_not_depend_on_what_stands_beside_a_sentence(translator):
    together = translator.translate([*SENTENCES, "", SENTENCES[0]], mbr=6)
    assert [t.source for t in together] == [*SENTENCES, "", SENTENCES[0]]
    assert [t.text for t in together[:3]] == [translator.translate(one, mbr=6).text for one in SENTENCES[:3]]
    assert together[-2].utility is None


def test_more_alternatives_than_candidates_are_all_compared(translator):
    found = translator.translate(SENTENCES[0], mbr=2, nbest=5).nbest
    assert len(found) == 5
    assert [one.utility for one in found] == sorted((one.utility for one in found), reverse=True)


def test_a_long_text_has_the_mean_of_its_parts(translator):
    from msgspec.structs import replace

    text = " ".join(SENTENCES[:6])
    rules = replace(translator.settings, mbr=4, split_tokens=30)
    (found,) = translator.translate_stream([text], rules, nbest=3)
    assert len(found.parts) > 1
    assert found.utility == pytest.approx(sum(part.utility for part in found.parts) / len(found.parts))
    assert [one.utility for one in found.nbest] == sorted((one.utility for one in found.nbest), reverse=True)


def test_words_that_are_banned_stay_away(translator):
    free = translator.translate(SENTENCES[1], mbr=5).text
    word = free.split()[1]
    assert word not in translator.translate(SENTENCES[1], mbr=5, banned=[word]).text.split()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"mbr": -1}, "0 to 200, not -1"),
        ({"mbr": 201}, "0 to 200, not 201"),
        ({"mbr": 1}, "at least 2 candidates, not 1"),
        ({"mbr": 5, "search": "greedy"}, "5 are to be compared"),
    ],
)
def test_wishes_that_cannot_be(translator, asked, told):
    with pytest.raises(UserError, match=told):
        translator.translate(SENTENCES[0], **asked)


def test_the_commands_have_it(translator, toy):
    lines = "\n".join(SENTENCES[:4]) + "\n"
    wanted = [t.text for t in translator.translate(SENTENCES[:4], mbr=6)]
    torch = ("--engine", "torch")
    assert done("translate", toy.run, "--mbr", 6, *torch, stdin=lines).lines == wanted
    told = json.loads(done("translate", toy.run, "--mbr", 6, "--json", *torch, stdin=lines).lines[0])
    assert 0 < told["utility"] <= 1
    assert "utility" not in json.loads(done("translate", toy.run, "--json", *torch, stdin=lines).lines[0])
    assert done("repl", toy.run, "--mbr", 6, *torch, stdin=lines).lines == wanted
    talk = done("repl", toy.run, *torch, stdin=f":mbr 6\n{lines}:mbr 0\n:settings\n").lines
    assert talk[0] == "The one is shown that is most like the others of 6 candidates."
    assert talk[1:5] == wanted
    assert talk[5] == "The likeliest translation is shown."
    both = done("translate", toy.run, "--with", toy.run, "--mbr", 6, *torch, stdin=lines).lines
    assert both == wanted  # twice the same model is that model
    assert "gives one" in refused("translate", toy.run, "--mbr", 6, "--search", "greedy", stdin=lines)
    assert "one candidate" in refused("translate", toy.run, "--mbr", 1, stdin=lines)


@pytest.fixture(scope="module")
def comparing(toy, tmp_path_factory):
    """The toy's bundle with a recipe that compares candidates."""
    path = tmp_path_factory.mktemp("comparing") / "model"
    shutil.copytree(toy.run / "bundle", path)
    recipe = apply_overrides(load_recipe(path / "recipe.toml"), ["search.mbr=6"])
    (path / "recipe.toml").write_text(dump_recipe(recipe), encoding="utf-8")
    return path


def test_a_search_that_is_asked_for_is_all_that_is_asked_for(translator, comparing):
    lines = "\n".join(SENTENCES[:4]) + "\n"
    torch = ("--engine", "torch")
    chosen = [t.text for t in translator.translate(SENTENCES[:4], mbr=6)]
    likeliest = {beam: [t.text for t in translator.translate(SENTENCES[:4], beam=beam)] for beam in (1, 2)}
    greedy = [t.text for t in translator.translate(SENTENCES[:4], search="greedy")]
    assert done("translate", comparing, *torch, stdin=lines).lines == chosen
    for beam, wanted in likeliest.items():
        assert wanted != chosen
        assert done("translate", comparing, "--beam", beam, *torch, stdin=lines).lines == wanted
        assert done("repl", comparing, "--beam", beam, *torch, stdin=lines).lines == wanted
    assert done("translate", comparing, "--search", "greedy", *torch, stdin=lines).lines == greedy
    wide = ("--beam", 8, "--mbr", 6, *torch)
    both = [t.text for t in translator.translate(SENTENCES[:4], beam=8, mbr=6)]
    assert done("translate", comparing, *wide, stdin=lines).lines == both
    kept = ("--beam", 2, "--set", "search.mbr=6", *torch)
    assert done("translate", comparing, *kept, stdin=lines).lines == chosen
    opened = seq2seq.load(str(comparing), device="cpu", engine="torch")
    assert [t.text for t in opened.translate(SENTENCES[:4])] == chosen
    assert [t.text for t in opened.translate(SENTENCES[:4], beam=2)] == likeliest[2]
    assert [t.text for t in opened.translate(SENTENCES[:4], search="greedy")] == greedy


def test_evaluate_and_tune_with_a_beam_compare_no_candidates(comparing, tmp_path):
    text = tmp_path / "lines"
    text.write_text("".join(f"{line}\n" for line in SENTENCES[:2]))
    files = ("--source", text, "--reference", text, "--engine", "torch")
    found = done("evaluate", comparing, *files, "--beam", 3, "--json").json["results"][0]["search"]
    assert found["beam"] == 3 and not found.get("mbr")
    told = done("tune", comparing, *files, "--beam", "2,3", "--penalties", "1", "--dry-run", "--json").json
    tried = {(trial["beam"], trial["mbr"]) for trial in told["trials"]}
    assert {(2, 0), (3, 0)} <= tried and not {(2, 6), (3, 6)} & tried


def test_evaluate_scores_it_and_keeps_it_apart(toy):
    few = ("--split", "development", "--engine", "torch", "--set", "evaluation.bootstrap=0", "--worst", 0)
    told = done("evaluate", toy.run, "--mbr", 5, "--json", *few)
    assert "shown and not kept" in told.err
    assert told.json["results"][0]["search"]["mbr"] == 5


@pytest.mark.parametrize("command", ["translate", "evaluate"])
def test_candidates_are_compared_as_the_settings_say(toy, tmp_path, monkeypatch, command):
    asked = []

    def noted(name, **rules):
        asked.append(rules)
        return sentence_metric(name, **rules)

    monkeypatch.setattr("seq2seq.evaluation.sentence.sentence_metric", noted)
    lines = tmp_path / "lines"
    lines.write_text("".join(f"{line}\n" for line in SENTENCES[:2]))
    files = [lines] if command == "translate" else ["--source", lines, "--reference", lines]
    done(command, toy.run, *files, "--mbr", "2", "--set", "evaluation.tokenize=char", "--threads", "1")
    assert {rules["tokenize"] for rules in asked} == {"char"}
