"""Scores models as published results are counted, each seed by itself, with the mean and the spread of them all.

Usage: python scripts/published_scores.py --split SOURCE REFERENCE --language de --model MODEL [MODEL ...]
           [--together] [--set search.mbr=20 ...] [--engine onnx-fp32] [--hypotheses FILE ...] [--threads N]

Three scores of the same translations: BLEU by sacreBLEU's 13a tokenizer, cased and lower-cased, and "lc-norm-tok": on
text that is lower-cased, its punctuation normalised and tokenised as Moses does, which is how scores on Multi30k are
usually given. The last line is one JSON object. `--together` makes one ensemble of all models.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from synthetic import machine

from seq2seq import console
from seq2seq.bundle import open_bundle
from seq2seq.corpus.files import read_lines
from seq2seq.device import physical_cores
from seq2seq.errors import Seq2SeqError, UserError
from seq2seq.evaluation.metrics import score
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.schema import Search
from seq2seq.translator import Translator, load


def moses(lines: Sequence[str], language: str) -> list[str]:
    """Returns the lines lower-cased, normalised and tokenised, as the files of published results are."""
    from sacremoses import MosesPunctNormalizer, MosesTokenizer

    normalise, tokenise = MosesPunctNormalizer(language).normalize, MosesTokenizer(language).tokenize
    return [tokenise(normalise(line.lower()), return_str=True) for line in lines]


def scores(hypotheses: list[str], references: list[str], language: str, tokenize: str) -> dict[str, dict[str, Any]]:
    """Returns each score by its name, with its signature; of tokenised text, that of its own tokens."""
    if tokenize == "none":
        return {"tokenised": _bleu(hypotheses, references, tokenize="none")}
    return {
        "cased": _bleu(hypotheses, references, tokenize=tokenize, lowercase=False),
        "lower-cased": _bleu(hypotheses, references, tokenize=tokenize, lowercase=True),
        "lc-norm-tok": _bleu(
            moses(hypotheses, language), moses(references, language), tokenize="none", lowercase=False
        ),
    }


def _bleu(hypotheses: list[str], references: list[str], *, tokenize: str, lowercase: bool = False) -> dict[str, Any]:
    (found,) = score(hypotheses, references, metrics=["bleu"], tokenize=tokenize, lowercase=lowercase, bootstrap=1000)
    return {"bleu": round(found.value, 2), "interval": [found.low, found.high], "signature": found.signature}


def systems(given: argparse.Namespace, sources: list[str]) -> Iterator[tuple[str, list[str], float]]:
    """Gives the name of each system, its translations, and the seconds that they took; 0 of a file."""
    for path in given.hypotheses:
        yield str(path), list(read_lines(path)), 0.0
    for group in groups(given):
        texts, seconds = translated(group, sources, given)
        yield " + ".join(path.name if path.name != "bundle" else path.parent.name for path in group), texts, seconds


def groups(given: argparse.Namespace) -> list[list[Path]]:
    """Returns the models of each system."""
    if given.together:
        return [given.model] if given.model else []
    return [[path] for path in given.model]


def aligned(splits: Sequence[Sequence[Path]]) -> tuple[list[str], list[str]]:
    """Returns the sources and the references of several splits, as one set.

    Raises:
        UserError: A file cannot be read, or the two of a split have not as many lines. Sums of several splits might
            be equal all the same, and all that is between them would be scored against other sentences.
    """
    sources: list[str] = []
    references: list[str] = []
    for source, reference in splits:
        one, other = list(read_lines(source)), list(read_lines(reference))
        if len(one) != len(other):
            raise UserError(
                f"{source} has {len(one):,} lines, and {reference} has {len(other):,}.",
                hint="Line n of the one must be the translation of line n of the other: look for a lost or added line.",
            )
        sources, references = sources + one, references + other
    return sources, references


def check_systems(systems: Sequence[Sequence[Path]], sources: Sequence[str], given: argparse.Namespace) -> None:
    """Tries every system on one sentence, so that a mistake is told before the first one translates for hours.

    Raises:
        UserError: There is no such model, it is damaged, it cannot translate with the others of its system or with the
            engine, or a setting is wrong.
    """
    for group in systems:
        warm(group, sources, given)


def warm(group: Sequence[Path], sources: Sequence[str], given: argparse.Namespace) -> tuple[Translator, Search]:
    """Returns models as one translator that has translated its first sentence, and how they are to search."""
    translator = load([str(path) for path in group], engine=given.engine, device="cpu", threads=given.threads)
    settings = apply_overrides(open_bundle(group[0]).recipe, given.set).search
    list(translator.translate_stream(sources[:1], settings))
    return translator, settings


def translated(group: Sequence[Path], sources: list[str], given: argparse.Namespace) -> tuple[list[str], float]:
    """Returns what models make of the sources together, and the seconds that it took once they were warm."""
    translator, settings = warm(group, sources, given)
    begin = time.perf_counter()
    texts = [one.text for one in translator.translate_stream(sources, settings)]
    return texts, time.perf_counter() - begin


def parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Returns the command line, with the options of how to translate beside those that `parser` has."""
    parser.add_argument("--engine", default="onnx-fp32")
    parser.add_argument("--set", action="append", default=[], help="of [search]")
    parser.add_argument("--threads", type=int, default=0, help="0: all physical cores")
    given = parser.parse_args()
    given.threads = given.threads or physical_cores()
    return given


def spread(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Returns mean, standard deviation and range of each score over the systems."""
    table = {}
    for name in results[0]["scores"]:
        values = [result["scores"][name]["bleu"] for result in results]
        deviation = statistics.stdev(values) if len(values) > 1 else None
        table[name] = {
            "mean": round(statistics.mean(values), 2),
            "deviation": None if deviation is None else round(deviation, 2),
            "range": [min(values), max(values)],
        }
    return table


def check_hypotheses(paths: Sequence[Path], references: Sequence[str]) -> None:
    """Refuses files of translations that have not a line for each reference.

    Raises:
        UserError: One has not, or cannot be read.
    """
    for path in paths:
        count = sum(1 for _ in read_lines(path))
        if count != len(references):
            raise UserError(
                f"{path} has {count:,} translations, and there are {len(references):,} references.",
                hint="Line n must be the translation of line n of the source: look for a lost or added line.",
            )


def compare(given: argparse.Namespace) -> None:
    """Scores all systems, and prints what is found."""
    sources, references = aligned([given.split])
    check_hypotheses(given.hypotheses, references)
    scores(references[:1], references[:1], given.language, given.tokenize)  # a wrong tokenizer is told now
    check_systems(groups(given), sources, given)
    results = []
    for name, texts, seconds in systems(given, sources):
        found = scores(texts, references, given.language, given.tokenize)
        results.append({"system": name, "scores": found, "seconds": round(seconds, 1)})
        print(name, *(f"{key} {value['bleu']:.2f}" for key, value in found.items()), sep="  ")
    signatures = {key: value["signature"] for key, value in results[0]["scores"].items()}
    print(
        json.dumps(
            {
                "sentences": len(sources),
                "settings": given.set,
                "engine": given.engine,
                "systems": results,
                "all": spread(results),
                "signatures": signatures,
                "machine": machine(),
            }
        )
    )


def told(work: Callable[[], None]) -> None:
    """Does the work; what a person did wrong is told without a traceback, and ends it with exit code 2."""
    try:
        work()
    except Seq2SeqError as error:
        console.show_error(error)
        sys.exit(error.exit_code)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", type=Path, action="extend", nargs="+", default=[])
    parser.add_argument("--hypotheses", type=Path, action="extend", nargs="+", default=[], help="files of translations")
    parser.add_argument("--together", action="store_true", help="one ensemble of all models")
    parser.add_argument("--split", type=Path, nargs=2, required=True, metavar=("SOURCE", "REFERENCE"))
    parser.add_argument("--language", default="de", help="the target's, which Moses' tokenizer asks for")
    parser.add_argument("--tokenize", default="13a", help="none: the text is tokenised already")
    given = parse(parser)
    if not given.model and not given.hypotheses:
        parser.error("give --model or --hypotheses")
    told(lambda: compare(given))


if __name__ == "__main__":
    main()
