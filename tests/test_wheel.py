"""What `pip install .` installs: the package with its recipes, its lexicon and its types, and it runs from there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from this tree without a network: the builder is part of the dev extra."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ("--no-deps", "--no-build-isolation", "--no-cache-dir", "--disable-pip-version-check")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", str(ROOT), *options, "-q", "-w", str(folder)],
        check=False,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("seq2seq-*.whl")
    return built


def test_every_file_of_the_package_is_inside(wheel):
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")}
    package = ROOT / "seq2seq"
    files = [path for pattern in ("*.py", "*.onnx") for path in package.rglob(pattern)]
    wanted = {f"seq2seq/{path.relative_to(package).as_posix()}" for path in files}
    wanted |= {f"seq2seq/shipped/recipes/{path.name}" for path in (ROOT / "recipes").glob("*.toml")}
    wanted |= {f"seq2seq/shipped/vocab/{path.name}" for path in (ROOT / "vocab").glob("*.tsv")}
    assert wanted | {"seq2seq/py.typed"} <= inside
    assert {name.split("/")[0] for name in inside if ".dist-info" not in name} == {"seq2seq"}
    assert any(name.endswith("/licenses/LICENSE") for name in inside)


def test_it_runs_from_where_it_was_installed(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "import sys, seq2seq\nfrom seq2seq.corpus.readers.phrasebook import Phrasebook\n"
        "from seq2seq.resources import shipped\nfrom seq2seq.cli.main import run\n"
        "print(seq2seq.__file__, shipped('vocab'), next(Phrasebook('test')()).source, sep='\\n')\n"
        "run(['recipes', '--json'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    package, vocab, sentence, recipes = done.stdout.splitlines()
    assert Path(package).is_relative_to(tmp_path)
    assert Path(vocab).is_relative_to(tmp_path)
    assert sentence
    listed = json.loads(recipes)
    assert {one["name"] for one in listed} == {path.stem for path in (ROOT / "recipes").glob("*.toml")}
    assert all(Path(one["path"]).is_relative_to(tmp_path) for one in listed)
