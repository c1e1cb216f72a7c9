"""Duplicates, leakage and boilerplate, on corpora damaged on purpose and on the phrasebook."""

from __future__ import annotations

import random

import pytest
from damaged_corpora import diagnose, kinds, numbered, of_kind, sides

from seq2seq.corpus.doctor import duplicates, leakage
from seq2seq.corpus.doctor.boilerplate import Boilerplate
from seq2seq.corpus.doctor.duplicates import Duplicates
from seq2seq.corpus.doctor.examination import Severity
from seq2seq.corpus.doctor.leakage import Leakage

LONG = "the small red bird sat all day on the old gate behind our house near village pond number"


def copies(source, target):
    return diagnose(source, target, only=(Duplicates,))


def leaks(source, target, held_out):
    return diagnose(source, target, only=(Leakage,), held_out={"test": numbered(*held_out)})


def test_the_phrasebook_holds_no_copies_of_weight():
    found = copies(*sides(6000))
    assert kinds(found) <= {"near duplicates"}
    assert kinds(found, Severity.WARNING, Severity.SERIOUS) == set()


def test_exact_and_loose_copies_are_told_apart():
    source, target = sides(1000)
    source += [*source[:300], *(text.upper() for text in source[300:340])]
    target += [*target[:300], *(text.rstrip(".!? ") for text in target[300:340])]
    found = copies(source, target)
    exact, loose = of_kind(found, "exact duplicates"), of_kind(found, "loose duplicates")
    assert (exact.count, loose.count) == (300, 40)
    assert exact.severity is Severity.NOTE
    assert (exact.examples[0].line, exact.examples[0].note) == (1001, "like line 1")
    assert (loose.examples[0].line, loose.examples[0].note) == (1301, "like line 301")


def test_many_copies_are_a_warning():
    source, target = sides(500)
    assert of_kind(copies(source * 2, target * 2), "exact duplicates").severity is Severity.WARNING


def test_near_copies_share_most_of_their_words():
    source, target = sides(1000)
    numbers = [f"{LONG} {'abcdefghij'[n % 10]}{n}" for n in range(600)]
    found = of_kind(copies(source + numbers, target + numbers), "near duplicates")
    assert found.count == pytest.approx(600, abs=60)
    assert found.severity is Severity.WARNING
    assert any("much like line 1,0" in example.note for example in found.examples)


def test_one_source_with_many_translations():
    source, target = sides(1000)
    source += ["See below."] * 40
    found = of_kind(copies(source, target + [f"Voir {n}" for n in range(40)]), "many translations")
    assert (found.count, found.severity) == (40, Severity.WARNING)
    assert found.message.startswith("1 source sentence with 20 different translations or more; the most is 40")
    # The same translation forty times is another thing.
    assert "many translations" not in kinds(copies(source, target + ["Voir"] * 40))


def test_of_a_corpus_too_large_to_remember_the_share_is_estimated(monkeypatch):
    monkeypatch.setattr(duplicates, "_CAPACITY", 1000)
    monkeypatch.setattr(duplicates, "_COMPARED", 500)
    source, target = sides(6000)
    found = copies(source + source[:3000], target + target[:3000])
    exact = of_kind(found, "exact duplicates")
    assert exact.count == pytest.approx(3000, rel=0.2)
    assert exact.message.startswith("About ")
    near = [finding for finding in found.findings if finding.kind == "near duplicates"]
    assert all(finding.total <= 500 for finding in near)


def test_sentences_of_the_test_set_in_the_training_set():
    source, target = sides(2000)
    held = sides(200, start=2000)
    assert kinds(leaks(source, target, held), Severity.WARNING, Severity.SERIOUS) == set()
    source[100:110] = [text.upper().rstrip(".") for text in held[0][:10]]
    found = of_kind(leaks(source, target, held), "test leakage")
    assert (found.count, found.total, found.severity) == (10, 200, Severity.WARNING)
    assert [example.line for example in found.examples] == [101, 102, 103]
    assert "in 10 pairs" in found.message
    source[:200] = held[0]
    assert of_kind(leaks(source, target, held), "test leakage").severity is Severity.SERIOUS


def test_sentences_that_are_nearly_in_the_test_set():
    source, target = sides(500)
    draw = random.Random(2)
    held = [" ".join(draw.sample([f"w{n}" for n in range(500)], 20)) for _ in range(50)]
    near = [f"{text} more" for text in held]  # 20 words of 21
    found = of_kind(leaks(source + near[:40], target + near[:40], (held, held)), "test near-leakage")
    assert 36 <= found.count <= 40  # looked for with hashes, which miss one in a hundred
    assert (found.severity, found.total) == (Severity.WARNING, 50)
    assert [(e.line, e.note) for e in found.examples[:1]] == [(501, "much like sentence 1 of test")]
    short = ["I see a cat.", "You like tea."] * 20
    assert leaks(["I see a dog.", "You like him."], ["a", "b"], (short, short)).findings == ()


def test_empty_sentences_do_not_leak():
    assert leaks(["", "a b"], ["x", "y"], (["", "c d"], ["", "z"])).findings == ()
    assert leaks(["", "a b"], ["x", "y"], ([], [])).findings == ()


def test_a_huge_set_is_looked_for_in_part(monkeypatch):
    monkeypatch.setattr(leakage, "_MOST_HELD_OUT", 10)
    source, target = sides(50)
    found = of_kind(leaks(source, target, (source, target)), "test leakage")
    assert (found.count, found.total) == (10, 10)


def boilerplate(source, target):
    return diagnose(source, target, only=(Boilerplate,))


def test_a_sentence_again_and_again():
    source, target = sides(2000)
    assert boilerplate(source, target).findings == ()
    for line in range(0, 2000, 25):
        source[line], target[line] = f"Page {line}", "Tous droits réservés."
    found = of_kind(boilerplate(source, target), "repeated target sentences")
    assert (found.count, found.severity) == (80, Severity.WARNING)
    assert "'Tous droits réservés.' (80 times)" in found.message
    assert kinds(boilerplate(source, target)) == {"repeated target sentences"}


def test_a_beginning_again_and_again():
    source, target = sides(2000)
    for line in range(0, 2000, 10):
        source[line] = f"Click here to find out more about {target[line].lower()}"
    found = of_kind(boilerplate(source, target), "repeated source beginnings")
    assert (found.count, found.severity) == (200, Severity.WARNING)
    assert "'Click here to find out …' (200 times)" in found.message


def test_a_few_times_are_no_boilerplate():
    source, target = sides(2000)
    source[:9] = ["Thank you."] * 9
    assert boilerplate(source, target).findings == ()
