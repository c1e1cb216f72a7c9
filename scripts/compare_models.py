"""Compares groups of models, each the seeds of one setting, on the same sentences: means, spreads and what is chance.

Usage: python scripts/compare_models.py --split SOURCE REFERENCE [--split ...] --group NAME MODEL [MODEL ...]
           --group NAME MODEL [MODEL ...] [...] [--share-of NAME] [--set search.mbr=20 ...] [--engine onnx-fp32]
           [--threads N]

The splits are one test set, and the first group is what all others are compared with. Models joined by "+" translate
together, as one system: --group four one+two+three+four. p is the ablations': how often chance, which drew the
sentences and the seeds, gives a difference as large, and Holm's is adjusted for the number of groups (see
ablation_report.py); where no group has two systems, p is of the sentences alone, and is marked. With `--share-of`, each
row says how much of what that group gains over the first it gains itself. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ablation_report import Report, Side, about_p, adjust, p_cell, rounded
from published_scores import aligned, check_systems, parse, told, translated
from synthetic import machine

from seq2seq.bundle import open_bundle
from seq2seq.evaluation.metrics import score
from seq2seq.recipe.schema import Evaluation


def scored(hypotheses: list[str], references: list[str], rules: Evaluation) -> dict[str, Any]:
    """Returns a system's run, as the ablations' report wants it."""
    bleu, chrf = score(
        hypotheses,
        references,
        metrics=["bleu", "chrf"],
        tokenize=rules.tokenize,
        lowercase=rules.lowercase,
        bootstrap=0,
    )
    return {
        "bleu": bleu.value,
        "chrf": chrf.value,
        "signatures": [bleu.signature, chrf.signature],
        "hypotheses": hypotheses,
        "references": references,
    }


def compared(sides: Sequence[Side], rules: Evaluation, share_of: str | None) -> list[dict[str, Any]]:
    """Returns a row a side; the first is what the others are compared with."""
    report = Report(rules)
    first = sides[0]
    spread, _ = report.spreads(sides, first)
    before = list(first.runs.values())
    tests = {side.name: report.tested(before, list(side.runs.values()), spread) for side in sides[1:]}
    whole = tests[share_of][0] if share_of else None
    rows = []
    for side in sides:
        difference, p_value = tests.get(side.name, (None, None))
        share = difference / whole if whole and difference is not None else None
        rows.append(
            {
                "name": side.name,
                "bleu": [round(run["bleu"], 2) for run in side.runs.values()],
                "mean": round(side.mean("bleu"), 2),
                "spread": rounded(side.spread("bleu"), 2),
                "chrf": round(side.mean("chrf"), 2),
                "difference": rounded(difference, 2),
                "p_value": p_value,
                "p_holm": None,
                "seed_spread": round(math.sqrt(spread.variance), 3) if spread.degrees else None,
                "seed_degrees": spread.degrees,
                "share": rounded(share, 2),
                "sentences_per_second": round(side.mean("speed"), 1),
            }
        )
    adjust(rows)
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Returns the rows as Markdown."""
    lines = [
        "| models | BLEU | each | chrF | difference | p | Holm | share | sentences/s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        spread = "" if row["spread"] is None else f" ± {row['spread']:.2f}"
        cells = [
            row["name"],
            f"{row['mean']:.2f}{spread}",
            ", ".join(f"{bleu:.2f}" for bleu in row["bleu"]),
            f"{row['chrf']:.2f}",
            "" if row["difference"] is None else f"{row['difference']:+.2f}",
            p_cell(row, "p_value"),
            p_cell(row, "p_holm"),
            "" if row["share"] is None else f"{row['share']:.0%}",
            f"{row['sentences_per_second']:.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def groups(parser: argparse.ArgumentParser, given: argparse.Namespace) -> dict[str, list[list[Path]]]:
    """Returns the systems of each group, by its name and in the order given; a system is one model or more."""
    found: dict[str, list[list[Path]]] = {}
    for name, *systems in given.group:
        if not systems:
            parser.error(f"--group {name}: name its models after it")
        if name in found:
            parser.error(f"two groups are called {name}")
        found[name] = [[Path(path) for path in system.split("+")] for system in systems]
    if len(found) < 2:
        parser.error("give two groups or more: --group NAME MODEL [MODEL ...]")
    if given.share_of and given.share_of not in list(found)[1:]:
        parser.error(f"--share-of {given.share_of}: that is none of the groups after the first")
    return found


def compare(given: argparse.Namespace, systems: Mapping[str, Sequence[Sequence[Path]]]) -> None:
    """Translates with all systems, and prints what is found."""
    sources, references = aligned(given.split)
    rules = open_bundle(next(iter(systems.values()))[0][0]).recipe.evaluation
    scored(references[:1], references[:1], rules)  # a tokenizer that is not installed is told now
    check_systems([paths for group in systems.values() for paths in group], sources, given)
    sides = []
    for name, group in systems.items():
        runs = {}
        for seed, paths in enumerate(group):
            texts, seconds = translated(paths, sources, given)
            runs[seed] = {**scored(texts, references, rules), "speed": len(sources) / seconds}
        sides.append(Side(name, (), runs))
    rows = compared(sides, rules, given.share_of)
    print(table(rows))
    print(about_p(rows))
    print(
        json.dumps(
            {
                "sentences": len(sources),
                "settings": given.set,
                "engine": given.engine,
                "threads": given.threads,
                "groups": rows,
                "signatures": sides[0].runs[0]["signatures"],
                "machine": machine(),
            }
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--split", type=Path, nargs=2, action="append", required=True, metavar=("SOURCE", "REFERENCE"))
    parser.add_argument("--group", nargs="+", action="append", required=True, metavar=("NAME", "MODEL"))
    parser.add_argument("--share-of", metavar="NAME", help="of whose gain to say how much each group has")
    given = parse(parser)
    systems = groups(parser, given)
    told(lambda: compare(given, systems))


if __name__ == "__main__":
    main()
