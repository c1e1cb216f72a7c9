"""The log of metrics: rows come back, the future can be forgotten, a torn end is no harm."""

from __future__ import annotations

import pytest

from seq2seq.training.metrics_log import MetricsLog

ROWS = [
    {"kind": "train", "update": 1, "loss": 2.5},
    {"kind": "ü", "update": 3},
    {"kind": "validation", "update": 3, "bleu": 1.0},
    {"kind": "train", "update": 7, "loss": 1.0},
]


def filled(tmp_path) -> MetricsLog:
    log = MetricsLog(tmp_path / "run" / "metrics.jsonl")
    for row in ROWS:
        log.append(row)
    return log


def test_rows_come_back(tmp_path) -> None:
    log = filled(tmp_path)
    assert log.rows() == ROWS
    assert len(log.path.read_text(encoding="utf-8").splitlines()) == len(ROWS)


def test_no_file_has_no_rows(tmp_path) -> None:
    assert MetricsLog(tmp_path / "none.jsonl").rows() == []


def test_rewinding_forgets_what_came_after(tmp_path) -> None:
    for update, kept in ((9, 4), (7, 4), (6, 3), (3, 3), (2, 1), (0, 0)):
        log = filled(tmp_path)
        log.rewind(None, update)
        assert log.rows() == ROWS[:kept]
        log.path.unlink()


def test_a_row_that_was_cut_off_is_left_out(tmp_path) -> None:
    log = filled(tmp_path)
    log.path.write_bytes(log.path.read_bytes()[:-5])
    assert log.rows() == ROWS[:-1]
    log.rewind(None, 7)
    log.append({"kind": "train", "update": 8})
    assert log.rows() == [*ROWS[:-1], {"kind": "train", "update": 8}]


def test_rewinding_to_a_number_of_rows(tmp_path) -> None:
    for rows in range(len(ROWS) + 1):
        log = filled(tmp_path)
        log.rewind(rows, 99)
        assert log.rows() == ROWS[:rows]
        assert log.count == rows
        log.append(ROWS[0])
        assert log.rows() == [*ROWS[:rows], ROWS[0]]
        assert log.count == rows + 1
        log.path.unlink()


def test_rows_are_counted_in_a_file_that_was_there(tmp_path) -> None:
    assert MetricsLog(filled(tmp_path).path).count == len(ROWS)
    again = MetricsLog(tmp_path / "run" / "metrics.jsonl")
    again.append(ROWS[0])
    assert again.count == len(ROWS) + 1


def test_what_training_went_back_behind_is_not_read_any_more(tmp_path) -> None:
    log = MetricsLog(tmp_path / "metrics.jsonl")
    written = [("train", 2), ("validation", 3), ("train", 4), ("advice", 5), ("rollback", 3), ("train", 4)]
    for number, (kind, update) in enumerate(written):
        log.append({"kind": kind, "update": update, "number": number})
    assert [row["number"] for row in log.rows()] == [0, 1, 3, 4, 5]
    assert log.count == len(written)  # the file keeps the whole story


def test_a_full_disk_leaves_no_half_row_and_what_could_not_be_written_waits(tmp_path) -> None:
    resource = pytest.importorskip("resource")
    log = filled(tmp_path)
    before = log.path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 7, hard))  # seven bytes of the row fit
    try:
        with pytest.raises(OSError, match="File too large"):
            log.append({"kind": "train", "update": 8})
        with pytest.raises(OSError, match="File too large"):
            log.append({"kind": "train", "update": 9})
        assert log.path.read_bytes() == before
        assert log.count == len(ROWS) + 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    log.flush(durable=True)
    assert log.rows() == [*ROWS, {"kind": "train", "update": 8}, {"kind": "train", "update": 9}]
