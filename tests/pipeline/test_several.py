"""Several processes agree on errors, make sure that they work on the same thing, and one of them speaks."""

from __future__ import annotations

import shutil

import pytest
from toy_runs import TINY, done, sets, write_pairs

from seq2seq import console
from seq2seq.bundle import RunFolder
from seq2seq.data.store import Store
from seq2seq.errors import UserError, WorkError
from seq2seq.launch import Launch
from seq2seq.pipeline.train import several
from seq2seq.pipeline.train.several import HINTS, agreed, check_alike, facts
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.toml import load_recipe
from seq2seq.training.group import Alone


class Scripted(Alone):
    """A group of three, seen by one of them; `others` says what the others give."""

    size = 3

    def __init__(self, rank: int, others: dict[int, object]) -> None:
        self.rank, self.others = rank, others

    def everyone(self, value: object) -> list[object]:
        return [value if rank == self.rank else self.others[rank] for rank in range(self.size)]


def fail() -> None:
    raise UserError("The file is not there.", hint="Look for it.")


def test_what_works_everywhere_is_done():
    assert agreed(Alone(), lambda: 5) == 5
    assert agreed(Scripted(1, {0: None, 2: None}), lambda: 5) == 5


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_an_error_of_one_is_an_error_of_all(rank):
    told = [2, "The file is not there.", "Look for it."]
    everyone = {0: None, 1: told, 2: told}
    group = Scripted(rank, {other: what for other, what in everyone.items() if other != rank})
    with pytest.raises(UserError) as caught:
        agreed(group, fail if everyone[rank] else lambda: 5)
    assert caught.value.message == "Process 1: The file is not there."
    assert caught.value.hint == "Look for it."


def test_an_error_keeps_its_exit_code():
    group = Scripted(2, {0: [1, "The disk is full.", ""], 1: None})
    with pytest.raises(WorkError, match=r"^The disk is full\.$"):
        agreed(group, lambda: 5)


def test_an_error_of_a_process_alone_passes_as_it_is():
    with pytest.raises(UserError, match=r"^The file is not there\. Look for it\.$"):
        agreed(Alone(), fail)


@pytest.mark.parametrize("name", HINTS)
def test_a_difference_is_named_with_what_to_do(name):
    same = dict.fromkeys(HINTS, "x")
    other = {"": "there", **same, name: "y"}
    with pytest.raises(UserError) as caught:
        check_alike(Scripted(0, {1: {"": "near", **same}, 2: other}), same)
    assert f"Process 2 on there has another {name} than process 0 on " in caught.value.message
    assert caught.value.message.endswith(": y, and not x.")
    assert caught.value.hint == HINTS[name]
    check_alike(Scripted(0, {1: {"": "near", **same}, 2: {"": "there", **same}}), same)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("facts")
    source, target = write_pairs(folder)
    done(
        "prepare",
        "--source",
        source,
        "--target",
        target,
        "--run",
        folder / "run",
        *sets(*TINY, "training.max_updates=20"),
    )
    return folder / "run"


def facts_of(path, *settings: str) -> dict[str, str]:
    run = RunFolder(path)
    recipe = apply_overrides(load_recipe(run.recipe), list(settings))
    return facts(recipe, run, run.read_manifest(), Store(run.split("train")), device="cpu", precision="fp32")


def differing(found, wanted) -> set[str]:
    return {name for name in wanted if found[name] != wanted[name]}


def test_a_copy_is_the_same_and_every_change_is_found(prepared, tmp_path):
    wanted = facts_of(prepared)
    assert set(wanted) == set(HINTS)
    copy = tmp_path / "copy"
    shutil.copytree(prepared, copy)
    assert facts_of(copy) == wanted
    assert differing(facts_of(copy, "training.seed=2"), wanted) == {"recipe"}
    # The same file of vectors in another place; another file.
    one, two, three = (
        facts_of(copy, f"model.source_vectors={name}")["recipe"] for name in ("/a/v.vec", "/b/c/v.vec", "/a/w.vec")
    )
    assert one == two != three
    tokenizer = next(path for path in sorted((copy / "tokenizer").rglob("*")) if path.is_file())
    kept = tokenizer.read_bytes()
    tokenizer.write_bytes(kept + b"\n")
    assert differing(facts_of(copy), wanted) == {"prepared data"}
    tokenizer.write_bytes(kept)
    manifest = copy / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"pairs": ', '"pairs": 1'))
    assert differing(facts_of(copy), wanted) == {"prepared data"}
    shutil.copy(prepared / "manifest.json", manifest)
    arrow = copy / "data" / "train.arrow"
    arrow.write_bytes(arrow.read_bytes().replace(b"house", b"mouse", 1))
    assert differing(facts_of(copy), wanted) == {"prepared data"}


def test_within_hushed_only_errors_are_said(capsys):
    with console.hushed():
        console.say("nothing")
        console.warn("nothing")
        with console.Progress("nothing", 2, interval_seconds=0.0) as progress:
            progress.advance()
        console.show_error(UserError("Something.", hint="Do it."))
        console.say("nothing")
    console.say("again")
    assert capsys.readouterr().err == "error: Something.\nDo it.\nagain\n"


def test_who_is_lost_is_told_how_to_go_on():
    go_on = "torchrun … -m seq2seq train run --resume"
    assert go_on in several._hint(Launch(size=2), go_on)
    assert go_on in several._hint(Launch(size=2, restarts=3, max_restarts=3), go_on)
    assert "torchrun starts all processes again" in several._hint(Launch(size=2, restarts=2, max_restarts=3), go_on)
