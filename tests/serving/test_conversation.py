"""What is answered to each line: translations, commands, and messages instead of an end."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from seq2seq.errors import UserError, WorkError
from seq2seq.serving.commands import COMMANDS, WIDEST_BEAM
from seq2seq.serving.conversation import Conversation, Settings


@dataclass
class Reversed:
    """What the fake answers: the words in reverse order."""

    text: str
    score: float
    source_tokens: list[str]
    tokens: list[str]
    token_log_probs: list[float]
    attention: Any = None
    nbest: list[Any] = field(default_factory=list)


class Fake:
    """Translates by reversing the words, remembers what it was asked, and raises `failure` if it has one."""

    def __init__(self, failure: BaseException | None = None, can_attend: bool = True):
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.failure = failure
        self.can_attend = can_attend

    def translate(self, text, **settings):
        self.asked.append((text, settings))
        if self.failure:
            raise self.failure
        best = self._one(text, settings, 0)
        best.nbest = [best] + [self._one(text, settings, rank) for rank in range(1, settings["nbest"])]
        return best

    def _one(self, text, settings, rank):
        source = text.split()
        tokens = [*settings["prefix"].split(), *reversed(source), *(["again"] * rank), "<eos>"]
        attention = np.full((len(tokens), len(source)), 1 / len(source)) if self.can_attend else None
        return Reversed(
            " ".join(tokens[:-1]),
            -0.5 - rank,
            source,
            tokens,
            [math.log(0.95)] * len(tokens),
            attention if settings["attention"] else None,
        )


def conversation(translator=None, *, console=None, **settings):
    console = console or Console(file=io.StringIO(), width=60, color_system=None, highlight=False)
    return Conversation(translator or Fake(), console, **{"beam": 5, **settings})


def answers(c, *lines):
    """All that is printed in answer to `lines`."""
    start = c.console.file.tell()
    for line in lines:
        assert c.reply(line) is True
    return c.console.file.getvalue()[start:]


def test_a_line_is_answered_by_its_translation_alone():
    assert answers(conversation(), "  the red boat \n") == "boat red the\n"


def test_the_settings_reach_the_translator():
    fake = Fake()
    c = conversation(fake, beam=3)
    answers(c, "a b")
    assert fake.asked[-1] == ("a b", {"beam": 3, "mbr": 0, "nbest": 1, "prefix": "", "attention": False})
    answers(c, ":beam 8", ":nbest 2", ":prefix Le chat", ":attention on", "a b")
    assert fake.asked[-1] == ("a b", {"beam": 8, "mbr": 0, "nbest": 2, "prefix": "Le chat", "attention": True})


def test_a_model_whose_search_has_no_beam_follows_one_only_where_it_is_asked_for():
    fake = Fake()
    c = conversation(fake, beam=None)
    answers(c, "a b")
    assert "beam" not in fake.asked[-1][1]
    assert answers(c, ":nbest 8", "a b").startswith("The 8 best are shown.\n")
    assert "beam" not in fake.asked[-1][1]
    assert answers(c, ":settings").startswith(":beam      (none)\n")
    answers(c, ":beam 5", "a b")
    assert fake.asked[-1][1]["beam"] == 5


def test_a_long_translation_stays_one_line_without_markup_or_emoji_codes():
    line = "[bold]x[/] :smile: " + "word " * 40
    assert answers(conversation(), line).splitlines() == [" ".join(reversed(line.split()))]


def test_blank_lines_are_not_answered():
    fake = Fake()
    assert answers(conversation(fake), "", "   ", "\t\n", "\u200b\u200e") == ""
    assert not fake.asked


def test_beam_and_nbest_keep_each_other_possible():
    c = conversation()
    assert "beam is 8 wide for it" in answers(c, ":nbest 8")
    assert (c.settings.beam, c.settings.nbest) == (8, 8)
    assert "3 translations are shown at most" in answers(c, ":beam 3")
    assert (c.settings.beam, c.settings.nbest) == (3, 3)
    assert answers(c, ":nbest 1") == "The best translation is shown.\n"
    assert answers(c, ":beam 1") == "The beam is 1 wide.\n"
    assert conversation(beam=2, nbest=4).settings.beam == 4


def test_nbest_shows_ranks_scores_and_texts():
    assert answers(conversation(), ":nbest 3", "a b").splitlines()[1:] == [
        "1  -0.500  b a",
        "2  -1.500  b a again",
        "3  -2.500  b a again again",
    ]


@pytest.mark.parametrize("argument", ["", "0", "-1", "2.5", "many", "１", "1_0", str(WIDEST_BEAM + 1), "9" * 5000])
@pytest.mark.parametrize("name", [":beam", ":nbest"])
def test_a_number_must_be_one(name, argument):
    c = conversation()
    told = answers(c, f"{name} {argument}")
    assert f"{name} takes a whole number from 1 to {WIDEST_BEAM}" in told
    assert len(told) < 200
    assert c.settings == Settings(beam=5)


def test_candidates_are_compared_until_they_are_no_longer():
    fake = Fake()
    c = conversation(fake)
    assert answers(c, ":mbr 20") == "The one is shown that is most like the others of 20 candidates.\n"
    answers(c, "a b")
    assert fake.asked[-1][1]["mbr"] == 20
    assert answers(c, ":mbr 0") == "The likeliest translation is shown.\n"
    answers(c, "a b")
    assert fake.asked[-1][1]["mbr"] == 0
    assert "whole number from 2" in answers(c, ":mbr 1")
    usual = conversation(fake, mbr=8)
    answers(usual, "a b")
    assert fake.asked[-1][1]["mbr"] == 8
    answers(usual, ":mbr 0", "a b")
    assert fake.asked[-1][1]["mbr"] == 0
    drawing = conversation(fake, beam=None, mbr=8)  # what the translator does anyway need not be said
    answers(drawing, "a b")
    assert not {"mbr", "beam"} & set(fake.asked[-1][1])


def test_a_beam_that_is_asked_for_is_all_that_is_asked_for():
    fake = Fake()
    c = conversation(fake, mbr=8)
    assert answers(c, ":beam 3") == "The beam is 3 wide, and of what it finds the likeliest is shown.\n"
    answers(c, "a b")
    assert (fake.asked[-1][1]["beam"], fake.asked[-1][1]["mbr"]) == (3, 0)
    answers(c, ":mbr 6", "a b")
    assert (fake.asked[-1][1]["beam"], fake.asked[-1][1]["mbr"]) == (3, 6)
    assert answers(c, ":mbr 0", ":beam 2").endswith("The beam is 2 wide.\n")


@pytest.mark.parametrize("name", ["attention", "scores"])
def test_switches(name):
    c = conversation()
    for argument, expected in (("on", True), ("on", True), ("", False), ("", True), ("OFF", False)):
        assert ("not shown" in answers(c, f":{name} {argument}")) is not expected
        assert getattr(c.settings, name) is expected
    assert "takes on or off, and was given 'maybe'" in answers(c, f":{name} maybe")


def test_attention_is_a_map_in_the_terminal():
    lines = answers(conversation(attention=True), "a b").splitlines()
    assert lines[0] == "b a"
    assert [line.split() for line in lines[1:]] == [["a", "b"], ["b", "5", "5"], ["a", "5", "5"], ["<eos>", "5", "5"]]


def test_a_translator_without_attention_says_so():
    c = conversation(Fake(can_attend=False), attention=True)
    assert answers(c, "a b").splitlines() == ["b a", "(this translator has no attention to show)"]


def test_scores_are_numbers_without_colours_and_styles_with_them():
    assert answers(conversation(scores=True), "a b").splitlines() == ["b a", "b (95%) a (95%) <eos> (95%)"]
    console = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor", width=90, no_color=False)
    coloured = conversation(console=console)
    assert "confidence: " in answers(coloured, ":scores on")  # the legend comes once
    told = answers(coloured, "a b")
    assert "b a <eos>" in told
    assert "confidence" not in told


def test_a_prefix_holds_until_it_is_cleared():
    c = conversation()
    assert answers(c, ":prefix  Guten Tag ", "a b").splitlines()[1] == "Guten Tag b a"
    assert answers(c, "a").strip() == "Guten Tag a"
    assert answers(c, ":prefix", "a b").splitlines()[1] == "b a"


def test_settings_are_listed():
    told = answers(conversation(), ":beam 7", ":prefix Oui", ":settings").splitlines()[2:]
    assert [line.split() for line in told] == [
        [":beam", "7"],
        [":mbr", "(none)"],
        [":nbest", "1"],
        [":attention", "off"],
        [":scores", "off"],
        [":prefix", "Oui"],
        [":glossary", "(none)"],
    ]


def test_a_glossary_is_read_and_handed_on_until_it_is_cleared(tmp_path):
    (tmp_path / "terms.tsv").write_text("a cat\tune chatte\n# comment\n", encoding="utf-8")
    c = conversation()
    assert answers(c, f":glossary {tmp_path / 'terms.tsv'}") == "1 term is laid down.\n"
    answers(c, "a b")
    assert c.translator.asked[-1][1]["glossary"] == {"a cat": "une chatte"}
    assert str(tmp_path / "terms.tsv") in answers(c, ":settings")
    (tmp_path / "terms.tsv").write_text("a cat\n", encoding="utf-8")
    assert "line 1: a glossary's line must have one tab" in answers(c, f":glossary {tmp_path / 'terms.tsv'}")
    assert "There is no file" in answers(c, ":glossary nowhere.tsv")
    answers(c, "a b")
    assert c.translator.asked[-1][1]["glossary"]  # a wrong file changes nothing
    assert answers(c, ":glossary") == "No terms are laid down.\n"
    answers(c, "a b")
    assert "glossary" not in c.translator.asked[-1][1]


def test_help_names_every_command_and_every_setting_has_one():
    told = answers(conversation(), ":help")
    for command in COMMANDS:
        assert command.name in told
        assert command.alias in told
    assert {f":{name}" for name in vars(Settings())} <= {command.name for command in COMMANDS}
    assert answers(conversation(), ":h") == told


@pytest.mark.parametrize("line", [":quit", ":q", ":QUIT", ":quit now", ":q\n"])
def test_quit_leaves(line):
    assert conversation().reply(line) is False


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (":baem 3", "Did you mean ':beam'?"),
        (":atention", "Did you mean ':attention'?"),
        (":exit", "There is no command ':exit'."),
        (":", "There is no command ':'."),
        (":" + "z" * 100_000, "zz…"),
    ],
)
def test_an_unknown_command_is_answered_with_the_nearest(line, told):
    fake = Fake()
    answer = answers(conversation(fake), line)
    assert told in answer
    assert len(answer) < 300
    assert not fake.asked


def test_a_blank_before_the_colon_makes_it_text():
    assert answers(conversation(), " :quit now") == "now :quit\n"


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (UserError("The prefix is too long.", hint="Shorten it."), "The prefix is too long. Shorten it."),
        (WorkError("The engine stopped."), "The engine stopped."),
        (ValueError("bad \x1b[2J shape"), "could not be translated: ValueError: bad \ufffd[2J shape"),
        (MemoryError(), "MemoryError"),
        (RecursionError("deep"), "RecursionError: deep"),
    ],
)
def test_a_failure_is_a_message_and_the_conversation_goes_on(failure, told):
    fake = Fake(failure)
    c = conversation(fake)
    assert told in answers(c, "a b")
    fake.failure = None
    assert answers(c, "a b") == "b a\n"


def test_with_a_console_for_errors_a_failure_leaves_an_empty_answer():
    errors = Console(file=io.StringIO(), color_system=None, width=80)
    c = conversation(Fake(UserError("No.")), errors=errors)
    assert answers(c, "a b", ":baem") == "\n\n"
    assert errors.file.getvalue().splitlines()[0] == "No."


def test_a_very_long_line_is_refused_with_both_numbers():
    fake = Fake()
    told = answers(conversation(fake), "ab " * 40_000)
    assert "119,999 characters; at most 10,000" in told
    assert not fake.asked
    assert answers(conversation(fake, max_characters=5), "a b c") == "c b a\n"


def test_ctrl_c_and_a_broken_pipe_are_the_loops_to_handle():
    for failure in (KeyboardInterrupt(), BrokenPipeError()):
        with pytest.raises(type(failure)):
            conversation(Fake(failure)).reply("a")


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)  # control characters and lone surrogates included
COMMAND_LIKE = st.builds(
    lambda name, space, rest: name + space + rest,
    st.sampled_from([":", "::", ":unknown", *(c.name for c in COMMANDS if c.name != ":quit")]),
    st.sampled_from(["", " ", "\t", "\u3000"]),
    ANY_TEXT,
)


@given(st.lists(ANY_TEXT | COMMAND_LIKE, max_size=6), st.booleans())
@settings(max_examples=100, deadline=None)
def test_no_line_ends_the_conversation(lines, coloured):
    console = Console(
        file=io.StringIO(), width=40, force_terminal=coloured, color_system="truecolor" if coloured else None
    )
    c = conversation(console=console, attention=True, scores=True)
    for line in lines:
        assert c.reply(line) is not (line.strip().split(" ")[0].lower() in {":q", ":quit"})
    console.file.getvalue().encode()


def test_a_recorded_conversation_becomes_a_picture():
    console = Console(record=True, file=io.StringIO(), force_terminal=True, color_system="truecolor", width=70)
    c = conversation(console=console)
    for line in (":attention on", ":scores on", "the red boat"):
        c.reply(line)
    picture = console.export_svg(title="seq2seq")
    assert picture.startswith("<svg")
    assert "boat" in picture
