"""The commands of README.md are run as they stand there, in a folder with a small corpus and a small model.

A command that is not understood here fails: whoever writes one into the README says here how it is tested.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
from itertools import islice, product
from pathlib import Path

import pytest

from seq2seq.cli import main
from seq2seq.corpus.phrasebook.split import SPLITS
from seq2seq.corpus.readers.phrasebook import Phrasebook
from seq2seq.registry import FAMILIES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")

# What no test can run from inside an environment that is already made. The scripts are proven in a fresh clone, the
# installation by test_wheel.py.
NOT_RUN = {
    "bash scripts/quickstart.sh",
    "bash scripts/test.sh",
    "source .venv/bin/activate",
    "pip install -c constraints.txt '.[train]'",
    # Several processes, also in two networks: tests/cli/test_torchrun.py.
    "torchrun --nproc-per-node 2 -m seq2seq train my-en-fr",
    "torchrun --nproc-per-node 2 -m seq2seq translate my-en-fr new.en -o new.fr",
    "torchrun --nnodes 2 --node-rank 0 --master-addr 10.0.0.1 -m seq2seq train my-en-fr",
}
SIZES = ["model.embedding_size=16", "model.encoder_size=16", "model.decoder_size=16"]
SHORT = [
    *("training.max_updates=4", "training.minutes=0", "training.max_epochs=0", "training.schedule.warmup_updates=0"),
    *("training.validate_sentences=5", "search.max_length_constant=2", "evaluation.bootstrap=40"),
]
VOCABULARY = ["text.vocabulary_size=400"]
# What is added to a command so that it is quick: to `demo`, `prepare` and `train`, and to no other.
ADDED = {
    "demo": [*SIZES, *SHORT, *VOCABULARY],
    "prepare": [*SIZES, *SHORT, *VOCABULARY],
    "train": [*SIZES, *SHORT],
    "finetune": SHORT,
    "distill": SHORT,
    "backtranslate": SHORT,
}
FEWER_HELD_OUT = ["data.development_size=20", "data.test_size=20"]  # for a recipe that wants more than there is

BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.S | re.M)
IN_BLOCKS = [line[2:] for kind, text in BLOCKS if kind == "console" for line in text.splitlines() if line[:2] == "$ "]
INLINE = re.findall(r"`(seq2seq [^`]+)`", re.sub(r"^```.*?^```$", "", README, flags=re.S | re.M))
COMMANDS = [command for command in dict.fromkeys([*IN_BLOCKS, *INLINE]) if command not in NOT_RUN]
# These only work one after the other: they have a test of their own.
SHARDED = [command for command in COMMANDS if command.split()[1] == "prepare" and re.search("--(shard|merge)", command)]
COMMANDS = [command for command in COMMANDS if command not in SHARDED]
MULTI30K_FILES = [f"{split}.{side}.gz" for split in ("train", "val", "test_2016_flickr") for side in ("en", "de")]


def sentences() -> list[tuple[str, str]]:
    """320 pairs of our own, the target word by word."""
    words = [
        [("the", "le"), ("a", "un"), ("my", "mon"), ("this", "ce")],
        [("cat", "chat"), ("dog", "chien"), ("baker", "boulanger"), ("boy", "garçon")],
        [("sees", "voit"), ("follows", "suit"), ("likes", "aime"), ("hears", "entend"), ("draws", "dessine")],
        [("the bird.", "l'oiseau."), ("the sea.", "la mer."), ("a train.", "un train."), ("us.", "nous.")],
    ]
    pairs = [tuple(" ".join(word[side] for word in chosen) for side in (0, 1)) for chosen in product(*words)]
    # Spread, so that no end of the file lacks a word.
    return sorted(pairs, key=lambda pair: hash_of(pair[0]))  # type: ignore[arg-type,return-value]


def hash_of(text: str) -> int:
    return int.from_bytes(text.encode(), "big") % 999_983


def write(path: Path, lines: list[str]) -> None:
    import gzip

    path.parent.mkdir(parents=True, exist_ok=True)
    data = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def with_settings(arguments: list[str], settings: list[str]) -> list[str]:
    return [*arguments, *(word for setting in settings for word in ("--set", setting))]


def call(arguments: list[str]) -> None:
    """Runs a command line in this process."""
    with pytest.raises(SystemExit) as end:
        main.run(arguments)
    assert not end.value.code, f"seq2seq {shlex.join(arguments)} ended with {end.value.code}"


@pytest.fixture(scope="session")
def prototype(tmp_path_factory):
    """A folder as the README's reader has it: files, and a trained model under each name."""
    folder = tmp_path_factory.mktemp("readme")
    pairs = sentences()
    for place, side in enumerate(("en", "fr")):
        write(folder / f"my.{side}", [pair[place] for pair in pairs])
        for name in ("new", "dev", "test"):
            write(folder / f"{name}.{side}", [pair[place] for pair in pairs[:6]])
    write(folder / "theirs.fr", [pair[1].upper() for pair in pairs[:6]])
    write(folder / "pairs.tsv", ["\t".join(pair) for pair in pairs])
    for name in MULTI30K_FILES:
        kept = pairs if name.startswith("train") else pairs[:6]
        write(folder / "path/to/multi30k" / name, [pair[name.endswith("de.gz")] for pair in kept])
    rows = [json.dumps({"en": source, "fr": target}, ensure_ascii=False) for source, target in pairs]
    write(folder / "pairs.jsonl", rows)
    units = [
        f'<tu><tuv xml:lang="en"><seg>{a}</seg></tuv><tuv xml:lang="fr"><seg>{b}</seg></tuv></tu>' for a, b in pairs
    ]
    write(folder / "memory.tmx", ["<tmx><body>", *units, "</body></tmx>"])
    write(folder / "terms.tsv", ["cat\tminou"])
    write(folder / "mono.fr", [pair[1].replace("voit", "regarde") for pair in pairs if "voit" in pair[1]])
    for text in (text for kind, text in BLOCKS if kind == "toml"):
        (folder / text.split()[1]).write_text(text, "utf-8")  # its first line is its name
    with contextlib.chdir(folder):
        call(with_settings(["prepare", "--source", "my.en", "--target", "my.fr"], ADDED["prepare"]))
        call(["train", "my-en-fr"])
        call(with_settings(["prepare", "runs/my-en-fr/recipe.toml", "--reverse", "--run", "runs/back"], SHORT))
        call(["train", "back"])
    for name in ("demo", "older", "multi30k-en-de"):
        shutil.copytree(folder / "runs/my-en-fr", folder / "runs" / name)
    return folder


@pytest.fixture
def workspace(prototype, tmp_path, monkeypatch):
    """A copy of that folder, as the working folder."""
    folder = tmp_path / "work"
    shutil.copytree(prototype, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "stdin", io.StringIO("the cat sees us.\n"))
    return folder


def adapted(command: list[str], folder: Path) -> list[str]:
    """Returns the command's arguments with what makes it quick, and brings `folder` into the state that it expects."""
    assert command[0] == "seq2seq", f"tests/test_readme.py does not know how to test: {shlex.join(command)}"
    arguments = command[1:]
    name = arguments[0]
    assert name in main.COMMANDS, f"there is no command {name}"
    if name in ("prepare", "demo"):
        for run in [*(folder / "runs").iterdir()]:
            if str(run.relative_to(folder) / "recipe.toml") not in arguments:
                shutil.rmtree(run)
        if {"mine.toml", "several.toml"} & set(arguments):
            arguments = with_settings(arguments, FEWER_HELD_OUT)
        if arguments == ["prepare", "multi30k-en-de"]:
            # The one command that needs a network: a local copy takes the hub's place.
            arguments += ["--data", "path/to/multi30k"]
    if name == "train" and (folder / "runs" / arguments[1] / "checkpoints").exists():
        arguments += [] if {"--resume", "--restart"} & set(arguments) else ["--restart"]
        # Going on asks for the sizes that the model has.
        return with_settings(arguments, SHORT if "--resume" in arguments else ADDED["train"])
    return with_settings(arguments, ADDED.get(name, []))


@pytest.fixture(scope="session")
def first_phrases():
    """The first phrases of each part of the phrasebook: making all of them takes seconds."""
    return {split: list(islice(Phrasebook(split)(), 40)) for split in SPLITS}


@pytest.fixture
def short_phrasebook(monkeypatch, first_phrases):
    monkeypatch.setattr(Phrasebook, "__call__", lambda self: iter(first_phrases[self.split]))


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.usefixtures("short_phrasebook")
def test_a_command_of_the_readme_works(command, workspace, capsys):
    words = list(shlex.shlex(command, posix=True, punctuation_chars=True))
    if {"|", "<", ">"} & set(words):
        in_a_shell(command, workspace)
        return
    for part in command.split(" && "):
        call(adapted(shlex.split(part), workspace))
    assert_done(shlex.split(command), workspace, capsys.readouterr().out)


def in_a_shell(command: str, folder: Path) -> None:
    """Runs a command with pipes as it stands."""
    (folder / "new.fr").unlink()
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        env={**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])},
        check=False,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    written = (folder / "new.fr").read_text("utf-8") if ">" in command else done.stdout
    # Not splitlines: a model this small writes odd bytes, and Python takes some of them for the end of a line.
    assert written.count("\n") == (6 if "new.en" in command else 1)


def assert_done(command: list[str], folder: Path, out: str) -> None:
    """Checks what a command leaves behind or prints."""
    name = command[1]
    if "&&" in command or name == "train":
        run = folder / "runs" / command[command.index("train") + 1]
        assert (run / "bundle/bundle.json").is_file()
        assert (run / "pictures/learning-curve.png").is_file()
    elif name == "prepare":
        manifests = [*folder.glob("runs/*/manifest.json")]
        (manifest,) = [one for one in manifests if str(one.parent.relative_to(folder) / "recipe.toml") not in command]
        assert f"Train it: seq2seq train runs/{manifest.parent.name}" in out
    elif name == "translate" and "-o" in command:
        assert (folder / "new.fr").read_text("utf-8").count("\n") == 6
    elif name == "translate":
        assert out.count("\n") == 6 * (3 if "--nbest" in command else 1)
    elif name in ("distill", "backtranslate"):
        run = folder / command[command.index("--run") + 1]
        assert (run / "data/train.arrow").is_file() and f"seq2seq train runs/{run.name}" in out
    elif name == "finetune":
        assert (folder / command[command.index("--run") + 1] / "bundle/bundle.json").is_file()
    elif name == "export":
        assert (folder / command[-1] / "onnx/int8.safetensors").is_file()
    elif name in ("evaluate", "demo"):
        assert ("--html" in command) == (folder / "page.html").is_file()
        assert re.search(r"BLEU \d.*\|tok:13a\|", out)
        assert ("p = " in out) == ("--against" in command)
    else:
        assert out.strip()


def test_the_shards_of_the_readme_make_the_run_of_one_machine(workspace, capsys):
    whole = {
        path.name: path.read_bytes() for path in (workspace / "runs/my-en-fr/data").iterdir() if path.suffix == ".arrow"
    }
    shutil.rmtree(workspace / "runs")
    assert [command.split()[-2:] for command in SHARDED] == [
        ["--shard", "1/2"],
        ["--shard", "2/2"],
        ["my.fr", "--merge"],
    ]
    for command in SHARDED:
        call(with_settings(shlex.split(command)[1:], ADDED["prepare"]))
    assert "Train it: seq2seq train runs/my-en-fr" in capsys.readouterr().out
    assert {name: (workspace / "runs/my-en-fr/data" / name).read_bytes() for name in whole} == whole


def test_there_are_commands_to_test():
    assert len(COMMANDS) >= 15
    assert set(main.COMMANDS) <= {command.split()[1] for command in COMMANDS if command.startswith("seq2seq ")}
    assert set(IN_BLOCKS) >= NOT_RUN


def test_python_of_the_readme_works(workspace, capsys):
    names: dict[str, object] = {}
    for kind, text in BLOCKS:
        if kind == "python":
            exec(text, names)
    assert names["weights"].ndim == 2
    assert capsys.readouterr().out.count("\n") >= 4


def test_its_pictures_are_made_by_the_product(workspace):
    script = runpy.run_path(str(ROOT / "scripts/pictures.py"))
    script["main"](Path("runs/my-en-fr"), Path("pictures"), ("the cat sees us.", "my dog hears the sea."))
    shown = re.findall(r"!\[[^]]+\]\((.*?)\)", README)
    assert {Path(link).name for link in shown} == {path.name for path in Path("pictures").iterdir()}
    assert all(Path("pictures", Path(link).name).read_bytes()[:4] in (b"\x89PNG", b"<svg") for link in shown)
    svg = Path("pictures/repl.svg").read_text("utf-8")
    assert "the&#160;cat&#160;sees&#160;us." in svg
    assert "url(http" not in svg


@pytest.mark.parametrize("text", [text for kind, text in BLOCKS if kind == "toml"])
def test_its_recipes_say_what_their_comments_say(text):
    assert text.startswith(f"# {tomllib.loads(text)['name']}.toml\n")


@pytest.mark.parametrize(
    "family", ["cell", "attention", "wiring", "tokenizer", "search", "schedule", "filter", "initialisation"]
)
def test_the_readme_names_every_member_of_a_family(family):
    (members,) = [found for found in FAMILIES if found.kind == family]
    title = {"search": "searches"}.get(family, f"{family}s")
    (listed,) = re.findall(rf"^\| {title} \| (.*) \|$", README, re.M)
    # What stands in brackets or behind a semicolon are settings.
    plain = re.sub(r"\([^()]*\)", "", listed).partition(";")[0]
    assert set(re.findall(r"`([\w-]+)`", plain)) == set(members)


def test_the_run_that_the_readme_shows_is_the_run_that_is_made(workspace):
    call(["evaluate", "my-en-fr"])
    (shown,) = [text for kind, text in BLOCKS if text.startswith("runs/my-en-fr/")]
    made = {path.name + ("/" if path.is_dir() else "") for path in (workspace / "runs/my-en-fr").glob("[!.]*")}
    assert set(re.findall(r"^  (\S+)", shown, re.M)) == made


def test_the_folders_that_the_readme_shows_are_there():
    (shown,) = [text for _, text in BLOCKS if text.startswith("seq2seq/")]
    for line in shown.splitlines():
        inside, name = re.match(r"^( *)(\S+)/ ", line).groups()
        assert (ROOT / ("seq2seq" if inside else "") / name).is_dir(), line
    rooms = {path.name for path in (ROOT / "seq2seq").iterdir() if (path / "__init__.py").is_file()}
    assert rooms == set(re.findall(r"^  (\w+)/", shown, re.M))


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere(name):
    for link in re.findall(r"\]\(([^)]+)\)", (ROOT / name).read_text("utf-8")):
        assert link.startswith("https://") or (ROOT / link).exists(), link
