"""The learning curve: what is drawn from which rows, and how it reaches the disk."""

from __future__ import annotations

import math
import subprocess
import sys
import warnings

import pytest

from seq2seq.errors import UserError
from seq2seq.plots.figure import save
from seq2seq.plots.learning_curve import learning_curve, points, running_mean

PNG = b"\x89PNG\r\n\x1a\n"
TRAIN = [
    {"kind": "train", "update": u, "loss": 6 * math.exp(-u / 900) + 2, "rate": 1e-3, "tokens_per_second": 4e3}
    for u in range(50, 3001, 50)
]
VALIDATION = [
    {
        "kind": "validation",
        "update": u,
        "loss": 5 * math.exp(-u / 700) + 2.4 + u / 2e4,
        "bleu": 34 - 30 * math.exp(-u / 800),
        "chrf": 58.0,
    }
    for u in range(250, 3001, 250)
]


def size(path):
    """Width and height as the PNG's header says."""
    head = path.read_bytes()[:24]
    assert head.startswith(PNG)
    return int.from_bytes(head[16:20]), int.from_bytes(head[20:24])


def test_a_picture_is_written_whole_into_a_new_folder(tmp_path):
    path = tmp_path / "pictures" / "curve.png"
    learning_curve(TRAIN + VALIDATION, path)
    assert size(path) == (1200, 960)
    assert [p.name for p in path.parent.iterdir()] == ["curve.png"]


def test_equal_rows_give_equal_bytes_and_other_rows_others(tmp_path):
    one, two, three = (tmp_path / f"{n}.png" for n in "abc")
    learning_curve(TRAIN + VALIDATION, one)
    learning_curve(VALIDATION + TRAIN, two)
    learning_curve(TRAIN, three)
    assert one.read_bytes() == two.read_bytes()
    assert three.read_bytes() != one.read_bytes()


@pytest.mark.parametrize(
    "rows",
    [
        TRAIN[:1],
        VALIDATION[:1],
        [*TRAIN, {"kind": "train", "update": 3050, "loss": float("nan")}, {"kind": "remark", "text": "resumed"}],
        [{"kind": "validation", "update": 5, "loss": 2.0}],
        [{"kind": "validation", "update": 5, "loss": 2.0, "bleu": 0.0, "chrf": None}],
    ],
    ids=["one training row", "one validation", "a row that is not finite", "no scores", "a score of zero"],
)
def test_few_and_odd_rows_are_drawn_without_a_warning(rows, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learning_curve(rows, tmp_path / "curve.png")
    assert size(tmp_path / "curve.png")


@pytest.mark.parametrize("rows", [[], [{"kind": "train", "update": 1, "loss": float("inf")}], [{"kind": "remark"}]])
def test_nothing_to_draw_is_told_and_an_older_picture_stays(rows, tmp_path):
    path = tmp_path / "curve.png"
    path.write_bytes(b"older")
    with pytest.raises(UserError, match="nothing to draw yet"):
        learning_curve(rows, path)
    assert path.read_bytes() == b"older"


def test_points_are_sorted_finite_and_the_later_row_of_an_update_counts():
    rows = [
        {"kind": "train", "update": 20, "loss": 3.0},
        {"kind": "train", "update": 10, "loss": 4.0},
        {"kind": "train", "update": 30, "loss": math.nan},
        {"kind": "validation", "update": 10, "loss": 9.0},
        {"kind": "train", "update": 20, "loss": 2.5},
    ]
    assert points(rows, "train", "loss") == ([10, 20], [4.0, 2.5])
    assert points(rows, "validation", "bleu") == ([], [])


def test_the_running_mean_is_centred_and_uses_what_there_is_at_the_end():
    assert running_mean([0, 0, 9, 0, 0], 3) == [0, 3, 3, 3, 0]
    assert running_mean([1.0, 2.0, 3.0, 4.0, 5.0], 3) == [1, 2, 3, 4, 4.5]
    assert running_mean([1.0, 2.0, 3.0, 4.0, 5.0], 5) == [1, 2, 3, 3.5, 4]
    assert running_mean([], 5) == []


def test_a_picture_that_fails_leaves_the_older_one_and_no_rest(tmp_path):
    class Broken:
        def savefig(self, file, **_):
            file.write(b"half a pict")
            raise OSError(28, "No space left on device")

    path = tmp_path / "curve.png"
    path.write_bytes(b"older")
    with pytest.raises(UserError, match=r"curve\.png cannot be written: No space left on device"):
        save(Broken(), path)
    assert path.read_bytes() == b"older"
    assert [p.name for p in tmp_path.iterdir()] == ["curve.png"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UserError, match="cannot be written"):
        learning_curve(TRAIN, tmp_path / "file" / "curve.png")


def test_without_matplotlib_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UserError, match=r"seq2seq\[train\]"):
        learning_curve(TRAIN, tmp_path / "curve.png")


def test_pyplot_is_never_imported(tmp_path):
    code = (
        "import sys; from pathlib import Path; from seq2seq.plots.learning_curve import learning_curve as l;"
        "from seq2seq.plots.attention_map import attention_map as a; before = 'matplotlib' in sys.modules;"
        f"d = Path({str(tmp_path)!r}); l([{{'kind': 'train', 'update': 1, 'loss': 1.0}}], d / 'l.png');"
        "a(['a'], ['b'], [[1.0]], d / 'a.png'); print(before, 'matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
