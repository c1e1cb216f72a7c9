"""A sentence that is to blame is named by its line in the person's text, and not by its row in a batch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from reverser import Reverser, reverser

from seq2seq.errors import OfSentenceError, SentenceError, SentenceWorkError, UserError, WorkError
from seq2seq.pipeline.translate.translate import Task, translate_lines
from seq2seq.text.normaliser import Normaliser
from seq2seq.text.pairs import TokenizerPair
from seq2seq.translator import Translator

# A batch has the longest first, so that no line stands where its row does.
LINES = ["we", "", "we have", "we have dogs", "dogs"]
NO_WAY_ON = {"min_length": 40, "no_repeat_ngram": 1}
"""There are fewer ids than 40."""


class Broken(Reverser):
    """Gives no number to what continues the sentence `of`."""

    def step(self, memory, owner, *arguments, **named):
        step = super().step(memory, owner, *arguments, **named)
        wrong = [memory[sentence] == self.of for sentence in owner]
        log_probs = np.where(np.array(wrong)[:, None], np.float32(np.nan), step.log_probs)
        return replace(step, log_probs=log_probs)


def broken(line: str) -> Translator:
    """A translator that can do anything but `line`."""
    whole = reverser()
    engine = Broken(whole.tokenizers.source)
    engine.of = whole.tokenizers.source.encode(line)
    return Translator(engine, TokenizerPair(*[whole.tokenizers.source] * 2), Normaliser(), whole.settings)


@pytest.mark.parametrize("search", ["beam", "greedy", "sampling"])
def test_what_no_way_on_is_left_for_is_named_by_its_line(search):
    with pytest.raises(SentenceError, match="No translation of sentence 4 was found") as caught:
        reverser(**NO_WAY_ON).translate(LINES, search=search)
    assert caught.value.sentence == 4
    with pytest.raises(UserError, match="No translation of sentence 1 was found"):
        reverser(**NO_WAY_ON).translate("we", search=search)


@pytest.mark.parametrize("search", ["beam", "greedy", "sampling"])
@pytest.mark.parametrize("line", [1, 3, 4, 5])
def test_so_is_one_that_the_model_has_no_number_for(search, line):
    with pytest.raises(SentenceWorkError, match=f"for sentence {line} must be finite, not nan") as caught:
        broken(LINES[line - 1]).translate(LINES, search=search, nbest=1 if search == "greedy" else 3)
    assert caught.value.exit_code == WorkError.exit_code


def test_lines_are_counted_over_windows_and_parts():
    text = "cats and. " * 20
    translator = reverser(split_tokens=12)
    assert len(translator.translate(text).parts) > 2
    settings = translator.with_settings(**NO_WAY_ON)
    for window in (1, 2, None):
        with pytest.raises(SentenceError, match="sentence 10 was found"):
            list(translator.translate_stream(["", "", text], settings, first=7, window=window))


def test_a_file_and_its_line_are_named(tmp_path: Path):
    source, target = tmp_path / "New.txt", tmp_path / "out.txt"
    source.write_text("".join(f"{line}\n" for line in [*LINES, "cats"]))
    translator = broken("cats")
    with pytest.raises(WorkError) as caught:
        translate_lines(translator, translator.settings, Task(source, target))
    told = caught.value.message
    assert told.startswith(f"{source}, line 6: the model's best log-probability for the sentence must be finite")


@pytest.mark.parametrize("targets", [[[], [], [], [], [3]], [[4], [4, 5, 6, 7], [], [5, 999], [4]]])
def test_what_cannot_be_scored_is_named(targets):
    wrong = 5 if targets[-1] == [3] else 4
    with pytest.raises(SentenceError, match=f"The target of sentence {wrong} must hold ids") as caught:
        reverser().score(LINES, targets)
    assert caught.value.sentence == wrong


def test_an_error_of_a_sentence_is_told_in_three_ways():
    error = SentenceError("{sentence} is too long.", sentence=3, hint="Split it.")
    assert str(error) == "Sentence 3 is too long. Split it."
    assert str(error.of(7)) == "Sentence 7 is too long. Split it."
    assert error.of(7).sentence == 7
    assert str(error.of(7).at("A.txt, line 7")) == "A.txt, line 7: the sentence is too long. Split it."
    other = SentenceWorkError("No way for {sentence}.", sentence=0)
    assert str(other.at("here")) == "here: no way for the sentence."
    assert [type(other.of(1)), type(other.at("here"))] == [SentenceWorkError] * 2
    assert isinstance(other, OfSentenceError | WorkError)
    assert not isinstance(other, UserError)
