"""Trains OpenNMT-py's Transformer on the pairs of a prepared run, as long as the run's own network, and compares.

Usage: python scripts/peer_transformer.py --run RUN --seconds SECONDS --work FOLDER [--model BUNDLE] [--threads N]
           [--split development|test] [--peer-python COMMAND] [--seed N] [--schedule linear] [--set dropout=0.2 ...]

Equal are: the pairs, the subwords, the rules of scoring, the threads, the seconds, and about the number of parameters
and of target tokens an update. RUN is only read, and refused where its corpora are weighted: the peer reads every pair
once. FOLDER must be new: nothing is resumed. `--peer-python` (or PEER_PYTHON) is the Python of an environment with
OpenNMT-py, which runs this file too. `--set` changes any of the peer's own options.

The peer trains on ids in place of subwords, so that no mark, space or line end of a text can be misread. The clock runs
from the first batch that is asked for; reading data, looks at the development set and checkpoints are inside it, and
imports are not. The learning rate goes by the clock: it rises for the first `--warmup` of the seconds, and falls with
the inverse square root of the time, or linearly to nothing. It trains in fp32, as OpenNMT-py knows no bf16 on a CPU.
Then its last checkpoint, its best by perplexity and the average of the last few translate the development set, which
takes nothing from its time, and the best by BLEU is the one that counts. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from synthetic import machine

if TYPE_CHECKING:  # the peer's Python has none of it
    from seq2seq.bundle import RunFolder
    from seq2seq.data.store import Store
    from seq2seq.pipeline.evaluate.evaluate import Result, TestSet
    from seq2seq.recipe.schema import Recipe
    from seq2seq.text.pairs import TokenizerPair

SIDES = ("source", "target")
HEADS = 4
WIDER = 64  # widths are tried in steps of so much
MOST_LAYERS = 6
INNER = 4  # times the width: how wide the inner layer is meant to be
INNER_STEP = 8
BUCKET = 30_000  # pairs that are sorted by length at once
LOOKS = 3, 20  # at the development set: as few, as many
SECONDS_A_LOOK = 60
WARM_UP_SHARE = 0.1  # of the seconds, before the speed is measured
TOLD_LINES = 20  # of a peer's log, where it fails


@dataclass(frozen=True)
class Shape:
    """A Transformer with as many layers in the encoder as in the decoder, one embedding for all where it is tied.

    Attributes:
        symbols: Of the source's and of the target's vocabulary.
        tied: Whether both sides share one embedding; the output layer always shares the target's.
        width: Of embeddings and layers.
        layers: Of the encoder, and of the decoder.
        inner: Width of the feed-forward layers.
    """

    symbols: tuple[int, int]
    tied: bool
    width: int
    layers: int
    inner: int

    @property
    def parameters(self) -> int:
        """The number of weights, as OpenNMT-py builds it: no biases but the output's, two weights a normalised value.

        An encoder layer has one attention of 4 width^2 and two norms, a decoder layer two and three; both have two
        matrices of width x inner, and each stack a norm behind it (Vaswani et al. 2017, with pre-norm).
        """
        width, (source, target) = self.width, self.symbols
        tables = (target if self.tied else source + target) * width + target
        layers = self.layers * (12 * width * width + 4 * width * self.inner + 10 * width)
        return tables + layers + 4 * width


def fitted(parameters: int, symbols: tuple[int, int], *, tied: bool, width: int, layers: int = 0) -> Shape:
    """Returns the shape whose number of weights is nearest.

    Args:
        parameters: How many are wanted.
        symbols: Sizes of both vocabularies.
        tied: Whether both sides share one embedding.
        width: The least width; it grows until `MOST_LAYERS` layers are enough.
        layers: Of encoder and decoder each; 0: as many as make the inner layers `INNER` times the width, or nearly.
    """
    width = -(-width // HEADS) * HEADS
    while True:
        empty = Shape(symbols, tied, width, 0, 0).parameters
        one = Shape(symbols, tied, width, 1, INNER * width).parameters - empty
        depth = layers or max(1, round((parameters - empty) / one))
        if layers or depth <= MOST_LAYERS:
            break
        width = (width // WIDER + 1) * WIDER
    left = parameters - Shape(symbols, tied, width, depth, 0).parameters
    inner = max(1, round(left / (4 * width * depth * INNER_STEP))) * INNER_STEP
    return Shape(symbols, tied, width, depth, inner)


def real_tokens(source: Sequence[int], target: Sequence[int], size: int) -> float:
    """Returns how many target tokens with EOS a batch has on average, as OpenNMT-py fills it: `size` counts padding.

    Args:
        source: Tokens of each pair's source.
        target: Tokens of its target, without EOS.
        size: Sentences times the longest side, targets with both of their ends.
    """
    batches = longest = count = 0
    for one, other in sorted(zip(source, target, strict=True)):
        longest, count = max(longest, one, other + 2), count + 1
        if longest * count > size and count > 1:
            batches, longest, count = batches + 1, max(one, other + 2), 1
    return (sum(target) + len(target)) / (batches + 1)


def batch_size(store: Store, wanted: int) -> int:
    """Returns the peer's size of a batch that has about `wanted` real target tokens."""
    rows = random.Random(1).sample(range(len(store)), min(BUCKET, len(store)))
    source, target = (list(map(int, lengths[rows])) for lengths in (store.source.lengths, store.target.lengths))
    return round(wanted * wanted / real_tokens(source, target, wanted))


def write_splits(run: RunFolder, work: Path, *, seed: int) -> None:
    """Writes each split as text, in its order, and as ids; of the training pairs' ids the order is drawn.

    The peer shuffles no more than what it holds at once, and many corpora are sorted. A vocabulary file lists the ids
    of a side that text can have.
    """
    from seq2seq.data.store import Store
    from seq2seq.text.pairs import TokenizerPair
    from seq2seq.text.special import NUM_SPECIAL, UNK

    tokenizers = TokenizerPair.load(run.tokenizers)
    for name in run.splits():
        store = Store(run.split(name))
        order = list(range(len(store)))
        if name == "train":
            random.Random(seed).shuffle(order)
        texts_of_side, ids_of_side = (store.source_text, store.target_text), (store.source, store.target)
        for side, texts, ids in zip(SIDES, texts_of_side, ids_of_side, strict=True):
            write_lines(work / f"{name}.{side}", (texts[row] for row in range(len(store))))
            write_lines(work / f"{name}.{side}.ids", (" ".join(map(str, ids[row])) for row in order))
    for side, tokenizer in zip(SIDES, (tokenizers.source, tokenizers.target), strict=True):
        text_ids = [UNK] if UNK in tokenizer.placeholders else []
        text_ids += range(NUM_SPECIAL, tokenizer.vocabulary_size)
        write_lines(work / f"vocabulary.{side}", map(str, text_ids))


def write_lines(path: Path, lines: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(line + "\n" for line in lines)


def lines_of(path: Path) -> list[str]:
    """Returns a file's lines; only a line feed ends one."""
    text = path.read_text(encoding="utf-8")
    return text.removesuffix("\n").split("\n") if text else []


def texts_of(path: Path, tokenizers: TokenizerPair) -> list[str]:
    """Returns the texts of translations in ids, a line each; what is no id, a peer's own mark, is left out."""
    return [tokenizers.target.decode([int(one) for one in line.split() if one.isdigit()]) for line in lines_of(path)]


def training_options(shape: Shape, work: Path, *, size: int, seed: int) -> dict[str, str]:
    """Returns the peer's options by name; "true" is a flag."""
    corpora = {
        name: {
            f"path_{short}": str(work / f"{file}.{side}.ids") for short, side in zip(("src", "tgt"), SIDES, strict=True)
        }
        for name, file in (("corpus", "train"), ("valid", "watched"))
    }
    vocabularies = {"src_vocab": str(work / "vocabulary.source"), "tgt_vocab": str(work / "vocabulary.target")}
    never = str(10**9)
    values: dict[str, object] = {
        **{"data": json.dumps(corpora), "save_data": work / "data", "save_model": work / "model", **vocabularies},
        **{"src_vocab_size": max(shape.symbols), "tgt_vocab_size": max(shape.symbols), "vocab_size_multiple": 1},
        **{"encoder_type": "transformer", "decoder_type": "transformer", "position_encoding": "true"},
        **{"layers": shape.layers, "heads": HEADS, "transformer_ff": shape.inner, "hidden_size": shape.width},
        **{"word_vec_size": shape.width, "share_decoder_embeddings": "true"},
        **({"share_vocab": "true", "share_embeddings": "true"} if shape.tied else {}),
        **{"param_init": 0, "param_init_glorot": "true", "dropout": 0.3, "attention_dropout": 0.1},
        **{"label_smoothing": 0.1, "max_grad_norm": 1},
        **{"optim": "adam", "adam_beta2": 0.998, "learning_rate": 0.001, "normalization": "tokens"},
        **{"batch_type": "tokens", "batch_size": size, "valid_batch_size": 4096, "bucket_size": BUCKET},
        **{"num_workers": 0, "train_steps": never, "valid_steps": never, "save_checkpoint_steps": never},
        **{"report_every": 100, "seed": seed},
    }
    return {name: str(value) for name, value in values.items()}


def as_arguments(options: Mapping[str, str]) -> list[str]:
    """Returns options as a command line; "true" is a flag alone, and "false" is one that is not given."""
    given = {name: value for name, value in options.items() if value != "false"}
    return [f"--{name}" if value == "true" else f"--{name}={value}" for name, value in given.items()]


class Peer:
    """The peer's Python, which does jobs: this same file, with a file that says what to do.

    Args:
        command: How it is started.
        work: Where jobs, logs and results are.
        threads: How many it may use.
    """

    def __init__(self, command: str, work: Path, threads: int) -> None:
        self._command, self._work, self._threads = shlex.split(command), work, threads

    def do(self, name: str, job: Mapping[str, object]) -> dict[str, Any]:
        """Does one job. Returns what it wrote as its result.

        Raises:
            SystemExit: It failed; the end of its log is told.
        """
        job_path, log, result = (self._work / f"{name}.{ending}" for ending in ("job.json", "log", "result.json"))
        told = {**job, "threads": self._threads, "result": str(result)}
        job_path.write_text(json.dumps(told, indent=2), encoding="utf-8")
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        environment |= {"OMP_NUM_THREADS": str(self._threads), "MKL_NUM_THREADS": str(self._threads)}
        command = [*self._command, str(Path(__file__).resolve()), "--job", str(job_path)]
        with log.open("wb") as output:
            code = subprocess.run(
                command, env=environment, stdout=output, stderr=subprocess.STDOUT, check=False
            ).returncode
        if code or not result.is_file():
            end = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-TOLD_LINES:])
            raise SystemExit(f"{end}\nThe peer failed with exit code {code}: {shlex.join(command)}\nIts log is {log}.")
        return dict(json.loads(result.read_text(encoding="utf-8")))

    def translate(self, name: str, models: Mapping[str, str], source: Path, beam: int, ratio: float) -> dict[str, Any]:
        """Translates a file of ids with each of the models. Returns the result, with the files by the models' names."""
        outputs = {key: str(self._work / f"{name}.{key}.out") for key in models}
        job = {"kind": "translate", "models": models, "source": str(source), "beam": beam, "length_ratio": ratio}
        return {**self.do(name, {**job, "outputs": outputs}), "outputs": outputs}


# What the run's own Python does.


def bleu(texts: Sequence[str], references: Sequence[str], recipe: Recipe) -> float:
    from seq2seq.evaluation.metrics import score

    rules = recipe.evaluation
    return score(texts, references, metrics=["bleu"], tokenize=rules.tokenize, lowercase=rules.lowercase)[0].value


def scores_of(texts: Sequence[str], test: TestSet, recipe: Recipe) -> list[dict[str, Any]]:
    """Returns each score by the run's rules, with its signature and its interval."""
    from seq2seq.evaluation.metrics import score

    rules = recipe.evaluation
    settings = {"tokenize": rules.tokenize, "lowercase": rules.lowercase, "bootstrap": rules.bootstrap}
    return [one.to_dict() for one in score(texts, test.references, metrics=rules.metrics, **settings)]


def check_same_data(model: Path, run: RunFolder) -> None:
    """Checks that a model which stands beside its data learnt from that of the run.

    Raises:
        SystemExit: It did not, so it may have seen what it is tested with.
    """
    from seq2seq.bundle import RunFolder, open_bundle

    other = RunFolder(open_bundle(model).path.parent)
    if other.manifest.is_file() and other.read_manifest().inputs != run.read_manifest().inputs:
        raise SystemExit(f"{model} was trained with other data than {run.path}: its split is another one.")


def check_unweighted(run: RunFolder, recipe: Recipe) -> None:
    """Checks that an epoch of the run is every pair once, as the peer reads them.

    Raises:
        UserError: Its corpora are weighted, so our network would learn from other pairs than the peer.
    """
    from seq2seq.data.mixing import epoch_counts
    from seq2seq.errors import UserError

    corpora = run.read_manifest().corpora
    pairs, weights = [one.pairs for one in corpora], [one.weight for one in corpora]
    counts = epoch_counts(pairs, weights, recipe.data.temperature)
    if counts != pairs:
        mixed = zip(corpora, pairs, counts, strict=True)
        listing = ", ".join(f"{count:,} of {one.name} ({size:,} pairs)" for one, size, count in mixed)
        raise UserError(
            f"The corpora of {run.path} are weighted: an epoch has {listing}; the peer would read every pair once.",
            hint="Prepare a run whose corpora all have the weight 1, with data.temperature=1, and compare with that.",
        )


def ours(given: argparse.Namespace, test: TestSet, recipe: Recipe, theirs: Sequence[str]) -> Result:
    """Translates the same split with our model, and tests whether the two differ; the peer is the first system."""
    from seq2seq.bundle import open_bundle
    from seq2seq.pipeline.evaluate.evaluate import evaluate
    from seq2seq.translator import from_bundle

    bundle = open_bundle(given.model)
    translator = from_bundle(bundle, engine=given.engine, device="cpu", threads=given.threads)
    return evaluate(
        translator, test, bundle.recipe.search, recipe.evaluation, num_worst=0, against="peer", other=list(theirs)
    )


def own_parameters(recipe: Recipe, tokenizers: TokenizerPair) -> int:
    from seq2seq import build

    symbols = {f"{side}_symbols": getattr(tokenizers, side).vocabulary_size for side in SIDES}
    return sum(weight.numel() for weight in build.model(recipe.model, **symbols).parameters())


def compared(given: argparse.Namespace) -> dict[str, Any]:
    """Does all of it. Returns what there is to tell."""
    from seq2seq.bundle import find_run
    from seq2seq.data.store import Store
    from seq2seq.pipeline.evaluate.evaluate import test_sets
    from seq2seq.recipe.toml import load_recipe
    from seq2seq.text.pairs import TokenizerPair

    run, work = find_run(given.run), given.work
    (test,) = test_sets(run, [given.split])
    (development,) = test_sets(run, ["development"])
    if given.model:
        check_same_data(given.model, run)
    recipe, tokenizers = load_recipe(run.recipe), TokenizerPair.load(run.tokenizers)
    check_unweighted(run, recipe)
    work.mkdir(parents=True, exist_ok=True)
    write_splits(run, work, seed=given.seed)
    for side in SIDES:
        watched = lines_of(work / f"development.{side}.ids")[: recipe.training.validate_sentences]
        write_lines(work / f"watched.{side}.ids", watched)

    parameters = own_parameters(recipe, tokenizers)
    symbols = tokenizers.source.vocabulary_size, tokenizers.target.vocabulary_size
    width = given.width or recipe.model.embedding_size
    shape = fitted(parameters, symbols, tied=tokenizers.joint, width=width, layers=given.layers)
    wanted = recipe.training.batch_tokens * recipe.training.accumulate
    size = batch_size(Store(run.split("train")), wanted)
    options = training_options(shape, work, size=size, seed=given.seed) | given.set
    tell(f"{parameters:,} parameters are ours; the peer's {shape.parameters:,}: {shape}; it trains {given.seconds:g} s")
    peer = Peer(given.peer_python, work, given.threads)
    job = {
        **{"kind": "train", "arguments": as_arguments(options), "seconds": given.seconds, "average": given.average},
        **{"looks": min(max(round(given.seconds / SECONDS_A_LOOK), LOOKS[0]), LOOKS[1]), "warmup": given.warmup},
        **{"schedule": "" if "decay_method" in given.set else given.schedule, "folder": str(work)},
    }
    trained = peer.do("train", job)
    tell(f"trained: {trained['parameters']:,} parameters, {trained['target_tokens_per_second']} target tokens/s")

    looking = {"beam": given.beam, "ratio": recipe.search.max_length_factor}
    found = peer.translate("development", trained["models"], work / "development.source.ids", **looking)
    texts = {name: texts_of(Path(path), tokenizers) for name, path in found["outputs"].items()}
    figures = {name: round(bleu(lines, development.references, recipe), 2) for name, lines in texts.items()}
    chosen = max(figures, key=lambda name: figures[name])
    tell(f"development BLEU {figures}: {chosen} it is")
    theirs = texts[chosen]
    if given.split != "development":
        one = {chosen: trained["models"][chosen]}
        found = peer.translate(given.split, one, work / f"{given.split}.source.ids", **looking)
        theirs = texts_of(Path(found["outputs"][chosen]), tokenizers)
    write_lines(work / f"hypotheses.{given.split}", theirs)

    result: dict[str, Any] = {
        **{"run": str(given.run), "split": given.split, "sentences": len(test.sources), "seconds": given.seconds},
        **{"threads": given.threads, "seed": given.seed, "parameters": {"ours": parameters}, "beam": given.beam},
        **{"batch_tokens": {"ours": wanted, "peer": trained["target_tokens_per_update"]}, "shape": asdict(shape)},
        **{"schedule": job["schedule"] or given.set["decay_method"], "precision": "fp32", "set": given.set},
        "peer": {key: value for key, value in trained.items() if key != "models"},
        **{"development": figures, "chosen": chosen, "scores": scores_of(theirs, test, recipe)},
        **{"ours": None, "comparison": [], "machine": machine()},
    }
    result["parameters"]["peer"] = trained["parameters"]
    if given.model:
        own = ours(given, test, recipe, theirs)
        write_lines(work / f"hypotheses.{given.split}.ours", own.hypotheses)
        result["ours"] = [one.to_dict() for one in own.scores]
        result["comparison"] = [one.to_dict() for one in own.comparison]
    return result


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# What the peer's Python does; nothing of ours is imported there.


def rate(share: float, *, schedule: str, warmup: float) -> float:
    """Returns the learning rate as a share of its peak, when `share` of the time is over."""
    if share < warmup:
        return max(share / warmup, 0.001)
    if schedule == "linear":
        return max((1 - share) / (1 - warmup), 0.0)
    return float((warmup / share) ** 0.5) if warmup else 1.0


class Clock:
    """Counts what a timed training does. Looks at the development set take from the seconds, and not from the speed.

    Args:
        seconds: Of the training.
        looks: How many.
    """

    def __init__(self, seconds: float, looks: int) -> None:
        self.seconds, self._looks, self._begin = seconds, looks, 0.0
        self.looked = 0
        self.tokens = self.sentences = self.updates = 0
        self.looking = 0.0
        self._first: tuple[float, int] | None = None

    @property
    def elapsed(self) -> float:
        """Seconds from the first batch that was asked for."""
        if not self._begin:
            self._begin = time.perf_counter()
        return time.perf_counter() - self._begin

    @property
    def look_is_due(self) -> bool:
        """Whether the next share of the time is over."""
        return self.updates > 0 and self.elapsed >= self.seconds * (self.looked + 1) / self._looks

    def look_is_over(self, began: float) -> None:
        """Counts a look, and all those that were due before it."""
        self.looking += self.elapsed - began
        self.looked = max(self.looked + 1, int(self.elapsed * self._looks / self.seconds))

    def count(self, tokens: int, sentences: int) -> None:
        """Counts the batch of an update that begins."""
        if self._first is None and self.elapsed >= WARM_UP_SHARE * self.seconds:
            self._first = self.elapsed - self.looking, self.tokens
        self.tokens, self.sentences, self.updates = self.tokens + tokens, self.sentences + sentences, self.updates + 1

    def speed(self) -> int:
        """Returns target tokens with EOS a second, from a tenth of the time on."""
        began, tokens = self._first or (0.0, 0)
        return round((self.tokens - tokens) / max(self.elapsed - self.looking - began, 1e-9))


def do_job(job: Mapping[str, Any]) -> dict[str, Any]:
    """Does what a job file says, in the peer's Python. Returns the result."""
    import torch

    torch.set_num_threads(job["threads"])
    return (_train if job["kind"] == "train" else _translate)(job)


class Told(NamedTuple):
    """What is found out while the peer trains.

    Attributes:
        parameters: How many weights it has; one number.
        looks: Update, second and perplexity of each look at the development set.
    """

    parameters: list[int]
    looks: list[dict[str, float]]


def _timed(base: Any, clock: Clock, told: Told, best: Path) -> Any:  # noqa: ANN401 - OpenNMT-py's
    """Returns OpenNMT-py's trainer as one that goes by the clock; its best checkpoint gets a second name."""

    class Timed(base):  # type: ignore[misc, valid-type]
        """A trainer whose batches end with the seconds, which makes it save its model and end."""

        def train(self, train_iter: Any, *rest: Any, valid_iter: Any = None, **named: Any) -> Any:  # noqa: ANN401
            self.watched = valid_iter
            told.parameters.append(sum(weight.numel() for weight in self.model.parameters()))
            return super().train(train_iter, *rest, valid_iter=None, **named)

        def _accum_batches(self, iterator: Any) -> Iterator[Any]:  # noqa: ANN401
            begun = clock.elapsed  # the first batch is asked for now
            for batches, normalization in super()._accum_batches(iterator):
                if clock.look_is_due:
                    begun = clock.elapsed
                    self.look(self.optim.training_step - 1)
                    clock.look_is_over(begun)
                if clock.elapsed >= clock.seconds:
                    return
                targets = [batch["tgt"][:, 1:, 0] for batch in batches]
                tokens = sum(int(target.ne(self.train_loss.padding_idx).sum()) for target in targets)
                clock.count(tokens, sum(map(len, targets)))
                yield batches, normalization

        def look(self, step: int) -> None:
            perplexity = self.validate(self.watched, moving_average=self.moving_average).ppl()
            self.model_saver.save(step, moving_average=self.moving_average)
            lowest = min((look["perplexity"] for look in told.looks), default=float("inf"))
            told.looks.append({"update": step, "second": round(clock.elapsed, 1), "perplexity": round(perplexity, 4)})
            if told.looks[-1]["perplexity"] < lowest:
                _link(Path(f"{self.model_saver.base_path}_step_{step}.pt"), best)

    return Timed


def _train(job: Mapping[str, Any]) -> dict[str, Any]:
    import importlib.metadata

    import onmt.trainer
    from onmt.bin.train import _get_parser
    from onmt.bin.train import train as train_peer
    from onmt.utils.optimizers import Optimizer

    clock, told, best = Clock(job["seconds"], job["looks"]), Told([], []), Path(job["folder"], "best.pt")
    onmt.trainer.Trainer = _timed(onmt.trainer.Trainer, clock, told, best)
    if job["schedule"]:
        rule = {"schedule": job["schedule"], "warmup": job["warmup"]}
        Optimizer.learning_rate = lambda self: self._learning_rate * rate(clock.elapsed / clock.seconds, **rule)
    keep = ["--keep_checkpoint", str(max(1, job["average"]))]
    options = _get_parser().parse_args([*job["arguments"], *keep])
    processor = time.process_time()
    train_peer(options)
    taken, speed, processor = clock.elapsed, clock.speed(), time.process_time() - processor
    saved = sorted(Path(job["folder"]).glob("model_step_*.pt"), key=lambda path: int(path.stem.rpartition("_")[2]))
    models = {"last": str(saved[-1])}
    if best.is_file() and not best.samefile(saved[-1]):
        models["best"] = str(best)
    if len(saved) > 1:
        models["average"] = str(_averaged(saved, Path(job["folder"], "average.pt")))
    pairs = len(lines_of(Path(job["folder"], "train.target.ids")))
    return {
        **{"version": f"OpenNMT-py {importlib.metadata.version('OpenNMT-py')}", "parameters": told.parameters[0]},
        **{"target_tokens_per_second": speed, "updates": clock.updates, "epochs": round(clock.sentences / pairs, 2)},
        "target_tokens_per_update": round(clock.tokens / max(1, clock.updates)),
        **{"seconds": round(taken, 1), "seconds_of_looks": round(clock.looking, 1), "looks": told.looks},
        "processor_seconds": round(processor, 1),
        **{"averaged": len(saved), "models": models},
    }


def _link(old: Path, new: Path) -> None:
    """Gives a checkpoint a second name, under which it stays when the peer removes the first."""
    import shutil

    new.unlink(missing_ok=True)
    try:
        os.link(old, new)
    except OSError:
        shutil.copyfile(old, new)


def _averaged(paths: Sequence[Path], out: Path) -> Path:
    """Writes a checkpoint whose weights are the mean of those of several."""
    import torch
    from onmt.models.model_saver import load_checkpoint

    mean = load_checkpoint(str(paths[0]))
    for number, path in enumerate(paths[1:], start=2):
        other = load_checkpoint(str(path))
        # A table that several places share is one storage under several names: none is changed before all are read.
        mean |= {
            part: {name: weight + (other[part][name] - weight) / number for name, weight in mean[part].items()}
            for part in ("model", "generator")
        }
    torch.save({**mean, "optim": None}, out)
    return out


def _translate(job: Mapping[str, Any]) -> dict[str, Any]:
    from onmt.bin.translate import _get_parser
    from onmt.inference_engine import InferenceEnginePY
    from onmt.utils.parse import ArgumentParser

    lines = lines_of(Path(job["source"]))
    kept = [line for line in lines if line]  # it has no answer to nothing
    seconds = {}
    for name, model in job["models"].items():
        beam = f"--beam_size {job['beam']} --max_length_ratio {job['length_ratio']} --length_penalty avg"
        batches = "--gpu -1 --batch_type sents --batch_size 64"
        files = ["--model", model, "--src", job["source"], "--output", job["outputs"][name] + ".peer"]
        options = _get_parser().parse_args([*files, *beam.split(), *batches.split()])
        ArgumentParser.validate_translate_opts(options)
        ArgumentParser._get_all_transform_translate(options)
        ArgumentParser._validate_transforms_opts(options)
        ArgumentParser.validate_translate_opts_dynamic(options)
        engine = InferenceEnginePY(options)
        begin = time.perf_counter()
        _, found = engine.infer_list(kept)
        seconds[name] = round(time.perf_counter() - begin, 1)
        answers = iter(found)
        write_lines(Path(job["outputs"][name]), (next(answers)[0] if line else "" for line in lines))
    return {"seconds": seconds}


def options_of(assignments: Iterable[str]) -> dict[str, str]:
    """Returns "name=value" assignments by name."""
    found = {}
    for assignment in assignments:
        name, sign, value = assignment.partition("=")
        if not sign or not name.strip("-"):
            raise argparse.ArgumentTypeError(f"--set {assignment}: it must be NAME=VALUE, an option of OpenNMT-py")
        found[name.strip("-")] = value
    return found


def arguments(parser: argparse.ArgumentParser) -> argparse.Namespace:
    parser.add_argument("--run", type=Path, required=True, help="a prepared run; it is only read")
    parser.add_argument("--seconds", type=float, required=True, help="of training, looks at the development set inside")
    parser.add_argument("--work", type=Path, required=True, help="a new folder for all that is written")
    parser.add_argument("--model", type=Path, help="our bundle or run, to compare with")
    parser.add_argument("--peer-python", default=os.environ.get("PEER_PYTHON", ""), help="has OpenNMT-py")
    parser.add_argument("--split", choices=("development", "test"), default="development")
    parser.add_argument("--threads", type=int, default=0, help="0: all physical cores")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--beam", type=int, default=5, help="of the peer; our model searches as its settings say")
    parser.add_argument("--engine", default="auto", help="of our model")
    parser.add_argument("--width", type=int, default=0, help="of the peer; 0: the run's embedding size, at least")
    parser.add_argument("--layers", type=int, default=0, help="of encoder and decoder each; 0: as fit")
    parser.add_argument("--average", type=int, default=5, help="checkpoints in the average")
    parser.add_argument("--warmup", type=float, default=0.1, help="share of the seconds")
    parser.add_argument("--schedule", choices=("inverse-sqrt", "linear"), default="inverse-sqrt")
    parser.add_argument("--set", action="append", default=[], help="an option of OpenNMT-py: dropout=0.2")
    given = parser.parse_args()
    if not given.peer_python:
        parser.error("give --peer-python, or set PEER_PYTHON: the Python of an environment with OpenNMT-py")
    if given.work.exists() and any(given.work.iterdir()):
        parser.error(f"{given.work} is not empty, and nothing is resumed: give a new folder")
    if given.seconds <= 0 or not 0 <= given.warmup < 1:
        parser.error("--seconds must be more than 0, and --warmup a share of them, from 0 up to and without 1")
    try:
        given.set = options_of(given.set)
    except argparse.ArgumentTypeError as error:
        parser.error(str(error))
    given.work = given.work.resolve()
    return given


def main() -> None:
    if sys.argv[1:2] == ["--job"]:
        job = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
        Path(job["result"]).write_text(json.dumps(do_job(job)), encoding="utf-8")
        return
    given = arguments(argparse.ArgumentParser(description=__doc__.split("\n", 1)[0]))
    from seq2seq.device import physical_cores
    from seq2seq.errors import UserError

    given.threads = given.threads or physical_cores()
    try:
        print(json.dumps(compared(given)))
    except UserError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
