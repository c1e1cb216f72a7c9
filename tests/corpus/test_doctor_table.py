"""What every examination keeps: it is in the table, says nothing of a clean corpus, and survives any text."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil

import pytest
from damaged_corpora import diagnose, kinds, sides, slipped
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.corpus import doctor
from seq2seq.corpus.doctor.examination import Examination, Finding, Severity, counted, percent
from seq2seq.corpus.doctor.table import EXAMINATIONS


def test_every_examination_that_is_written_is_in_the_table_once():
    written = set()
    for module in pkgutil.iter_modules(doctor.__path__):
        members = vars(importlib.import_module(f"{doctor.__name__}.{module.name}")).values()
        written |= {m for m in members if inspect.isclass(m) and issubclass(m, Examination) and m is not Examination}
    assert written == set(EXAMINATIONS)
    assert len(EXAMINATIONS) == len(written) == len({examination.kind for examination in EXAMINATIONS})


def test_the_phrasebook_gets_no_alarm():
    source, target = sides(8000)
    held_out = {"test": [(line, *pair) for line, pair in enumerate(zip(*sides(500, 8000), strict=True), start=1)]}
    found = diagnose(source, target, held_out=held_out)
    assert found.of_weight() == ()
    assert not found.is_serious()


@pytest.mark.parametrize("examination", EXAMINATIONS)
@pytest.mark.parametrize("pairs", [0, 1, 2, 50])
def test_tiny_corpora_get_no_alarm(examination, pairs):
    found = diagnose(*sides(pairs), only=(examination,))
    assert found.of_weight() == ()
    assert found.num_pairs == pairs


texts = st.lists(st.tuples(st.text(max_size=30), st.text(max_size=30)), min_size=1, max_size=12)


@settings(max_examples=25, deadline=None)
@given(texts, st.integers(1, 5))
def test_any_text_is_survived_and_told_in_json(pairs, size):
    source, target = (list(side) for side in zip(*pairs, strict=True))
    found = diagnose(source, target, size=size, num_examples=2)
    told = json.loads(json.dumps(found.to_dict()))
    assert told["pairs"] == len(pairs)
    for finding in told["findings"]:
        assert finding["message"]
        assert finding["advice"]
        assert 0 < finding["count"] <= max(finding["total"], len(pairs))
        assert len(finding["examples"]) <= 2
        assert all(1 <= example["line"] <= len(pairs) for example in finding["examples"])


def damaged():
    source, target = sides(3000)
    target[::15] = source[::15]
    source[5::40] = ["Read more …"] * len(source[5::40])
    return slipped(source, target, 1800, 1)


def test_findings_do_not_depend_on_how_the_stream_is_cut():
    whole, cut = (diagnose(*damaged(), size=size) for size in (4096, 700))
    assert kinds(whole, Severity.SERIOUS, Severity.WARNING) >= {"alignment slip", "untranslated target lines"}
    by_kind = {finding.kind: finding for finding in cut.findings}
    for finding in whole.findings:
        other = by_kind.pop(finding.kind)
        assert other.severity is finding.severity
        assert other.count == pytest.approx(finding.count, rel=0.1, abs=2)
    assert not by_kind


def test_the_serious_comes_first():
    found = diagnose(*damaged())
    order = [list(Severity).index(finding.severity) for finding in found.findings]
    assert order == sorted(order)
    assert found.is_serious()
    assert found.of_weight() == tuple(f for f in found.findings if f.severity is not Severity.NOTE)


def test_what_a_person_reads():
    assert [percent(share) for share in (0, 0.0004, 0.004, 0.0834, 0.5, 1)] == [
        "0.0 %",
        "<0.1 %",
        "0.4 %",
        "8.3 %",
        "50 %",
        "100 %",
    ]
    assert (counted(1, "pair"), counted(2000, "pair")) == ("1 pair", "2,000 pairs")
    assert Finding("k", Severity.NOTE, 0, 0, "m", "a").share == 0
