"""seq2seq finetune."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seq2seq.cli.corpus_options import (
    HubCopyOption,
    HubOption,
    JsonlOption,
    NewSourceOption,
    TargetOption,
    TmxOption,
    TsvOption,
)
from seq2seq.cli.options import Device, DeviceOption, JsonOption, ModelArgument, SetOption, ThreadsOption

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seq2seq.bundle import Bundle, RunFolder
    from seq2seq.pipeline.finetune.new_text import NewText
    from seq2seq.pipeline.prepare.prepare import Prepared
    from seq2seq.pipeline.train.train import Trained
    from seq2seq.recipe.schema import Data

EXAMPLES = (
    ("seq2seq finetune mine --source letters.en --target letters.de --run runs/letters", "go on with your own text"),
    ("seq2seq finetune mine --tsv terms.tsv --old-share 0.8", "learn a few pairs, and stay close to the old text"),
    ("seq2seq finetune bundles/mine --tsv terms.tsv --set training.hold=200", "from a bundle alone, held tightly"),
    ("seq2seq finetune mine --tsv terms.tsv --prepare-only", "see what would be done, and train later"),
    ("seq2seq finetune mine --tsv terms.tsv --resume", "go on where it stopped"),
    ("seq2seq evaluate runs/letters --against mine", "did it help? new test set and old one, with significance"),
)
SPREAD_TOKENS = 3.0
"""Tokens a word from which a vocabulary is said to be made for other text."""
UNKNOWN_SHARE = 0.02


def finetune(
    model: ModelArgument,
    source: NewSourceOption = None,
    target: TargetOption = None,
    tsv: TsvOption = None,
    jsonl: JsonlOption = None,
    tmx: TmxOption = None,
    hub: HubOption = "",
    data: HubCopyOption = None,
    run: Annotated[
        Path | None,
        typer.Option("--run", help="The folder to make. Default: runs/ and MODEL's name with -finetuned."),
    ] = None,
    old: Annotated[
        Path | None,
        typer.Option("--old", metavar="RUN", help="The run that made MODEL. Default: the one that its bundle lies in."),
    ] = None,
    old_share: Annotated[
        float | None,
        typer.Option(
            "--old-share",
            min=0.0,
            max=0.95,
            help="Share of the pairs learned from that are old ones. Default: 0.5 where the old run is at hand. At 0 "
            "the old weights are held on to instead ([bold]training.hold[/]).",
            show_default=False,
        ),
    ] = None,
    minutes: Annotated[float | None, typer.Option("--minutes", min=0.1, help="How long training may take.")] = None,
    prepare_only: Annotated[
        bool, typer.Option("--prepare-only", help="Make the run and stop; train it with: seq2seq train RUN.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on from the last checkpoint. Name MODEL and the text again; what else was said before stays.",
        ),
    ] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Forget the fine-tuning so far and start again.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Prepare again, and drop a training on other text.")] = False,
    device: DeviceOption = Device.AUTO,
    threads: ThreadsOption = 0,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go on training a translator on new text, without forgetting the old.

    Makes a new run with MODEL's vocabulary and network, and trains it from MODEL's weights at a lower rate. MODEL
    itself stays as it is. Where the run that made it is at hand, old pairs are mixed in (of a large run as many as
    training reads, drawn from all of it), and its development and test sets become sets of the new run too
    (old-development, old-test); otherwise the weights are pulled back to MODEL's.
    Training ends where the new text is translated no better any more; the best model is kept, which is MODEL itself
    where nothing helped. Shows what the new and the old text gained or lost.

    The new text is in MODEL's direction: --source holds what it translates from.
    """
    from seq2seq.bundle import RUNS, RunFolder, open_bundle
    from seq2seq.pipeline.finetune.finetune import Wish, prepare_finetuning
    from seq2seq.pipeline.finetune.model import model_name
    from seq2seq.pipeline.train.train import train as run_training
    from seq2seq.recipe.toml import load_recipe

    _check_going_on(resume=resume, restart=restart, force=force)
    bundle = open_bundle(model)
    given = {"--source": source, "--tsv": tsv, "--jsonl": jsonl, "--tmx": tmx, "--hub": hub}
    text = _text(bundle, given, target, data)
    name = run.name if run else f"{model_name(bundle)}-finetuned"
    folder = RunFolder(run or RUNS / name)
    options = {
        **{"--source": source, "--target": target, "--tsv": tsv, "--jsonl": jsonl, "--tmx": tmx, "--hub": hub},
        **{"--data": data, "--run": folder.path, "--old": old, "--old-share": old_share, "--minutes": minutes},
    }
    command = _command(model, options, settings or [])
    wish = Wish(bundle, text, data, name, old, old_share, minutes, settings or [], command)
    ready = prepare_finetuning(wish, folder, resume=resume, restart=restart, force=force, threads=threads)
    prepared = ready.prepared
    if prepared.changed:
        _tell_fit(ready.measured, ready.tokenizer)
    if prepare_only:
        from seq2seq.cli.prepare_report import report

        report(prepared, device=device.value, threads=threads, as_json=as_json)
        return
    if prepared.changed or prepared.settings_changed:
        _tell_prepared(prepared)
    done = run_training(
        load_recipe(folder.recipe), folder, resume=resume, restart=restart, device=device.value, threads=threads
    )
    _say_result(folder, model, done, as_json=as_json)
    if not done.finished:
        raise typer.Exit(130)


def _check_going_on(*, resume: bool, restart: bool, force: bool) -> None:
    """Refuses --resume beside what begins anew."""
    from seq2seq.errors import UserError

    if resume and restart:
        raise UserError("--resume and --restart contradict each other.", hint="Give one of them.")
    if resume and force:  # the training would be dropped that is to go on
        raise UserError("--resume and --force contradict each other.", hint="Give one of them.")


def _text(bundle: Bundle, given: dict[str, Path | str | None], target: Path | None, folder: Path | None) -> Data:
    """Returns what the options say of the new text."""
    from seq2seq.corpus.files import require_file
    from seq2seq.errors import UserError
    from seq2seq.pipeline.finetune.new_text import described
    from seq2seq.pipeline.prepare.sources import check_name

    named = [name for name, value in given.items() if value]
    if len(named) != 1:
        found = " and ".join(named) if named else "nothing"
        raise UserError(
            f"finetune needs one new text, and was given {found}.",
            hint="Give --source and --target, or one of --tsv, --jsonl, --tmx and --hub.",
        )
    kind = named[0]
    if kind == "--source" and target is None:
        raise UserError("--source needs --target.", hint="For one file with both languages use --tsv.")
    for option, value, use in (("--target", target, "--source"), ("--data", folder, "--hub")):
        if value and kind != use:
            raise UserError(f"{option} does nothing with {kind}.", hint=f"Leave out {option}, or see --help.")
    first = given[kind]
    if not isinstance(first, Path):
        return described(bundle, reader="hub", hub=str(first))
    files = [first, *([target] if target else [])]
    for path in files:
        require_file(path)
        check_name(path)
    return described(bundle, reader="aligned" if kind == "--source" else kind.removeprefix("--"), files=files)


def _command(model: Path, options: Mapping[str, object], settings: list[str]) -> str:
    """Returns what makes the run again."""
    from seq2seq import console

    parts = ["seq2seq", "finetune", str(model)]
    for name, value in options.items():
        if value is not None and value != "":
            parts += [name, str(value)]
    return console.quoted(*parts, *(part for one in settings for part in ("--set", one)))


def _tell_fit(measured: NewText, tokenizer: str) -> None:
    """Warns where the vocabulary was made for quite other text: no training mends that."""
    from seq2seq import console

    for side, tokens in (("source", measured.source_tokens_a_word), ("target", measured.target_tokens_a_word)):
        if tokenizer == "sentencepiece" and tokens > SPREAD_TOKENS:  # characters are as many in any text
            console.warn(
                f"the model's vocabulary cuts a word of the new {side} text into {tokens:.1f} tokens on average: it "
                "was made for other text. A model of its own (seq2seq prepare) may do better, given enough pairs."
            )
    if measured.unknown > UNKNOWN_SHARE:
        console.warn(
            f"{measured.unknown:.0%} of the new text is not in the model's vocabulary, and cannot be learned: only a "
            "model of its own (seq2seq prepare) has all words."
        )


def _tell_prepared(done: Prepared) -> None:
    """Says what will be learned from, and why so."""
    from seq2seq import console
    from seq2seq.data.mixing import epoch_counts

    manifest = done.manifest
    for name, counts in manifest.splits.items():
        console.say(f"{name}: {counts.pairs:,} pairs")
    corpora = manifest.corpora
    if len(corpora) > 1:
        drawn = epoch_counts([one.pairs for one in corpora], [one.weight for one in corpora], 1.0)
        for corpus, count in zip(corpora, drawn, strict=True):
            share = count / max(1, sum(drawn))
            console.say(f"  {share:.0%} of what is learned from: {corpus.name}, {corpus.pairs:,} pairs")
    for trail, value in (manifest.chosen or {}).items():
        shown = value.get("name", value) if isinstance(value, dict) else value
        console.say(f"{trail} = {shown}: {manifest.reasons[trail]}")


def _say_result(folder: RunFolder, model: Path, done: Trained, *, as_json: bool) -> None:
    from seq2seq import console
    from seq2seq.cli.second_stage import stopped_at
    from seq2seq.pipeline.finetune.scores import before_and_after

    # Where the second stage found a better model, that is the one that was kept.
    scores = before_and_after(folder, done.counters.best_update, refined=done.refined.best if done.refined else {})
    if as_json:
        console.emit_json(
            {
                "run": folder.path,
                "bundle": folder.bundle,
                "finished": done.finished,
                "updates": done.counters.update,
                "kept_update": done.counters.best_update,
                "seconds": round(done.seconds, 1),
                "scores": scores,
                **({"refined": done.refined.to_dict()} if done.refined is not None else {}),
            }
        )
    else:
        _show_scores(scores)
    if not done.finished:
        console.say(f"Stopped after {stopped_at(done)}. Go on with: seq2seq train {_quoted(folder)} --resume")
    elif not as_json:
        _say_kept(model, done)
        console.say(f"Did it help? seq2seq evaluate {_quoted(folder)} --against {console.quoted(model)}")


def _show_scores(scores: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
    """Prints what the new and the old text gained or lost."""
    from seq2seq import console

    if scores:
        console.emit(f"{'development':<13}{'':<7}{'before':>9}{'after':>9}{'gained':>9}")
    for text, told in scores.items():
        for label, name in (("BLEU", "bleu"), ("chrF", "chrf"), ("loss", "loss")):
            values = [told[when][name] for when in ("before", "after") if when in told]
            gained = f"{values[1] - values[0]:>+9.2f}" if len(values) == 2 else ""
            console.emit(f"{text + ' text':<13}{label:<7}" + "".join(f"{value:>9.2f}" for value in values) + gained)


def _say_kept(model: Path, done: Trained) -> None:
    """Says which weights the bundle holds."""
    from seq2seq import console
    from seq2seq.cli.second_stage import refined

    kept = done.counters.best_update
    weights = f"the weights of update {kept:,} of {done.counters.update:,}"
    if done.refined is not None:
        console.say(f"The second stage began with {weights if kept else f'{model} as it was'}.")
        console.say(refined(done.refined))
    elif kept:
        console.say(f"Kept {weights}.")
    else:
        console.say(f"No update translated the new text better: what is kept is {model} as it was.")


def _quoted(folder: RunFolder) -> str:
    from seq2seq import console

    return console.quoted(folder.path)
