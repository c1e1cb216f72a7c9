"""The map of a vocabulary: like words lie together, labels lie apart, and equal input gives an equal map."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from seq2seq.errors import UserError
from seq2seq.plots.vocabulary_map import draw, lay_out, main_axes, vocabulary_map


def groups(num_groups: int, size: int, *, width: int = 24, spread: float = 0.1):
    """Directions in groups, and the group of each."""
    generator = np.random.default_rng(1)
    centres = generator.normal(size=(num_groups, width))
    vectors = np.repeat(centres, size, axis=0) + spread * generator.normal(size=(num_groups * size, width))
    directions = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return directions.astype(np.float32), np.repeat(np.arange(num_groups), size)


def nearest_of(points):
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    return distances.argmin(axis=1)


@pytest.mark.parametrize(("num_groups", "size"), [(2, 5), (4, 12), (8, 10)])
def test_words_of_a_group_lie_together(num_groups, size):
    directions, group = groups(num_groups, size)
    points = lay_out(directions)
    assert points.shape == (num_groups * size, 2)
    assert np.mean(group[nearest_of(points)] == group) > 0.95


def test_equal_vectors_give_an_equal_map():
    directions, _ = groups(3, 8)
    assert np.array_equal(lay_out(directions), lay_out(directions.copy()))


@pytest.mark.parametrize("count", [1, 2, 3, 9, 10, 11, 40])
def test_any_number_of_words_and_words_without_a_vector(count):
    directions, _ = groups(count, 1)
    assert lay_out(directions).shape == (count, 2)
    assert np.isfinite(lay_out(np.zeros((count, 4), np.float32))).all()
    assert np.isfinite(lay_out(np.ones((count, 1), np.float32))).all()
    assert np.isfinite(lay_out(np.tile(np.eye(2, dtype=np.float32), (count, 1)))).all()  # many words, two directions


def test_few_words_are_shown_along_their_main_axes():
    # Points on a plane that lies askew in space: their distances are kept.
    flat = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 1.0], [0.0, 1.0], [9.0, 0.3]])
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(6, 6)))[0][:2]
    points = main_axes(flat @ turn + 5.0)
    between = np.linalg.norm(points[:, None] - points[None], axis=-1)
    np.testing.assert_allclose(between, np.linalg.norm(flat[:, None] - flat[None], axis=-1), atol=1e-9)
    np.testing.assert_allclose(points.mean(axis=0), 0, atol=1e-9)
    assert points[:, 0].var() > points[:, 1].var()
    np.testing.assert_allclose(main_axes(flat @ -turn), points, atol=1e-9)  # a sign that means nothing
    few = (flat @ turn + 5.0).astype(np.float32)
    np.testing.assert_array_equal(lay_out(few), main_axes(few))


def boxes(figure):
    figure.draw_without_rendering()
    return {text.get_text(): text.get_window_extent().extents for text in figure.axes[0].texts if text.get_text()}


def overlapping(found):
    return [
        (a, b)
        for i, (a, x) in enumerate(found.items())
        for b, y in list(found.items())[i + 1 :]
        if x[0] < y[2] and y[0] < x[2] and x[1] < y[3] and y[1] < x[3]
    ]


def test_labels_do_not_lie_on_each_other_and_the_asked_word_has_one():
    points = np.random.default_rng(3).normal(size=(400, 2))
    words = [f"word-{i}" for i in range(400)]
    figure, labelled = draw(words, points, word="word-399", marked=["word-398", "word-397"])
    found = boxes(figure)
    assert overlapping(found) == []
    assert {"word-399", "word-398", "word-397", "word-0", "word-1"} <= found.keys()
    assert labelled == len(found) < 400
    # The frequent words come first.
    assert np.mean([f"word-{i}" in found for i in range(50)]) > np.mean([f"word-{i}" in found for i in range(300, 390)])


def test_every_neighbour_has_a_label_however_near_they_lie():
    marked = [f"neighbour-{i}" for i in range(10)]
    crowd = np.concatenate([0.02 * np.random.default_rng(4).normal(size=(11, 2)), [[-1.0, -1], [1, 1]]])
    figure, _ = draw(["asked", *marked, "a", "b"], crowd, word="asked", marked=marked)
    found = boxes(figure)
    assert {"asked", *marked} <= found.keys()
    assert overlapping(found) == []
    lines = [text for text in figure.axes[0].texts if text.arrow_patch is not None]
    assert 1 <= len(lines) <= 10  # from each label that is not beside its point


def test_a_crowd_of_words_at_one_place_is_one_place():
    figure, labelled = draw(["first", *"abcdefgh"], np.zeros((9, 2)), word="first")
    assert overlapping(boxes(figure)) == []
    assert 1 <= labelled <= 4
    assert "first" in boxes(figure)


def test_the_asked_word_its_neighbours_and_the_others_are_told_apart():
    figure, _ = draw(["a", "b", "c"], np.array([[0.0, 0], [1, 1], [2, 0]]), word="a", marked=["b"])
    texts = {text.get_text(): text for text in figure.axes[0].texts}
    assert len({text.get_color() for text in texts.values()}) == 3
    assert [texts[w].get_fontweight() for w in "abc"] == ["bold", "bold", "normal"]


def test_it_is_written_as_png_the_same_each_time(tmp_path):
    directions, _ = groups(3, 5)
    words = ["$x$", "水", "\x1b[31m", "_^{", *(f"w{i}" for i in range(11))]
    first, second = tmp_path / "new" / "a.png", tmp_path / "b.png"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for path in (first, second):
            assert vocabulary_map(words, lay_out(directions), path) > 5
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes().startswith(b"\x89PNG")


def test_what_does_not_fit_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"shape \(2, 2\), and there are 1 words"):
        draw(["a"], np.zeros((2, 2)))
    with pytest.raises(ValueError, match="0 words"):
        draw([], np.zeros((0, 2)))
    with pytest.raises(UserError, match="cannot be written"):
        vocabulary_map(["a"], np.zeros((1, 2)), tmp_path)
