"""What the base installation is enough for: translating, without any library of the extra `train`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_bundles import make_bundle
from toy_runs import ROOT, done, environment

from seq2seq.engines.onnx.write import add_graphs

TRAINING_ONLY = (
    *("torch", "datasets", "pyarrow", "matplotlib", "sklearn", "tomlkit", "onnx", "jaxtyping", "filelock"),
    *("zstandard", "pandas", "scipy", "tensorboard"),
)
SENTENCES = ["the red dog sees a cat.", "two birds and one blue boat.", ""]
HIDING = f'''
import sys

class Hiding:
    """Finds what another finder finds, but for the libraries of the extra `train`: as if they were not installed."""

    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in {TRAINING_ONLY!r} else self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = [Hiding(finder) for finder in sys.meta_path]
'''
COMMAND = HIDING + "from seq2seq.cli.main import run\nrun(sys.argv[1:])\n"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    """A bundle with its graphs. Nobody trained it, so it says little, but always the same."""
    made = make_bundle(tmp_path_factory.mktemp("alone") / "bundle")
    add_graphs(made)
    return made.path


def run(code: str, *arguments: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *(str(argument) for argument in arguments)]
    return subprocess.run(
        command, input=stdin, capture_output=True, encoding="utf-8", check=False, env=environment(), cwd=os.path.sep
    )


def told(*arguments: object, stdin: str = "") -> str:
    """What a command says where nothing of the extra is installed."""
    found = run(COMMAND, *arguments, stdin=stdin)
    assert found.returncode == 0, found.stderr
    return found.stdout


@pytest.fixture(scope="module")
def translations(bundle) -> list[str]:
    """What the commands must give: the translations where everything is installed."""
    return done("translate", bundle, "--engine", "onnx", stdin="\n".join(SENTENCES) + "\n").lines


def test_the_hidden_libraries_cannot_be_imported() -> None:
    for name in ("torch", "pyarrow"):
        found = run(HIDING + f"import importlib.util; assert not importlib.util.find_spec({name!r})\nimport {name}")
        assert f"No module named '{name}'" in found.stderr


def test_translating(bundle, translations) -> None:
    assert all(translations[:2])
    assert told("translate", bundle, stdin="\n".join(SENTENCES) + "\n").split("\n")[:-1] == translations


def test_talking(bundle, translations) -> None:
    assert translations[0] in told("repl", bundle, stdin=SENTENCES[0] + "\n")


def test_evaluating(bundle, translations, tmp_path) -> None:
    source, reference = tmp_path / "test.en", tmp_path / "test.eu"
    source.write_text("\n".join(SENTENCES[:2]) + "\n", encoding="utf-8")
    reference.write_text("\n".join(translations[:2]) + "\n", encoding="utf-8")
    files = ("--source", source, "--reference", reference)
    (result,) = json.loads(told("evaluate", bundle, *files, "--engine", "onnx", "--json"))["results"]
    assert {score["name"]: score["value"] for score in result["scores"]}["chrf"] == pytest.approx(100.0)


def test_scoring(bundle, translations, tmp_path) -> None:
    for name, lines in (("en", SENTENCES[:2]), ("eu", translations[:2])):
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = told("score", bundle, tmp_path / "en", tmp_path / "eu")
    assert found.count("\n") == 2
    assert all(float(line.split("\t")[0]) < 0 for line in found.splitlines())


def test_a_program(bundle, translations) -> None:
    code = HIDING + "import seq2seq; print(seq2seq.load(sys.argv[1]).translate(sys.argv[2]).text)"
    found = run(code, bundle, SENTENCES[0])
    assert found.stdout == translations[0] + "\n", found.stderr


def test_nothing_of_the_extra_is_imported_even_where_it_is_installed(bundle) -> None:
    code = "import sys, seq2seq.translator; seq2seq.translator.load(sys.argv[1]).translate(sys.argv[2])\n"
    found = run(code + "print(*sys.modules)", bundle, SENTENCES[0])
    assert found.returncode == 0, found.stderr
    assert not {name.partition(".")[0] for name in found.stdout.split()} & set(TRAINING_ONLY)


def test_what_needs_the_extra_says_so(bundle, tmp_path) -> None:
    found = run(COMMAND, "translate", bundle, "--engine", "torch", stdin="a\n")
    assert found.returncode == 2
    assert 'pip install "seq2seq[train]"' in found.stderr
    assert "Traceback" not in found.stderr
    old = tmp_path / "old"
    shutil.copytree(bundle, old, ignore=shutil.ignore_patterns("onnx"))
    facts = json.loads((old / "bundle.json").read_text())
    facts["files"] = {name: one for name, one in facts["files"].items() if not name.startswith("onnx/")}
    (old / "bundle.json").write_text(json.dumps(facts))
    found = run(COMMAND, "translate", old, stdin="a\n")
    assert found.returncode == 2
    assert "seq2seq export" in found.stderr


@pytest.mark.slow
def test_a_fresh_environment_with_nothing_but_the_base(bundle, translations, tmp_path, capsys) -> None:
    """Shows what is installed and how large it is."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    known = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}

    def fresh(*command: object, stdin: str = "") -> str:
        arguments = [str(python), *(str(part) for part in command)]
        found = subprocess.run(
            arguments, input=stdin, capture_output=True, encoding="utf-8", check=False, env=known, cwd=tmp_path
        )
        assert found.returncode == 0, found.stderr
        return found.stdout

    fresh("-m", "pip", "install", "--quiet", "--disable-pip-version-check", ROOT)
    found = fresh("-m", "seq2seq", "translate", bundle, stdin="\n".join(SENTENCES) + "\n")
    assert found.split("\n")[:-1] == translations
    text = fresh("-c", f"import seq2seq; print(seq2seq.load({str(bundle)!r}).translate({SENTENCES[0]!r}).text)")
    assert text == translations[0] + "\n"
    packages = json.loads(fresh("-m", "pip", "list", "--format", "json", "--disable-pip-version-check"))
    names = {package["name"].lower().replace("_", "-") for package in packages}
    assert not names & {*TRAINING_ONLY, "scikit-learn"}
    site = Path(fresh("-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])").strip())
    sizes = {entry.name: _size(entry) for entry in site.iterdir()}
    tools = ("pip", "setuptools", "_distutils_hack")
    listed = ", ".join(f"{one['name']} {one['version']}" for one in packages)
    total = sum(size for name, size in sizes.items() if not name.startswith(tools)) / 1e6
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:8]
    with capsys.disabled():
        sys.stdout.write(f"\nthe base installation, {total:.0f} MB: {listed}\nlargest: ")
        sys.stdout.write(", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in largest) + "\n")


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file())
