"""The log of metrics: rows come back, the future can be forgotten, a torn end is no harm."""

from __future__ import annotations

from seq2seq.training.metrics_log import MetricsLog

ROWS = [{"update": 1, "loss": 2.5}, {"update": 3, "kind": "ü"}, {"update": 3, "bleu": 1.0}, {"update": 7, "loss": 1.0}]


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
        log.rewind(update)
        assert log.rows() == ROWS[:kept]
        log.path.unlink()


def test_a_row_that_was_cut_off_is_left_out(tmp_path) -> None:
    log = filled(tmp_path)
    log.path.write_bytes(log.path.read_bytes()[:-5])
    assert log.rows() == ROWS[:-1]
    log.rewind(7)
    log.append({"update": 8})
    assert log.rows() == [*ROWS[:-1], {"update": 8}]
