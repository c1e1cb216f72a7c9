"""Word vectors as text: every layout, every way in which a token is found, and every damage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seq2seq.errors import UserError
from seq2seq.text.vectors import read_vectors, spellings, usual_spread

NAME = "some.vec"


def read(lines, tokens, *, subwords=False, size=2):
    """The vectors found, by token."""
    raw = [line.encode() if isinstance(line, str) else line for line in lines]
    found = read_vectors(raw, spellings(dict(enumerate(tokens)), subwords=subwords), size=size, name=NAME)
    assert found.tokens.dtype == np.int64
    assert found.vectors.dtype == np.float32
    assert found.vectors.shape == (len(found.tokens), size)
    return {tokens[token]: vector.tolist() for token, vector in zip(found.tokens, found.vectors, strict=True)}


def refusal(lines, tokens=("cat", "dog"), *, size=2) -> str:
    with pytest.raises(UserError) as error:
        read(lines, list(tokens), size=size)
    return str(error.value)


@pytest.mark.parametrize("header", [["3 2"], [], ["3 2 "]])
@pytest.mark.parametrize("end", ["", " ", "\r"])
def test_with_a_header_or_without_and_with_a_blank_at_the_end(header, end) -> None:
    lines = [*header, f"cat 0.5 -1e-2{end}", f"the 3 4{end}", f"dog 1 2{end}", ""]
    assert read(lines, ["dog", "bird", "cat"]) == {"dog": [1.0, 2.0], "cat": [0.5, pytest.approx(-0.01)]}


def test_the_words_of_a_file_are_counted_and_its_header_is_none() -> None:
    wanted = spellings({7: "cat"}, subwords=False)
    for header in ([b"3 2"], []):
        found = read_vectors([*header, b"a 1 2", b"cat 3 4", b"b 5 6", b""], wanted, size=2, name=NAME)
        assert found.num_words == 3
        assert found.tokens.tolist() == [7]


def test_nothing_wanted_is_there() -> None:
    assert read(["a 1 2"], ["b"]) == {}


def test_a_word_may_hold_spaces_and_a_number() -> None:
    lines = [". . . 1 2", "new york 3 4", "1984 5 6", "10 km 7 8"]
    assert read(lines, ["new york", "1984", ". . .", "10 km"]) == {
        ". . .": [1.0, 2.0],
        "new york": [3.0, 4.0],
        "1984": [5.0, 6.0],
        "10 km": [7.0, 8.0],
    }


def test_the_first_of_two_lines_counts() -> None:
    assert read(["cat 1 2", "cat 3 4"], ["cat"]) == {"cat": [1.0, 2.0]}


def test_the_exact_spelling_comes_before_lower_case_wherever_it_stands() -> None:
    assert read(["us 1 1", "US 2 2"], ["US", "Us", "us"]) == {"US": [2.0, 2.0], "Us": [1.0, 1.0], "us": [1.0, 1.0]}
    assert read(["US 2 2"], ["us"]) == {}, "lower case is never looked for in capitals"


def test_a_token_glued_to_its_left_neighbour_is_the_same_word() -> None:
    assert read(["boat 1 2", ", 3 4"], ["boat", "\uffedboat", "\uffed,", "\uffed"]) == {
        "boat": [1.0, 2.0],
        "\uffedboat": [1.0, 2.0],
        "\uffed,": [3.0, 4.0],
    }


def test_a_piece_that_begins_a_word_is_that_word_and_one_from_inside_is_not() -> None:
    lines = ["dog 1 2", "ing 3 4", ", 5 6", "paris 7 8"]
    tokens = ["▁dog", "ing", ",", "▁ing", "▁Paris", "▁", "▁,"]
    assert read(lines, tokens, subwords=True) == {
        "▁dog": [1.0, 2.0],
        "▁ing": [3.0, 4.0],
        ",": [5.0, 6.0],
        "▁,": [5.0, 6.0],
        "▁Paris": [7.0, 8.0],
    }


def test_where_the_file_has_pieces_itself_those_from_inside_a_word_count() -> None:
    lines = ["ing 3 4", "▁dog 1 2", "dog 5 6", "▁▁ 9 9"]
    assert read(lines, ["▁dog", "ing", "dog"], subwords=True) == {
        "▁dog": [1.0, 2.0],
        "ing": [3.0, 4.0],
        "dog": [5.0, 6.0],
    }
    assert read(["ing 3 4", "▁▁ 9 9"], ["ing", "▁▁"], subwords=True) == {"▁▁": [9.0, 9.0]}


def test_a_word_that_is_not_utf8_is_passed_over() -> None:
    assert read([b"caf\xe9 1 2", b"cat 3 4"], ["cat"]) == {"cat": [3.0, 4.0]}


def test_vectors_of_another_size_are_refused_with_both_sizes_and_the_setting() -> None:
    for lines in (["2 3", "cat 1 2 3"], ["cat 1 2 3"], ["new york 1 2 3"], ["3 1 2 3"]):
        told = refusal(lines)
        assert told.startswith("some.vec has vectors of 3 values, and model.embedding_size is 2.")
        assert "--set model.embedding_size=3" in told


@pytest.mark.parametrize(
    ("line", "count"), [("the 1", 1), ("the", 0), ("cat 1 2 3", 3), ("the 1 2 3 4", 4), ("the  1", 1)]
)
@pytest.mark.parametrize("header", [["9 2"], []])
def test_a_line_of_another_size_is_named_also_where_nobody_wants_its_word(line, count, header) -> None:
    told = refusal([*header, "dog 1 2", line])
    assert f"some.vec, line {len(header) + 2}: {count} values stand after the word, and the others have 2." in told


@pytest.mark.parametrize("value", ["x", "nan", "inf", "-inf", "1e60", "0,5", "1.2.3"])
def test_a_value_that_is_no_finite_number_is_named(value) -> None:
    told = refusal(["the 1 2", f"cat 1 {value}"])
    assert f"some.vec, line 2: '{value}' is no value of a vector" in told


@pytest.mark.parametrize("line", [b"cat", b"\xba\x16\x4f\x2f\x0c\x00", b"3 2\0\0", b"{"])
def test_what_is_no_text_of_vectors_is_refused_at_once(line) -> None:
    told = refusal([line])
    assert "line 1: a word and its values are needed" in told
    assert ".vec" in told


VECTORS = st.lists(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=3, max_size=3).map(tuple), min_size=1, max_size=6
).map(lambda rows: np.asarray(rows, np.float32))


@given(VECTORS)
@example(np.asarray([(0.0, 0.0, 8.4e-40)], np.float32))  # the factor is larger than a number of 32 bits can be
@settings(max_examples=60, deadline=None)
def test_scaled_vectors_are_1_long_in_the_mean_square_and_point_where_they_did(vectors) -> None:
    scaled, factor = usual_spread(vectors)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, vectors.astype(np.float64) * factor, rtol=1e-5, atol=1e-30)
    if np.abs(vectors).max() > 1e-3:
        assert np.mean(np.sum(scaled.astype(np.float64) ** 2, axis=1)) == pytest.approx(1.0, rel=1e-5)


def test_no_vectors_and_zeros_are_left_alone() -> None:
    for vectors in (np.zeros((0, 3), np.float32), np.zeros((2, 3), np.float32)):
        scaled, factor = usual_spread(vectors)
        assert factor == 1.0
        assert np.array_equal(scaled, vectors)


def test_numbers_are_read_as_they_were_written() -> None:
    rows = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    lines = [f"w{i} " + " ".join(f"{value!r}" for value in row.tolist()) for i, row in enumerate(rows)]
    found = read(lines, [f"w{i}" for i in range(50)], size=4)
    assert all(found[f"w{i}"] == row.tolist() for i, row in enumerate(rows))
