"""Attention as a PNG and in the terminal, and tokens by confidence."""

from __future__ import annotations

import io
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from seq2seq.plots.attention_map import attention_map
from seq2seq.plots.characters import REPLACEMENT, printable
from seq2seq.plots.terminal import AttentionGrid, confidence_legend, confidence_text, downwards, shortened

SOURCE = ["▁the", "▁red", "▁boat", "<eos>"]
TARGET = ["▁le", "▁bateau", "▁rouge", "<eos>"]
WEIGHTS = np.array([[0.9, 0.0, 0.1, 0.0], [0.05, 0.15, 0.8, 0.0], [0.0, 1.0, 0.0, 0.0], [0.2, 0.2, 0.2, 0.4]])
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=30)  # lone surrogates included


def shown(renderable, width=80, **settings):
    console = Console(file=io.StringIO(), width=width, legacy_windows=False, **settings)
    console.print(renderable)
    return console.file.getvalue()


# --- the picture


def test_a_png_grows_with_the_sentence(tmp_path):
    small, large = tmp_path / "small.png", tmp_path / "large.png"
    attention_map(SOURCE, TARGET, WEIGHTS, small)
    attention_map([f"s{i}" for i in range(12)], [f"t{i}" for i in range(9)], np.full((9, 12), 1 / 12), large)

    def width(path):
        return int.from_bytes(path.read_bytes()[16:20])

    assert 400 < width(small) < width(large)


def test_dollars_chinese_emoji_and_control_characters_are_drawn_in_silence(tmp_path):
    odd = ["$x$", "$", "早上", "\N{GRINNING FACE}", "\x1b[31m", "\ud800", "", "_^{"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        attention_map(odd, odd, np.eye(len(odd)), tmp_path / "odd.png")
    assert (tmp_path / "odd.png").stat().st_size > 1000


def test_what_does_not_fit_is_the_callers_mistake(tmp_path):
    for draw in (lambda *a: attention_map(*a, tmp_path / "a.png"), AttentionGrid):
        with pytest.raises(ValueError, match=r"\(4, 4\).*4 target and 3 source"):
            draw(SOURCE[:3], TARGET, WEIGHTS)
    with pytest.raises(ValueError, match="no token"):
        attention_map([], [], np.zeros((0, 0)), tmp_path / "a.png")


# --- the terminal


def test_without_colours_a_row_holds_tenths():
    lines = [line.rstrip() for line in shown(AttentionGrid(SOURCE, TARGET, WEIGHTS)).splitlines()]
    assert lines[-4:] == [
        "    ▁le  9 0 1 0",
        "▁bateau  0 1 8 0",
        " ▁rouge  0 9 0 0",
        "  <eos>  2 2 2 4",
    ]


def test_the_source_stands_above_written_downwards():
    lines = shown(AttentionGrid(SOURCE, TARGET, WEIGHTS)).splitlines()[:-4]
    columns = ["".join(line[8 + 2 * i] for line in lines).strip() for i in range(4)]
    assert columns == SOURCE
    assert lines[-1][8:].split() == ["e", "d", "t", ">"]  # the last characters stand next to the map


def test_with_colours_the_cells_are_shades_and_the_letters_are_not():
    text = shown(AttentionGrid(SOURCE, TARGET, WEIGHTS), color_system="truecolor", force_terminal=True)
    last = text.splitlines()[-2]
    assert "\x1b[48;2;254;232;56m  \x1b[0m" in last  # all of the attention: the brightest shade
    assert last.count("\x1b[48;2;0;34;78m") == 3
    assert " 9" not in last


@pytest.mark.parametrize("settings", [{"color_system": None}, {"color_system": "standard"}, {"no_color": True}])
def test_few_or_no_colours_give_digits(settings):
    given = {"force_terminal": True, "color_system": "truecolor"} | settings
    assert " 9 0 1 0" in shown(AttentionGrid(SOURCE, TARGET, WEIGHTS), **given)


@pytest.mark.parametrize("width", [10, 14, 25, 40, 200])
def test_no_line_is_wider_than_the_terminal_and_every_column_is_shown(width):
    source, target = [f"{i}" for i in range(30)], ["▁un", "▁mot"]
    weights = np.zeros((2, 30))
    weights[0, ::3] = 0.5
    weights[1, :] = 0.1
    lines = shown(AttentionGrid(source, target, weights), width=width).splitlines()
    assert all(cell_len(line.rstrip()) <= width for line in lines)
    assert sum(line.startswith(" ▁un") for line in lines) == math.ceil(30 / ((width - 5) // 2)) or width == 200
    assert sum(line.count("5") for line in lines if line.startswith(" ▁un")) == 10


def test_wide_characters_keep_the_columns_in_line():
    source, target = ["早上", "好"], ["good", "朝の"]
    lines = shown(AttentionGrid(source, target, np.eye(2))).splitlines()
    assert lines[-2] == "good  9 0"
    assert lines[-1] == "朝の  0 9"
    assert lines[0] == "     早  "
    assert lines[1] == "     上好"


def test_marks_stay_with_their_letter_and_long_tokens_are_cut():
    assert downwards("e\u0301a") == ["e\u0301", "a"]
    assert downwards("abc" * 9) == [*"abcabcabcab", "…"]
    assert shortened("漢字漢字", 5) == "漢字…"
    assert shortened("abc", 3) == "abc"


def test_not_finite_weights_count_as_nothing():
    weights = np.array([[math.nan, 2.0, -1.0, math.inf]])
    assert " 0 9 0 9" in shown(AttentionGrid(SOURCE, ["x"], weights))


@given(st.lists(ANY_TEXT, max_size=6), st.lists(ANY_TEXT, max_size=4), st.integers(1, 60))
@settings(max_examples=40, deadline=None)
def test_any_tokens_can_be_shown(source, target, width):
    grid = AttentionGrid(source, target, np.full((len(target), len(source)), 0.3))
    for system in (None, "truecolor"):
        shown(grid, width=width, color_system=system).encode()
    shown(confidence_text(target, [-1.0] * len(target))).encode()


# --- confidence


def test_each_token_has_the_style_of_its_probability():
    text = confidence_text(["a", "b", "c", "d"], [math.log(p) for p in (0.95, 0.7, 0.4, 0.1)], legend=False)
    assert text.plain == "a b c d"
    styles = {text.plain[span.start : span.end]: span.style for span in text.spans}
    entries = {str(span.style) for span in confidence_legend().spans}
    assert len({str(style) for style in styles.values()} | {""}) == 4
    assert {str(style) for style in styles.values()} <= entries
    assert styles["c"].underline
    assert styles["d"].bold


def test_the_edges_belong_to_the_surer_side_and_nonsense_is_a_guess():
    def style(log_prob):
        spans = confidence_text(["x"], [log_prob], legend=False).spans
        return str(spans[0].style) if spans else ""

    assert style(math.log(0.9) + 1e-12) == style(0.0) == style(1e-3)
    assert style(math.log(0.6) - 1e-9) == style(math.log(0.3) + 1e-9)
    assert style(-math.inf) == style(math.nan) == style(-1e9)


def test_the_legend_is_the_second_line_and_may_be_left_out():
    first, second = confidence_text(["a"], [-0.01]).plain.splitlines()
    assert first == "a"
    assert second == confidence_legend().plain
    assert all(word in second for word in ("sure", "fairly", "unsure", "guessed"))
    assert "\x1b[2msure" not in shown(confidence_legend(), force_terminal=True, color_system="256")
    assert not confidence_legend().style


def test_without_colours_the_numbers_are_written():
    text = confidence_text(["▁un", "<eos>"], [math.log(0.25), 0.0], colour=False)
    assert text.plain == "▁un (25%) <eos> (100%)"


def test_confidence_needs_a_number_for_each_token():
    with pytest.raises(ValueError, match="zip"):
        confidence_text(["a", "b"], [0.0])


# --- characters


def test_printable_text_cannot_command_the_terminal():
    assert printable("a\x1b[2Jb") == f"a{REPLACEMENT}[2Jb"
    assert printable("a\tb\nc\u2028d") == "a b c d"
    assert printable("\ud800x") == f"{REPLACEMENT}x"
    family = "\N{MAN}\N{ZERO WIDTH JOINER}\N{GIRL} é 早"
    assert printable(family) == family


@given(ANY_TEXT)
@settings(max_examples=60)
def test_printable_text_is_one_encodable_line_and_stays_so(text):
    once = printable(text)
    once.encode()
    assert len(once.splitlines()) <= 1
    assert printable(once) == once
    assert len(once) == len(text)
