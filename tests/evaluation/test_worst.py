"""The worst sentences: found, ordered, and with their right line numbers."""

from __future__ import annotations

import pytest

from seq2seq.errors import UserError
from seq2seq.evaluation.metrics import score
from seq2seq.evaluation.worst import worst

SOURCES = ["un", "deux", "trois", "quatre"]
REFERENCES = ["the bird sings", "the garden is green", "we eat late", "open the door"]
HYPOTHESES = ["the bird sings", "xxxx zz", "we ate later", ""]


def test_the_worst_come_first_with_their_line_numbers():
    found = worst(SOURCES, HYPOTHESES, REFERENCES, count=3)
    assert [s.line for s in found] == [2, 4, 3]  # two share nothing (0, in the order of lines), one shares a part
    assert [s.chrf for s in found[:2]] == [0, 0]
    assert (found[2].source, found[2].hypothesis, found[2].reference) == ("trois", "we ate later", "we eat late")
    alone = score([HYPOTHESES[2]], [REFERENCES[2]], metrics=["chrf"])[0].value
    assert found[2].chrf == pytest.approx(alone)


def test_no_more_than_there_are():
    found = worst(SOURCES, HYPOTHESES, REFERENCES, count=99)
    assert len(found) == 4
    assert found[-1].chrf == pytest.approx(100)


def test_bad_sentences_are_ranked_where_sentence_bleu_could_not():
    found = worst(["a", "b"], ["gardens", "rivers"], ["garden", "mountain"], count=2)
    assert [s.line for s in found] == [2, 1]
    assert found[0].chrf < found[1].chrf


def test_a_blank_line_that_stays_blank_is_no_error():
    found = worst(["a", "", "b"], ["x", " ", ""], ["x y", "", "z"], count=3)
    assert [s.line for s in found] == [3, 1, 2]
    assert found[-1].chrf == 100


def test_case_may_be_folded():
    assert worst(["a"], ["HELLO"], ["hello"], lowercase=True)[0].chrf == pytest.approx(100)
    assert worst(["a"], ["HELLO"], ["hello"])[0].chrf == 0


def test_one_is_plain_values():
    assert worst(["s"], ["h"], ["r"], count=1)[0].to_dict() == {
        "line": 1,
        "chrf": 0.0,
        "source": "s",
        "hypothesis": "h",
        "reference": "r",
    }


def test_what_does_not_match_is_refused():
    with pytest.raises(UserError, match="1 sources and 4 hypotheses and 4 references"):
        worst(["a"], HYPOTHESES, REFERENCES)
    with pytest.raises(UserError, match="at least 1, not 0"):
        worst(SOURCES, HYPOTHESES, REFERENCES, count=0)
