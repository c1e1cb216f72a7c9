"""What prepare tells: counts, drops with examples, choices with reasons, and what training will take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seq2seq import console

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seq2seq.pipeline.estimate import Estimate
    from seq2seq.pipeline.prepare import Prepared

MEGABYTE = 1e6


def report(done: Prepared, *, device: str, threads: int, as_json: bool) -> None:
    """Writes the report to stdout, as tables or as one line of JSON."""
    estimate = _estimate(done, device, threads)
    if as_json:
        console.emit_json(
            {"run": done.run.path, "changed": done.changed, "estimate": estimate.to_dict(), **done.manifest}
        )
        return
    manifest = done.manifest
    console.emit(f"{manifest['name']}: {manifest['source_language']} to {manifest['target_language']}")
    for line in [*_splits(manifest), *_drops(manifest), *_reasons(manifest, done), *_takes(estimate)]:
        console.emit(line)
    console.emit(f"\nTrain it: seq2seq train {done.run.path}")


def _estimate(done: Prepared, device: str, threads: int) -> Estimate:
    from seq2seq.data.store import Store
    from seq2seq.device import choose_device
    from seq2seq.pipeline.estimate import estimate
    from seq2seq.recipe.toml import load_recipe
    from seq2seq.text.pairs import TokenizerPair

    run = done.run
    return estimate(
        load_recipe(run.recipe),
        Store(run.split("train")),
        TokenizerPair.load(run.tokenizers),
        device=choose_device(device, threads=threads),
    )


def _splits(manifest: Mapping[str, Any]) -> list[str]:
    lines = ["", f"{'split':<14}{'pairs':>10}{'source tokens':>16}{'target tokens':>16}{'longest':>9}"]
    for name, counts in manifest["splits"].items():
        longest = max(counts["longest_source"], counts["longest_target"])
        lines.append(
            f"{name:<14}{counts['pairs']:>10,}{counts['source_tokens']:>16,}{counts['target_tokens']:>16,}{longest:>9,}"
        )
    return lines


def _drops(manifest: Mapping[str, Any]) -> list[str]:
    lines = []
    for split, cleaning in manifest["cleaning"].items():
        for reason, drops in cleaning["dropped"].items():
            lines.append(f"dropped from {split}: {drops['count']:,} ({reason})")
            for example in drops["examples"]:
                lines.append(f"  line {example['line']}: {example['source']!r} | {example['target']!r}")
    return ["", *lines] if lines else []


def _reasons(manifest: Mapping[str, Any], done: Prepared) -> list[str]:
    if not manifest["reasons"]:
        return []
    from seq2seq.pipeline.reasons import fitting, values
    from seq2seq.recipe.toml import load_recipe

    recipe = load_recipe(done.run.recipe)
    shown = values(recipe, manifest["reasons"])
    lines = ["", f"Chosen for you (change any in {done.run.recipe}, or with --set):"]
    for trail, reason in fitting(manifest["reasons"], manifest.get("chosen", {}), recipe).items():
        value = shown[trail]
        lines.append(f"  {trail} = {value.get('name', value) if isinstance(value, dict) else value}: {reason}")
    return lines


def _takes(estimate: Estimate) -> list[str]:
    minutes = estimate.seconds / 60
    how_long = f"{minutes:,.0f} minutes" if minutes < 90 else f"{minutes / 60:,.1f} hours"
    updates = f"{estimate.updates:,} updates" if estimate.updates else "a time budget"
    return [
        "",
        f"Training will take about {how_long} on this machine ({updates}, "
        f"{estimate.tokens_per_second:,.0f} target tokens/s in {estimate.precision}, measured just now),",
        f"{estimate.memory_bytes / MEGABYTE:,.0f} MB of memory and {estimate.disk_bytes / MEGABYTE:,.0f} MB of disk "
        f"for {estimate.parameters:,} parameters.",
    ]
