"""What prepare tells: counts, drops with examples, choices with reasons, and what training will take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seq2seq import console
from seq2seq.errors import is_out_of_memory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seq2seq.bundle import RunFolder
    from seq2seq.corpus.doctor.examination import Finding
    from seq2seq.manifest import CountedPairs, Manifest
    from seq2seq.pipeline.prepare.prepare import Prepared
    from seq2seq.pipeline.prepare.prepare_shard import PreparedShard
    from seq2seq.pipeline.train.estimate import Estimate

MEGABYTE = 1e6
NOTICED = {
    "known-target": "another source with the target of a development or test pair",
    "known-source": "the source of a development pair, by which the best model is chosen",
}


def report(done: Prepared, *, device: str, threads: int, as_json: bool) -> None:
    """Writes the report to stdout, as tables or as one line of JSON."""
    findings = _findings(done)
    estimate = _estimate(done, device, threads)
    corpora = _corpora(done)
    if as_json:
        found = {"findings": [finding.to_dict() for finding in findings]}
        console.emit_json(
            {
                "run": done.run.path,
                "changed": done.changed,
                "seconds": {phase: round(seconds, 3) for phase, seconds in done.seconds.items()},
                "estimate": estimate.to_dict() if estimate else None,
                **found,
                **done.manifest.to_dict(),
            }
        )
        return
    manifest = done.manifest
    console.emit(f"{manifest.name}: {manifest.source_language} to {manifest.target_language}")
    told = [*_splits(manifest), *corpora, *_drops(manifest), *_told(findings, done), *_reasons(manifest, done)]
    for line in [*told, *(_takes(estimate) if estimate else [])]:
        console.emit(line)
    console.emit(f"\nTrain it: seq2seq train {_quoted(done.run)}")


def report_shard(done: PreparedShard, run: RunFolder, *, as_json: bool) -> None:
    """Says what a shard is, and what is still to do."""
    from seq2seq.pipeline.prepare.shards.finding import missing

    facts, absent = done.facts, missing(run.path, done.shard.count)
    if as_json:
        written = facts.to_dict()
        told = {key: written[key] for key in ("shard", "shards", "corpora", "read", "kept", "dropped")}
        console.emit_json({"run": run.path, "folder": done.path, "changed": done.changed, "missing": absent, **told})
        return
    pairs = sum(corpus.pairs for corpus in facts.corpora)
    console.emit(
        f"shard {done.shard}: of {pairs:,} pairs {facts.read:,} are its own; {facts.kept:,} are left to be "
        f"merged, in {done.path}" + ("" if done.changed else " (nothing changed, nothing done)")
    )
    for reason, drops in facts.dropped.items():
        console.emit(f"dropped: {drops.count:,} ({reason})")
    if absent:
        console.emit(f"Not in {run.path} yet: shard {', '.join(map(str, absent))}.")
    else:
        console.emit("All shards are there. Give the same command with --merge in the place of --shard.")


def _quoted(run: RunFolder) -> str:
    """Returns the run's folder as a shell reads it."""
    return console.quoted(run.path)


def _findings(done: Prepared) -> tuple[Finding, ...]:
    """What the doctor finds in the training pairs, or of a large corpus in a sample of them."""
    from seq2seq.pipeline.prepare.inspect import inspect_run

    return inspect_run(done.run, short=True).diagnosis.of_weight()


def _told(findings: Sequence[Finding], done: Prepared) -> list[str]:
    if not findings:
        return []
    lines = ["", "Look at this before you train:"]
    lines += [f"  {finding.severity.value}: {finding.message}" for finding in findings]
    return [*lines, f"  See all, with lines and what to do: seq2seq inspect {_quoted(done.run)}"]


def _estimate(done: Prepared, device: str, threads: int) -> Estimate | None:
    """What the training will take; None, with a warning, where memory is too short to try: the run is ready."""
    from seq2seq.data.store import Store
    from seq2seq.device import choose_device
    from seq2seq.pipeline.train.estimate import estimate
    from seq2seq.recipe.toml import load_recipe
    from seq2seq.text.pairs import TokenizerPair

    run = done.run
    try:
        return estimate(
            load_recipe(run.recipe),
            Store(run.split("train")),
            TokenizerPair.load(run.tokenizers),
            device=choose_device(device, threads=threads),
            corpora=[(corpus.pairs, corpus.weight) for corpus in done.manifest.corpora],
            epoch_pairs=done.manifest.epoch_pairs,
        )
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    console.warn(
        "How long training will take was not measured: memory is too short for a whole batch of this network. Training "
        "reads it in pieces that fit; a smaller training.batch_tokens avoids it."
    )
    return None


def _splits(manifest: Manifest) -> list[str]:
    lines = ["", f"{'split':<14}{'pairs':>10}{'source tokens':>16}{'target tokens':>16}{'longest':>9}"]
    for name, counts in manifest.splits.items():
        longest = max(counts.longest_source, counts.longest_target)
        lines.append(
            f"{name:<14}{counts.pairs:>10,}{counts.source_tokens:>16,}{counts.target_tokens:>16,}{longest:>9,}"
        )
    return lines


def _corpora(done: Prepared) -> list[str]:
    """Says of each of several corpora what it gives, and warns of one that gives nothing."""
    corpora = done.manifest.corpora
    if len(corpora) < 2:
        return []
    from seq2seq.data.mixing import epoch_counts
    from seq2seq.recipe.toml import load_recipe

    sizes, weights = [one.pairs for one in corpora], [one.weight for one in corpora]
    temperature = load_recipe(done.run.recipe).data.temperature
    rows = epoch_counts(sizes, weights, temperature, length=done.manifest.epoch_pairs)
    lines = ["", f"{'corpus':<24}{'pairs kept':>12}{'weight':>9}{'rows an epoch':>15}"]
    for name, pairs, weight, count in zip((one.name for one in corpora), sizes, weights, rows, strict=True):
        lines.append(f"{name:<24}{pairs:>12,}{weight:>9g}{count:>15,}")
        if not pairs:
            console.warn(
                f"no pair of the corpus {name} is left. Of a pair that several corpora have, the first one's is kept, "
                "and the first one's weight counts."
            )
        elif not count:
            console.warn(f"the corpus {name} gives no row to an epoch: its weight or data.temperature is too small.")
    return lines


def _drops(manifest: Manifest) -> list[str]:
    lines = []
    for split, cleaning in manifest.cleaning.items():
        for reason, drops in cleaning.dropped.items():
            lines += [f"dropped from {split}: {drops.count:,} ({reason})", *_examples(drops)]
        for what, pairs in (cleaning.noticed or {}).items():
            lines += [f"kept in {split}, but know: {pairs.count:,} ({NOTICED.get(what, what)})", *_examples(pairs)]
    return ["", *lines] if lines else []


def _examples(drops: CountedPairs) -> list[str]:
    return [
        f"  {example.corpus + ', ' if example.corpus else ''}line {example.line}: "
        f"{example.source!r} | {example.target!r}"
        for example in drops.examples
    ]


def _reasons(manifest: Manifest, done: Prepared) -> list[str]:
    if not manifest.reasons:
        return []
    from seq2seq.pipeline.prepare.reasons import fitting_of, values
    from seq2seq.recipe.toml import load_recipe

    recipe = load_recipe(done.run.recipe)
    shown = values(recipe, manifest.reasons)
    lines = [
        "",
        *([recipe.description] if recipe.description else []),
        f"Chosen for you (change any in {done.run.recipe}, or with --set):",
    ]
    for trail, reason in fitting_of(manifest, recipe).items():
        value = shown[trail]
        lines.append(f"  {trail} = {value.get('name', value) if isinstance(value, dict) else value}: {reason}")
    return lines


def _takes(estimate: Estimate) -> list[str]:
    minutes = estimate.seconds / 60
    how_long = (
        "a minute" if minutes < 1.5 else f"{minutes:,.0f} minutes" if minutes < 90 else f"{minutes / 60:,.1f} hours"
    )
    updates = f"{estimate.updates:,} updates, {estimate.passes:,.1f} passes"
    if estimate.refining_seconds:
        updates += f", then about {max(1, round(estimate.refining_seconds / 60)):,} minutes of minimum risk"
    return [
        "",
        f"Training will take about {how_long} on this machine ({updates}, "
        f"{estimate.tokens_per_second:,.0f} target tokens/s in {estimate.precision}, measured just now),",
        f"{estimate.memory_bytes / MEGABYTE:,.0f} MB of memory and {estimate.disk_bytes / MEGABYTE:,.0f} MB of disk "
        f"for {estimate.parameters:,} parameters.",
    ]
