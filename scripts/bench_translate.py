"""Measures how fast a model translates, as a share of what this machine's processor can multiply in 8 bits.

Usage: python scripts/bench_translate.py MODEL FILE [REFERENCE] [--engine auto] [--threads N] [--beam 5] [--passes 2]
           [--rounds 1] [--singles 1000] [--starts 3] [--peer "NAME=COMMAND" ...] [--profile OUT.json]

Measured, with beam search and greedily:

* the whole file, in sentences a second: from text to text, the model loaded and warm; the best of some passes;
* one sentence after another: median and 99th percentile in milliseconds. The median of the first hundred stands beside
  it, which is what the peers measure;
* the work: two operations for each number of a matrix and each token, or step of a hypothesis, that it is multiplied
  with, and the attention's; padding, sums and activations count nothing. Counted are the steps that were really made,
  by a wrapper around the engine, in a pass that is not timed. `left` is the work without what an engine looks up
  instead (the first layers' products with embeddings). The share is that of `left` a second, of the peak;
* the peak: a plain product of 2048 x 1024 by 1024 x 2048, unsigned by signed 8 bits, in ONNX Runtime, with as many
  threads, the best of before and after each round.

And once: the whole command for one sentence, with its peak memory; the size of the int8 model on the disk; with a
REFERENCE the BLEU of the int8 and of the fp32 engine.

A peer is a command that translates FILE and prints, as its last line, JSON with `sentences_per_s`, `ms_per_sentence`
and `beam`; it runs in turn with ours. `{beam}` in it is replaced by each beam, 1 for greedy, and `{file}` by FILE.
Ratios are ours to the peer's: of sentences a second, the higher the better; of the time of one sentence, the lower.

`--profile` writes where the time goes to a file: see `decoding_profile.py`. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from decoding_profile import profile
from decoding_work import Counts, Work, counting
from synthetic import machine

from seq2seq.bundle import Bundle, open_bundle
from seq2seq.corpus.files import read_lines
from seq2seq.device import physical_cores
from seq2seq.engines.choose import ENGINES, choose
from seq2seq.evaluation.metrics import score
from seq2seq.recipe.schema import Search
from seq2seq.translator import Translator, from_bundle

SENTENCE = "A dog runs.\n"
PEER_SINGLES = 100
"""Single sentences that the peers translate: the first ones of the file."""
WARM_UP_SINGLES = 8
SIZES = (2048, 1024, 2048)
BURSTS, PRODUCTS = 5, 4
WATCHER = """
import json, resource, subprocess, sys, time
begin = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
seconds = time.perf_counter() - begin
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps([seconds, peak]))
"""
"""A small program in between: a process inherits its parent's peak memory as its own, until it needs more."""


class Way(NamedTuple):
    """A way to search."""

    name: str
    beam: int

    def settings(self, translator: Translator) -> Search:
        """Returns the settings that make the translator search so."""
        if self.beam == 1:
            return translator.with_settings(search="greedy")
        return translator.with_settings(beam=self.beam)

    def translate(self, translator: Translator, lines: Sequence[str]) -> list[str]:
        """Translates the lines."""
        return [one.text for one in translator.translate_stream(lines, self.settings(translator))]


def int8_peak(threads: int) -> float:
    """Returns the operations a second of a plain product in 8 bits, in the best of some bursts."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    rows, inner, columns = SIZES
    draw = np.random.default_rng(1)
    weights = draw.integers(-127, 128, (inner, columns)).astype(np.int8)
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["a", "b", "a_zero", "b_zero"], ["y"])],
        "peak",
        [helper.make_tensor_value_info("a", TensorProto.UINT8, (rows, inner))],
        [helper.make_tensor_value_info("y", TensorProto.INT32, (rows, columns))],
        [
            numpy_helper.from_array(weights, "b"),
            numpy_helper.from_array(np.array(128, np.uint8), "a_zero"),
            numpy_helper.from_array(np.array(0, np.int8), "b_zero"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), sess_options=options, providers=["CPUExecutionProvider"]
    )
    binding = session.io_binding()
    binding.bind_cpu_input("a", draw.integers(0, 256, (rows, inner)).astype(np.uint8))
    binding.bind_ortvalue_output("y", onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros((rows, columns), np.int32)))
    best = 0.0
    for _ in range(BURSTS):
        begin = time.perf_counter()
        for _ in range(PRODUCTS):
            session.run_with_iobinding(binding)
        best = max(best, 2.0 * rows * inner * columns * PRODUCTS / (time.perf_counter() - begin))
    return best


def whole_file(translator: Translator, lines: Sequence[str], way: Way, passes: int) -> float:
    """Returns sentences a second, in the best of some passes."""
    best = 0.0
    for _ in range(passes):
        begin = time.perf_counter()
        way.translate(translator, lines)
        best = max(best, len(lines) / (time.perf_counter() - begin))
    return best


def one_by_one(translator: Translator, lines: Sequence[str], way: Way) -> list[float]:
    """Returns the milliseconds of each line, translated alone."""
    for line in lines[:WARM_UP_SINGLES]:
        way.translate(translator, [line])
    found = []
    for line in lines:
        begin = time.perf_counter()
        way.translate(translator, [line])
        found.append(1000 * (time.perf_counter() - begin))
    return found


def single(milliseconds: list[list[float]]) -> dict[str, Any]:
    """Returns what there is to say of the milliseconds of single sentences, round by round."""
    everything = np.array(milliseconds)
    median, late = np.percentile(everything, [50, 99])
    return {
        "median_ms": round(float(median), 2),
        "p99_ms": round(float(late), 2),
        "p99_to_median": round(float(late / median), 2),
        "median_ms_of_first_hundred": round(float(np.median(everything[:, :PEER_SINGLES])), 2),
    }


def start_up(given: argparse.Namespace) -> dict[str, Any] | None:
    """Returns the seconds and the peak memory of the whole command for one sentence, the best of some starts."""
    if not given.starts:
        return None
    command = [sys.executable, "-m", "seq2seq", "translate", str(given.model)]
    command += ["--engine", given.asked] if given.asked != "auto" else []
    found = []
    for _ in range(given.starts):
        done = subprocess.run(
            [sys.executable, "-c", WATCHER, *command], input=SENTENCE, stdout=subprocess.PIPE, check=True, text=True
        )
        found.append(json.loads(done.stdout))
    return {
        "seconds": round(min(seconds for seconds, _ in found), 3),
        "peak_memory_mb": round(min(peak for _, peak in found) / 1e6, 1),
    }


def sizes(bundle: Bundle) -> dict[str, float | None]:
    """Returns megabytes on the disk: of all that translating with the int8 engine needs, and of the whole bundle."""
    files = {path.relative_to(bundle.path): path.stat().st_size for path in bundle.path.rglob("*") if path.is_file()}
    of_others = [path for path in files if path.name == bundle.weights.name or ".fp32." in path.name]
    has_int8 = any(".int8." in path.name for path in files)
    int8 = sum(files.values()) - sum(files[path] for path in of_others)
    return {"int8": round(int8 / 1e6, 2) if has_int8 else None, "whole": round(sum(files.values()) / 1e6, 2)}


def quality(
    bundle: Bundle, lines: Sequence[str], references: Sequence[str], given: argparse.Namespace
) -> dict[str, Any]:
    """Returns BLEU by precision, its signature, and how many sentences the precisions translate differently."""
    settings, way = bundle.recipe.evaluation, Way("beam", given.beam)
    engines = {"fp32": "torch"} if given.engine == "torch" else {"fp32": "onnx-fp32", "int8": "onnx"}
    texts = {kind: way.translate(opened(bundle, engine, given.threads), lines) for kind, engine in engines.items()}
    found: dict[str, Any] = {}
    for kind, hypotheses in texts.items():
        (bleu,) = score(
            hypotheses, references, metrics=["bleu"], tokenize=settings.tokenize, lowercase=settings.lowercase
        )
        found |= {kind: round(bleu.value, 2), "signature": bleu.signature}
    if "int8" in found:
        found["lost"] = round(found["fp32"] - found["int8"], 2)
        found["sentences_that_differ"] = sum(a != b for a, b in zip(texts["fp32"], texts["int8"], strict=True))
    return found


def opened(bundle: Bundle, engine: str, threads: int) -> Translator:
    """Opens a translator."""
    return from_bundle(bundle, engine=engine, device="cpu", threads=threads)


def run_peer(command: str, beams: Sequence[int], file: Path) -> list[dict[str, Any]]:
    """Runs a peer, once for each beam where its command names one. Returns the JSON of the last lines."""
    found = []
    for beam in beams if "{beam}" in command else beams[:1]:
        told = command.replace("{beam}", str(beam)).replace("{file}", shlex.quote(str(file)))
        done = subprocess.run(shlex.split(told), stdout=subprocess.PIPE, check=True, text=True)
        found.append(json.loads(done.stdout.strip().splitlines()[-1]))
    return found


def beside(ours: dict[str, Any], theirs: list[dict[str, Any]], ways: Sequence[Way]) -> tuple[dict[str, Any], ...]:
    """Returns a peer's means by way, and the ratios of ours to them."""
    figures, ratios = {}, {}
    for way in ways:
        mine = [one for one in theirs if one["beam"] == way.beam]
        if not mine:
            continue
        speed, wait = (statistics.mean(one[key] for one in mine) for key in ("sentences_per_s", "ms_per_sentence"))
        figures[way.name] = {"sentences_per_s": round(speed, 1), "ms_per_sentence": round(wait, 2)}
        ratios[way.name] = {
            "sentences_per_s": round(ours[way.name]["sentences_per_s"] / speed, 2),
            "ms_per_sentence": round(ours[way.name]["one"]["median_ms_of_first_hundred"] / wait, 2),
        }
    return figures, ratios


def way_in_figures(
    speeds: list[float],
    peak: float,
    singles: list[list[float]],
    counts: Counts,
    work: Work,
    sentences: int,
    *,
    tables: bool,
) -> dict[str, Any]:
    """Returns all that is said of a way."""
    speed = statistics.mean(speeds)
    whole, left = (2 * work.macs(counts, tables=without) for without in (False, tables))
    operations = left * speed / sentences
    return {
        "sentences_per_s": round(speed, 1),
        "rounds": [round(one, 1) for one in speeds],
        **counts.to_dict(),
        "gop": float(f"{whole / 1e9:.5g}"),
        "gop_left": float(f"{left / 1e9:.5g}"),
        "gop_left_per_s": float(f"{operations / 1e9:.4g}"),
        "share_of_peak": round(operations / peak, 3),
        "one": single(singles),
    }


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("reference", type=Path, nargs="?")
    parser.add_argument("--engine", choices=ENGINES, default="auto")
    parser.add_argument("--threads", type=int, default=0, help="0: all physical cores")
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--passes", type=int, default=2, help="over the whole file, of which the best counts")
    parser.add_argument("--rounds", type=int, default=1, help="turns of ours and of each peer")
    parser.add_argument("--singles", type=int, default=1000, help="sentences translated one at a time")
    parser.add_argument("--starts", type=int, default=3, help="of the whole command, of which the best counts")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--profile", type=Path, metavar="OUT.json")
    given = parser.parse_args()
    given.threads = given.threads or physical_cores()
    return given


def main() -> None:
    given = arguments()
    bundle, lines = open_bundle(given.model), list(read_lines(given.file))
    given.asked = given.engine
    if given.engine == "auto":
        given.engine = choose(bundle, "cpu")
    ways = [Way(f"beam{given.beam}", given.beam), Way("greedy", 1)]
    translator, counts = opened(bundle, given.engine, given.threads), {}
    for way in ways:  # the first pass is the warm-up
        with counting(translator) as counts[way.name]:
            way.translate(translator, lines)
    peaks: list[float] = []
    peers: dict[str, list[dict[str, Any]]] = defaultdict(list)
    speeds: dict[str, list[float]] = defaultdict(list)
    singles: dict[str, list[list[float]]] = defaultdict(list)
    for _ in range(given.rounds):
        peaks.append(int8_peak(given.threads))
        for way in ways:
            speeds[way.name].append(whole_file(translator, lines, way, given.passes))
            singles[way.name].append(one_by_one(translator, lines[: given.singles], way))
        for peer in given.peer:
            name, _, command = peer.partition("=")
            peers[name] += run_peer(command, [way.beam for way in ways], given.file)
    peaks.append(int8_peak(given.threads))
    work, tables = Work.of(bundle), given.engine != "torch"
    found = {
        way.name: way_in_figures(
            speeds[way.name], max(peaks), singles[way.name], counts[way.name], work, len(lines), tables=tables
        )
        for way in ways
    }
    compared = {name: beside(found, theirs, ways) for name, theirs in peers.items()}
    result = {
        "model": str(given.model),
        "file": given.file.name,
        "sentences": len(lines),
        "engine": given.engine,
        "threads": given.threads,
        **found,
        "peak_gops": round(max(peaks) / 1e9, 1),
        "start_up": start_up(given),
        "disk_mb": sizes(bundle),
        "bleu": quality(bundle, lines, list(read_lines(given.reference)), given) if given.reference else None,
        "peers": {name: figures for name, (figures, _) in compared.items()},
        "ratio": {name: ratios for name, (_, ratios) in compared.items()},
        "machine": machine(),
        "versions": {name: version(name) for name in ("onnxruntime", "numpy")},
    }
    if given.profile:
        with tempfile.TemporaryDirectory() as folder:
            told = profile(
                lambda: opened(bundle, given.engine, 1), lambda one: ways[0].translate(one, lines), Path(folder)
            )
        given.profile.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        result["python_share"] = told["python_share"]
    print(json.dumps(result))


if __name__ == "__main__":
    main()
