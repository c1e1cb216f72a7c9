"""Files translated in windows: what is written, going on after an interruption, parts, and how much memory it takes."""

from __future__ import annotations

import gzip
import io
import os
import random
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from echo_translator import Echo, Kept, Quick
from made_facts import file_of, made_facts

from seq2seq import console
from seq2seq.bundle import Bundle
from seq2seq.errors import UserError, WorkError
from seq2seq.folders import write_json
from seq2seq.pipeline.alone import alone
from seq2seq.pipeline.parts import Part
from seq2seq.pipeline.translate import pieces
from seq2seq.pipeline.translate.formats import Format
from seq2seq.pipeline.translate.resuming import of_model, written
from seq2seq.pipeline.translate.translate import Task, _facts, check_places, translate_lines, window_size
from seq2seq.recipe.schema import Evaluation, Recipe, Search

SETTINGS = Search(batch_sentences=1)
SIZE = window_size(SETTINGS)
NUM_LINES = 2 * SIZE + 7
FORMS = {
    "plain": Format(),
    "scores": Format(scores=True),
    "three best": Format(nbest=3),
    "JSON": Format(as_json=True),
    "JSON of three": Format(nbest=3, as_json=True),
}
each_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def write_lines(path: Path, count: int = NUM_LINES) -> Path:
    """Lines of several lengths, a blank one now and then."""
    path.write_text("".join(f"{'é' * (i % 3)}{i}\n" if i % 11 else "\n" for i in range(count)), encoding="utf-8")
    return path


def translate(task: Task, translator: Echo | None = None, settings: Search = SETTINGS, **more) -> int:
    return translate_lines(translator or Echo(), settings, task, **more)


@pytest.fixture
def source(tmp_path) -> Path:
    return write_lines(tmp_path / "in.txt")


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "out.txt"


def whole(source: Path, form: Format = FORMS["plain"]) -> bytes:
    """What an uninterrupted run writes."""
    target = source.with_name("whole")
    translate(Task(source, target, form))
    return target.read_bytes()


def beside(path: Path) -> set[str]:
    return {other.name for other in path.parent.iterdir() if other.name.startswith(path.name)}


def test_windows_of_a_file_have_one_size(source, target):
    assert translate(Task(source, target)) == NUM_LINES
    rows = target.read_text("utf-8").split("\n")[:-1]
    lines = source.read_text("utf-8").split("\n")[:-1]
    for number, (line, row) in enumerate(zip(lines, rows, strict=True), start=1):
        first = (number - 1) // SIZE * SIZE
        size = min(SIZE, NUM_LINES - first)
        assert row == (f"{line}·{number}·{size}·{lines[first]}" if line else "")
    assert beside(target) == {"out.txt"}


def test_standard_input_that_is_a_file_has_the_same_windows(source, monkeypatch, capsys):
    with source.open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        translate(Task(None, None))
    assert capsys.readouterr().out.encode() == whole(source)


# Going on


def interrupted(task: Task, after: int = NUM_LINES - 1) -> bytes:
    """Leaves a part and its record behind. Returns the record."""
    with pytest.raises(KeyboardInterrupt):
        translate(task, Echo(stop_after=after))
    return record(task).read_bytes()


def part(task: Task) -> Path:
    return task.target.with_name(task.target.name + ".part")


def record(task: Task) -> Path:
    return task.target.with_name(task.target.name + ".part.json")


@each_form
@pytest.mark.parametrize("shard", [Part(), Part(2, 2)], ids=str)
def test_going_on_from_any_byte_gives_the_bytes_of_an_uninterrupted_run(source, target, form, shard):
    task = Task(source, target, form, part=shard)
    told = interrupted(task)
    translate(replace(task, resume=True))
    expected = target.read_bytes()
    if shard.is_whole:
        assert expected == whole(source, form)
    ends = [place + 1 for place, byte in enumerate(expected) if byte == ord("\n")]
    cuts = {0, len(expected), *ends[::5], *random.Random(1).sample(range(len(expected)), 50)}
    for cut in cuts:
        part(task).write_bytes(expected[:cut])
        record(task).write_bytes(told)
        target.unlink(missing_ok=True)
        translate(replace(task, resume=True))
        assert target.read_bytes() == expected, cut
        assert beside(target) == {"out.txt"}


def test_no_more_than_a_window_is_translated_twice(source, target):
    task = Task(source, target)
    told = interrupted(task)
    lines = whole(source).splitlines(keepends=True)
    for done in (SIZE - 1, SIZE, SIZE + 1, NUM_LINES):
        part(task).write_bytes(b"".join(lines[:done]))
        record(task).write_bytes(told)
        translator = Echo()
        assert translate(replace(task, resume=True), translator) == NUM_LINES - done
        assert translator.given[0]["first"] == (NUM_LINES if done == NUM_LINES else done // SIZE * SIZE)


def test_an_interruption_keeps_whole_lines_and_says_how_to_go_on(source, target, capsys):
    task = Task(source, target)
    interrupted(task, after=SIZE + 3)
    assert part(task).read_bytes() == b"".join(whole(source).splitlines(keepends=True)[: SIZE + 3])
    assert not target.exists()
    told = capsys.readouterr().err
    assert f"what was translated is in {part(task)}; go on with the same command and --resume" in told
    translate(replace(task, resume=True))
    assert f"going on after line {SIZE + 3}" in capsys.readouterr().err
    assert target.read_bytes() == whole(source)


def test_an_interruption_before_the_first_line_leaves_nothing(source, target, capsys):
    task = Task(source, target)
    with pytest.raises(KeyboardInterrupt):
        translate(task, type("Deaf", (Echo,), {"one": lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)})())
    assert beside(target) == set()
    assert "what was translated" not in capsys.readouterr().err


def test_with_nothing_to_go_on_with_it_starts_and_says_so(source, target, capsys):
    translate(Task(source, target, resume=True))
    assert target.read_bytes() == whole(source)
    assert "nothing to go on with: starting at the first line" in capsys.readouterr().err


def test_work_that_could_be_gone_on_with_is_not_overwritten(source, target, monkeypatch):
    task = Task(source, target)
    told = interrupted(task)
    kept = part(task).read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"other\n" * 3)))
    # The same command, another one, one that cannot be gone on with, and one that would put pieces in its place.
    for other in (task, replace(task, prefix="x"), Task(None, target), shared(source, target, 1)):
        with pytest.raises(UserError, match="holds what was translated before an interruption") as caught:
            translate(other)
        assert "--resume" in caught.value.hint
        assert f"delete {part(task)}" in caught.value.hint
        assert (part(task).read_bytes(), record(task).read_bytes()) == (kept, told)
        assert beside(target) == {"out.txt.part", "out.txt.part.json"}
    part(task).unlink()  # as the hint says
    translate(replace(task, prefix="x"))
    assert target.read_bytes() == whole(source)
    assert beside(target) == {"out.txt"}


# One at a time


def test_two_runs_do_not_write_one_file(source, target, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"other\n" * 3)))
    others = [Task(source, target), Task(source, target, resume=True), Task(None, target)]
    kept = []

    class Meanwhile(Echo):
        def one(self, line, number, window, nbest):
            if number == SIZE + 1:
                for other in others:
                    with pytest.raises(UserError, match=r"Another process is writing .*out\.txt now") as caught:
                        translate(other)
                    kept.append(caught.value.hint)
            return super().one(line, number, window, nbest)

    translate(Task(source, target), Meanwhile())
    assert len(kept) == len(others)
    assert target.read_bytes() == whole(source)
    assert beside(target) == {"out.txt"}


HOLD = """
import sys
from pathlib import Path
from types import SimpleNamespace
from seq2seq.pipeline.alone import alone
with alone(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_another_process_that_is_killed_leaves_no_lock(source, target):
    command = [sys.executable, "-c", HOLD, str(target)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(UserError, match="Another process is writing"):
            translate(Task(source, target))
        holder.kill()
    translate(Task(source, target))
    assert beside(target) == {"out.txt"}


def test_an_input_is_not_taken_for_a_lock(source, target):
    lock = source.rename(target.with_name("out.txt.part.lock"))
    with pytest.raises(UserError, match="would overwrite"):
        check_places(lock, target)


CHANGES = {
    "the content of the input has changed": lambda task: task.source.write_bytes(task.source.read_bytes() + b"more\n"),
    "--nbest was 1, and now is 3": lambda task: replace(task, form=Format(nbest=3)),
    "--scores was False, and now is True": lambda task: replace(task, form=Format(scores=True)),
    "--attention was False, and now is True": lambda task: replace(task, form=Format(attention=True)),
    "--json was False, and now is True": lambda task: replace(task, form=Format(as_json=True)),
    "--prefix was not set, and now is well": lambda task: replace(task, prefix="well"),
    "the glossary has changed": lambda task: replace(task, glossary={"a": "b"}),
    "the list of banned words has changed": lambda task: replace(task, banned=["b"]),
    "--shard was 1/1, and now is 1/2": lambda task: replace(task, part=Part(1, 2)),
}


def test_how_candidates_are_compared_is_part_of_what_may_not_change(source, target):
    task, settings = Task(source, target), Search(mbr=2)
    other = Echo(evaluation=Evaluation(tokenize="char"))
    assert _facts(Echo(), settings, task, {}) == _facts(Echo(), settings, task, {})
    assert _facts(other, settings, task, {}) != _facts(Echo(), settings, task, {})
    assert _facts(other, Search(), task, {}) == _facts(Echo(), Search(), task, {})


def test_the_name_of_a_compressed_file_is_refused(source, target):
    for ending in (".gz", ".XZ", ".zst"):
        with pytest.raises(UserError, match="under the name of a compressed file"):
            check_places(source, target.with_name("out.txt" + ending))


@pytest.mark.parametrize("told", CHANGES)
def test_what_has_changed_is_named(source, target, told):
    task = Task(source, target)
    interrupted(task)
    kept = part(task).read_bytes()
    changed = CHANGES[told](task)
    changed = replace(changed if isinstance(changed, Task) else task, resume=True)
    with pytest.raises(UserError) as caught:
        translate(changed)
    assert f"{part(task)} cannot be gone on with: {told}" in caught.value.message
    assert f"To start again without --resume, delete {part(task)}." in caught.value.hint
    assert part(task).read_bytes() == kept


def test_another_model_another_engine_and_other_settings_are_named(source, target):
    task = Task(source, target)
    with pytest.raises(KeyboardInterrupt):
        translate(task, Echo(stop_after=9), models={"model": "aa", "--weights": ""})
    again = replace(task, resume=True)
    with pytest.raises(UserError, match="the model has changed"):
        translate(again, models={"model": "bb", "--weights": ""})
    with pytest.raises(UserError, match="--weights was not set, and now is 2,1"):
        translate(again, models={"model": "aa", "--weights": "2,1"})
    models = {"model": "aa", "--weights": ""}
    with pytest.raises(UserError, match=r"search\.beam was 5, and now is 4"):
        translate(again, settings=Search(batch_sentences=1, beam=4), models=models)
    with pytest.raises(UserError, match="engine was echo, and now is OnnxEngine int8 cpu"):
        translate(again, Echo(engine=SimpleNamespace(name="OnnxEngine int8 cpu")), models=models)
    assert translate(again, models=models) == NUM_LINES - 9


def test_a_model_is_known_by_what_it_is_made_of_and_not_by_its_graphs(tmp_path):
    (tmp_path / "recipe.toml").write_text("a = 1\n")
    own = {"weights.safetensors": file_of(1), "tokenizer/source/t.json": file_of(2)}

    def known(files):
        return of_model(Bundle(tmp_path, Recipe(), made_facts(files=files)))

    first = known(own)
    assert known({**own, "onnx/step.int8.onnx": file_of(3)}) == first
    assert known({**own, "weights.safetensors": file_of(4)}) != first
    assert known({**own, "tokenizer/source/t.json": file_of(4)}) != first
    alone = {name: told for name, told in own.items() if name.startswith("tokenizer")}
    graphs = [known({**alone, "onnx/int8.safetensors": file_of(size)}) for size in (3, 4)]
    assert len({first, *graphs}) == 3  # without weights, the graphs are the model
    (tmp_path / "recipe.toml").write_text("a = 2\n")
    assert known(own) != first


def test_a_part_without_its_record_is_no_part(source, target):
    task = Task(source, target)
    interrupted(task)
    record(task).unlink()
    with pytest.raises(UserError, match=r"out\.txt\.part\.json is missing"):
        translate(replace(task, resume=True))
    record(task).write_text("{")
    with pytest.raises(UserError, match="is damaged"):
        translate(replace(task, resume=True))
    write_json(record(task), {"schema_version": 99})
    with pytest.raises(UserError, match="schema version 99"):
        translate(replace(task, resume=True))


def test_a_run_that_cannot_be_gone_on_with_takes_the_record_of_another_away(source, target, monkeypatch):
    """Else its part would be taken for that other run's."""
    interrupted(Task(source, target))
    part(Task(source, target)).unlink()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"other\n" * 3)))
    with pytest.raises(KeyboardInterrupt):
        translate(Task(None, target), Echo(stop_after=2))
    assert beside(target) == {"out.txt.part"}


@each_form
def test_a_part_with_more_lines_than_the_input_is_refused(source, target, form):
    task = Task(source, target, form)
    interrupted(task)
    translate(replace(task, resume=True))
    told = interrupted(replace(task, resume=False))
    more = target.read_bytes() + target.read_bytes().splitlines(keepends=True)[-1] * form.nbest
    if form.is_numbered:
        more = target.read_bytes()
        last = more.splitlines(keepends=True)[-1 if form.as_json else -form.nbest :]
        more += b"".join(last).replace(str(NUM_LINES).encode(), str(NUM_LINES + 1).encode())
    part(task).write_bytes(more)
    record(task).write_bytes(told)
    with pytest.raises(UserError, match=f"has the translations of {NUM_LINES + 1} lines, .* only {NUM_LINES} to"):
        translate(replace(task, resume=True))
    assert part(task).read_bytes() == more


@pytest.mark.parametrize(
    ("form", "text", "line"),
    [
        (Format(nbest=2), "1\t-1\ta\n1\t-2\tb\n3\t-1\tc\n", 3),
        (Format(nbest=2), "1\t-1\ta\nb\n", 2),
        (Format(nbest=2), "\n", 1),
        (Format(as_json=True), '{"number": 1}\n{"number": 3}\n', 2),
        (Format(as_json=True), '{"number": 1}\n[]\n', 2),
        (Format(as_json=True), '{"number": "1"}\n', 1),
        (Format(as_json=True), "1\t-1\ta\n", 1),
    ],
)
def test_what_the_format_does_not_write_is_refused(target, form, text, line):
    target.write_text(text)
    with pytest.raises(UserError, match=f"line {line}: this was not written by the same command"):
        written(target, form)


@pytest.mark.parametrize("form", [Format(nbest=2), Format(as_json=True)], ids=["n-best", "JSON"])
def test_a_part_of_another_place_of_the_input_is_refused(source, target, form):
    task = Task(source, target, form)
    told = interrupted(task)
    other = target.with_name("second")
    translate(Task(source, other, form, part=Part(2, 2)))
    part(task).write_bytes(other.read_bytes())
    record(task).write_bytes(told)
    with pytest.raises(UserError, match=r"begins with line .* of the input, and not with 1"):
        translate(replace(task, resume=True))


def test_a_half_line_with_nothing_before_it_is_dropped(source, target):
    task = Task(source, target)
    told = interrupted(task)
    part(task).write_bytes(b"0\xc3")
    record(task).write_bytes(told)
    translate(replace(task, resume=True))
    assert target.read_bytes() == whole(source)


# Parts


@each_form
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_the_parts_one_after_the_other_are_the_whole(source, target, form, count, packed):
    given = source
    if packed:
        given = source.with_suffix(".gz")
        given.write_bytes(gzip.compress(source.read_bytes()))
    made, lines = b"", 0
    for number in range(1, count + 1):
        lines += translate(Task(given, target, form, part=Part(number, count)))
        made += target.read_bytes()
    assert made == whole(source, form)
    assert lines == NUM_LINES


def test_parts_of_many_windows_have_about_as_much_work(tmp_path, target):
    source = write_lines(tmp_path / "in.txt", 40 * SIZE)
    lines = [translate(Task(source, target, part=Part(number, 3))) for number in (1, 2, 3)]
    assert sum(lines) == 40 * SIZE
    sizes = [len(line) for line in source.read_bytes().splitlines(keepends=True)]
    work = [sum(sizes[sum(lines[:i]) : sum(lines[: i + 1])]) for i in range(3)]
    assert max(work) - min(work) <= 2 * SIZE * max(sizes)


def test_a_part_is_read_no_further_than_it_goes(source, target):
    """What is wrong with other parts is no concern of this one."""
    data = source.read_bytes()
    source.write_bytes(data[: data.rindex(b"\n", 0, -1) + 1] + b"\xff\xfe\n")
    assert translate(Task(source, target, part=Part(1, 3))) == SIZE
    with pytest.raises(UserError, match=f"in.txt, line {NUM_LINES}: byte 1"):
        translate(Task(source, target, part=Part(3, 3)))


@pytest.mark.parametrize("text", ["0/2", "3/2", "0/0", "2", "a/b", "1/2/3", "", "-1/2", "1,2"])
def test_what_is_no_part(text):
    with pytest.raises(UserError, match="shard") as caught:
        Part.parse(text)
    assert "--shard 2/8" in caught.value.hint


def test_an_empty_part_is_told(tmp_path, target, capsys):
    source = write_lines(tmp_path / "short.txt", SIZE)
    told = f"of {source} is empty: parts are whole windows of up to {SIZE} lines or 4 MB"
    assert translate(Task(source, target, part=Part(1, 2))) == SIZE
    assert "is empty" not in capsys.readouterr().err
    assert translate(Task(source, target, part=Part(2, 2))) == 0
    assert f"part 2/2 {told}" in capsys.readouterr().err.replace("\n", " ").replace("  ", " ")
    assert target.read_bytes() == b""


def test_an_empty_file_has_empty_parts(tmp_path, target):
    for name, data in (("in.txt", b""), ("in.gz", gzip.compress(b""))):
        (tmp_path / name).write_bytes(data)
        for part in (Part(), Part(1, 2), Part(2, 2)):
            assert translate(Task(tmp_path / name, target, part=part)) == 0
            assert target.read_bytes() == b""


# Several processes


def shared(source: Path, target: Path, number: int, count: int = 2, **more) -> Task:
    return Task(source, target, part=Part(number, count), shared=True, **more)


@pytest.mark.parametrize("count", [2, 3])
def test_processes_put_their_pieces_together(source, target, count):
    threads = [
        threading.Thread(target=translate, args=[shared(source, target, number, count)], daemon=True)
        for number in range(1, count + 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert target.read_bytes() == whole(source)
    assert beside(target) == {"out.txt"}


def test_a_whole_piece_is_not_translated_again_and_another_ones_is(source, target):
    assert translate(shared(source, target, 2)) > 0
    assert translate(shared(source, target, 2)) == 0
    with source.open("ab") as file:
        file.write(b"one more\n")
    assert translate(shared(source, target, 2)) > 0  # the old piece was made of another file
    assert translate(shared(source, target, 1)) > 0
    assert target.read_bytes() == whole(source)


def test_an_interrupted_process_goes_on_and_the_others_piece_stays(source, target):
    translate(shared(source, target, 2))
    with pytest.raises(KeyboardInterrupt):
        translate(shared(source, target, 1), Echo(stop_after=SIZE - 2))
    assert beside(target) == {
        f"out.txt.{name}" for name in ("1-of-2.part", "1-of-2.part.json", "2-of-2", "2-of-2.part.json")
    }
    translator = Echo()
    translate(shared(source, target, 1, resume=True), translator)
    assert target.read_bytes() == whole(source)
    assert beside(target) == {"out.txt"}


def test_another_number_of_processes_cannot_go_on(source, target):
    with pytest.raises(KeyboardInterrupt):
        translate(shared(source, target, 2), Echo(stop_after=NUM_LINES - 1))
    with pytest.raises(UserError, match="was begun by 2 processes, and now there are 3"):
        translate(shared(source, target, 1, 3, resume=True))
    with pytest.raises(UserError, match="was begun by 2 processes, and now there is 1"):
        translate(Task(source, target, resume=True))
    other = target.with_name("other")
    interrupted(Task(source, other))
    with pytest.raises(UserError, match="was begun by one process, and now there are 2"):
        translate(shared(source, other, 1, resume=True))


def test_a_piece_that_nobody_begins_is_missed(source, target, monkeypatch, capsys):
    monkeypatch.setattr(pieces, "NEVER_SEEN_SECONDS", 0.2)
    with pytest.raises(WorkError, match=r"Nobody has begun part 2/2 of .*out\.txt") as caught:
        translate(shared(source, target, 1))
    assert "All machines must see the folder" in caught.value.hint
    assert "waiting for part 2/2" in capsys.readouterr().err


def test_a_piece_that_stays_made_of_something_else_is_told(source, target, monkeypatch):
    monkeypatch.setattr(pieces, "OTHER_SECONDS", 0.2)
    translate(shared(source, target, 2, prefix="x"))
    with pytest.raises(WorkError, match=r"2-of-2 is whole, .* something else: --prefix was x, and now is not set"):
        translate(shared(source, target, 1))
    record(Task(source, target.with_name("out.txt.2-of-2"))).unlink()
    with pytest.raises(WorkError, match="there is no record of what it was made of") as caught:
        translate(shared(source, target, 1))
    assert "delete" in caught.value.hint
    assert beside(target) == {f"out.txt.{name}" for name in ("1-of-2", "1-of-2.part.json", "2-of-2")}


def test_a_piece_of_an_earlier_run_is_waited_for_while_it_is_replaced(source, target, monkeypatch):
    monkeypatch.setattr(pieces, "OTHER_SECONDS", 0.7)
    translate(shared(source, target, 2, prefix="x"))
    first = threading.Thread(target=translate, args=[shared(source, target, 1)], daemon=True)
    with alone(target.with_name("out.txt.2-of-2")):  # its process has begun, and not yet taken the old piece away
        first.start()
        first.join(1)
        assert first.is_alive()
    translate(shared(source, target, 2))
    first.join(30)
    assert target.read_bytes() == whole(source)


def test_only_the_first_process_shows_how_far_it_is(source, target, watched):
    translate(shared(source, target, 2))
    assert watched == []
    translate(shared(source, target, 1))
    assert len(watched) == 1


# Progress


@pytest.fixture
def watched(monkeypatch) -> list[console.Progress]:
    """The bars that are made; each keeps what it was told."""
    made = []

    class Watched(console.Progress):
        def __init__(self, *arguments, **named):
            super().__init__(*arguments, **named)
            self.told: list[float] = []
            made.append(self)

        def update(self, completed, *, note=""):
            self.told.append(completed)
            super().update(completed, note=note)

    monkeypatch.setattr(console, "Progress", Watched)
    return made


def test_progress_is_counted_in_the_bytes_of_the_file(source, target, watched):
    translate(Task(source, target))
    (bar,) = watched
    sizes = [len(line) for line in source.read_bytes().splitlines(keepends=True)]
    ends = [sum(sizes[:SIZE]), sum(sizes[: 2 * SIZE]), sum(sizes)]
    assert bar.told == [end / 1000 for end in ends]
    assert bar.total == bar.completed == source.stat().st_size / 1000
    assert bar.note == f"{NUM_LINES} lines"


def test_progress_of_what_is_gone_on_with_begins_where_it_was(source, target, watched):
    interrupted(Task(source, target), after=SIZE)
    translate(Task(source, target, resume=True))
    first, again = watched
    assert again.total == first.total
    # What was done before counts for the share, not for the rate.
    assert again._marks[0][1] == pytest.approx(first.told[0])
    assert again.told == pytest.approx(first.told[1:] or again.told)
    assert again.completed == again.total


def test_progress_of_a_part_is_that_of_the_part(source, target, watched):
    translate(Task(source, target, part=Part(2, 2)))
    (bar,) = watched
    assert bar.total == pytest.approx((source.stat().st_size - source.stat().st_size // 2) / 1000)
    assert 0 < bar.completed <= bar.total


def test_the_size_of_a_packed_file_is_found_where_someone_looks(source, target, watched, monkeypatch):
    packed = source.with_suffix(".gz")
    packed.write_bytes(gzip.compress(source.read_bytes()))
    translate(Task(packed, target))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    translate(Task(packed, target))
    assert [bar.total for bar in watched] == [None, source.stat().st_size / 1000]


def test_no_bar_where_the_translations_go_by(source, watched, capsys):
    translate(Task(source, None))
    assert watched == []
    assert capsys.readouterr().out.encode() == whole(source)


def test_a_bar_where_standard_output_is_a_file(source, target, watched, monkeypatch):
    with target.open("w", encoding="utf-8") as file:
        monkeypatch.setattr(sys, "stdout", file)
        translate(Task(source, None))
        monkeypatch.undo()
    assert len(watched) == 1
    assert target.read_bytes() == whole(source)


# Memory


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks Linux for the memory in use")
def test_memory_does_not_grow_with_the_input(tmp_path):
    """150,000 lines of 200 bytes, 30 MB: a tenth of them held anywhere would be seen."""
    source, target = tmp_path / "in.txt", tmp_path / "out.txt"
    line = b"x" * 199 + b"\n"
    with source.open("wb") as file:
        for _ in range(150):
            file.write(line * 1000)

    class Weighed(Quick):
        seen: list[int] = []  # noqa: RUF012

        def translate_windows(self, windows, settings, **_):
            for number, window in enumerate(windows):
                if number % 15 == 0:
                    self.seen.append(resident_bytes())
                yield from super().translate_windows([window], settings)

    settings = Search(batch_sentences=32)
    Kept.most = Kept.alive
    assert translate(Task(source, target), Weighed(), settings) == 150_000
    assert Kept.most - Kept.alive <= 3
    early, late = Weighed.seen[1], Weighed.seen[-1]
    assert len(Weighed.seen) > 12
    assert late - early < 2_000_000
    assert target.stat().st_size == source.stat().st_size


def test_long_lines_make_small_windows(tmp_path, target, monkeypatch):
    """Lines of megabytes: as many are read ahead as make four megabytes, and not as many as make a window."""
    source = tmp_path / "in.txt"
    source.write_bytes((b"y" * 1_500_000 + b"\n") * 8)
    sizes = []

    class Measured(Quick):
        def translate_windows(self, windows, settings, **_):
            for window in windows:
                sizes.append(len(window))
                yield from super().translate_windows([window], settings)

    assert translate(Task(source, target), Measured()) == 8
    assert sizes == [3, 3, 2]
