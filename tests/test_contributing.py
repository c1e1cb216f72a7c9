"""The walk-throughs of CONTRIBUTING.md: done on a copy of the package, they pass their families' conformance tests."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
SUITES = {
    "minimal-gated": "tests/nn/test_cells.py",
    "cosine": "tests/nn/test_attentions.py",
    "best-of": "tests/search/test_search_conformance.py",
    "bytes": "tests/text/test_tokenizers.py",
    "json-lists": "tests/corpus/test_readers.py",
}
TWINS = {"minimal-gated": "tests/engines/onnx/test_onnx_conformance.py"}  # what is written as an ONNX graph, too
REGISTERED = "is_registered or of_the_room"  # the tests that look for files without a line in the registry
SMALL = [
    *("model.embedding_size=8", "model.encoder_size=8", "model.decoder_size=8", "training.max_updates=3"),
    *("training.max_epochs=0", "training.schedule.warmup_updates=0", "search.max_length_constant=3"),
]


class Block(NamedTuple):
    """A piece of code of the document: for which file, and where in it ("" for the whole file)."""

    file: str
    place: str
    code: str


BLOCKS = [Block(*found) for found in re.findall(r"^`([\w/.-]+)`([^\n]*):\n\n```\w+\n(.*?)^```$", DOCUMENT, re.S | re.M)]


def apply(block: Block, tree: Path) -> None:
    """Does with `tree` what the document says to do with the block."""
    path = tree / block.file
    if not block.place:
        assert not path.exists(), f"{block.file} is there already: the walk-through needs another example"
        path.write_text(block.code, "utf-8")
        return
    text = path.read_text("utf-8")
    if found := re.fullmatch(r", in `(\w+)`", block.place):
        changed = put_into_table(text, found[1], block.code)
    elif found := re.fullmatch(r", above `(\w+)`", block.place):
        changed = re.sub(rf"^(?={found[1]} = )", lambda _: f"{block.code}\n\n", text, count=1, flags=re.M)
    elif found := re.fullmatch(r", for `(\w+)` in `(\w+)`", block.place):
        line = re.compile(rf"^(class {found[2]}\(.*?\n)    {found[1]}: [^\n]*\n", re.S | re.M)
        changed = line.sub(lambda m: m[1] + block.code, text, count=1)
    else:
        pytest.fail(f"this test cannot do what CONTRIBUTING.md says: {block.file}{block.place}")
    assert changed != text, f"there is no place {block.place!r} in {block.file}"
    path.write_text(changed, "utf-8")


def put_into_table(text: str, name: str, code: str) -> str:
    """Puts lines at the end of the dictionary called `name`, or of the one in the family of that name."""
    table = re.compile(rf"^({name} = (?:Family\(\n\s+\"[\w ]+\",\n    )?\{{.*?)(?=^    \}},\n|\}}\n)", re.S | re.M)
    # A table that stands on one line is opened first, for its end to be a line of its own.
    opened = re.sub(rf"^({name} = \{{)(.+)\}}$", r"\1\n    \2,\n}", text, flags=re.M)
    return table.sub(lambda m: m[1] + code, opened, count=1)


def run(tree: Path, *arguments: str, python: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    # The copy stands first on the path, so it is imported and not the installed package.
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    return subprocess.run(
        [sys.executable, *python, *arguments],
        cwd=tree,
        env=environment,
        check=False,
        capture_output=True,
        encoding="utf-8",
    )


def conformance(tree: Path, select: str) -> dict[str, set[str]]:
    """Runs the families' suites in `tree`. Returns the names of the tests by outcome."""
    suites = [*SUITES.values(), *TWINS.values()]
    done = run(tree, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "-k", select, *suites)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    outcomes: dict[str, set[str]] = {"PASSED": set(), "FAILED": set(), "ERROR": set(), "SKIPPED": set()}
    for outcome, name in re.findall(r"^(PASSED|FAILED|ERROR|SKIPPED) (.+?)(?: - .*)?$", done.stdout, re.M):
        outcomes[outcome].add(name)
    assert done.returncode == bool(outcomes["FAILED"] or outcomes["ERROR"]), done.stdout
    return outcomes


def copy(tree: Path) -> Path:
    """Copies the package and the families' tests."""
    import shutil

    for name in ("seq2seq", "tests", "recipes", "vocab"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    return tree


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the package in which all walk-throughs were done."""
    made = copy(tmp_path_factory.mktemp("contributing"))
    for block in BLOCKS:
        apply(block, made)
    return made


def test_every_block_of_code_is_for_a_file():
    assert len(BLOCKS) == len(re.findall(r"^```(?:python|toml)$", DOCUMENT, re.M))
    files = [block.file for block in BLOCKS if block.file.startswith("seq2seq/") and not block.place]
    assert len(files) == len(SUITES) + len(TWINS)


def test_the_new_members_pass_their_families_conformance_tests(tree):
    outcomes = conformance(tree, " or ".join([*SUITES, REGISTERED]))
    assert not outcomes["FAILED"] | outcomes["ERROR"], outcomes
    for name, suite in [*SUITES.items(), *TWINS.items()]:
        mine = [test for test in outcomes["PASSED"] if test.startswith(suite) and name in test]
        assert len(mine) >= 5, (name, mine)


@pytest.mark.slow
def test_a_file_without_its_line_in_the_registry_fails_its_family(tmp_path):
    tree = copy(tmp_path)
    for block in BLOCKS:
        if not block.place:
            apply(block, tree)
    failed = {name.partition("::")[0] for name in conformance(tree, REGISTERED)["FAILED"]}
    assert failed == set(SUITES.values())


def test_the_code_keeps_the_house_style(tree):
    files = [block.file for block in BLOCKS if block.file.startswith("seq2seq/")]
    for command in (("check", "--no-cache"), ("format", "--no-cache", "--check")):
        done = run(tree, "-m", "ruff", *command, *files)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_code_is_typed(tree):
    done = run(tree, "-m", "mypy", "--cache-dir", str(tree / "cache"))
    assert done.returncode == 0, done.stdout


def test_all_five_work_together(tree):
    digits = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    numbers = [f"{a}{b}{c}" for a in range(3) for b in range(8) for c in range(9)]
    rows = [[" ".join(digits[int(d)] for d in n), " ".join(n)] for n in numbers]
    (tree / "pairs.json").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    small = [word for setting in SMALL for word in ("--set", setting)]
    section = DOCUMENT[DOCUMENT.index("### All five") :]
    commands = [shlex.split(line)[1:] for line in re.findall(r"^\$ (seq2seq .*)$", section, re.M)]
    assert [command[0] for command in commands] == ["prepare", "train", "evaluate"]
    # One process for all three: most of the time of each would go into importing torch.
    calls = [command if command[0] == "evaluate" else command + small for command in commands]
    code = (
        "import sys, json\nfrom seq2seq.cli.main import run\n"
        f"for call in {calls!r}:\n"
        "    try:\n        run(call)\n"
        "    except SystemExit as end:\n        assert not end.code, (call, end.code)\n"
    )
    done = run(tree, "-c", code)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "20 sentences in" in done.stdout
    assert "BLEU" in done.stdout
