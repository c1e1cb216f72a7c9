"""seq2seq distill."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seq2seq.cli.ensembles import WeightsOption, WithOption
from seq2seq.cli.options import (
    Device,
    DeviceOption,
    EngineOption,
    JsonOption,
    SetOption,
    ThreadsOption,
)
from seq2seq.cli.synthetic import (
    SEARCHING,
    BeamOption,
    MaxCopiedOption,
    MaxRatioOption,
    MinutesOption,
    ResumeOption,
    RunOption,
    TrainOption,
)
from seq2seq.engines.names import EngineName

EXAMPLES = (
    ("seq2seq distill runs/one --with runs/two --with runs/three --run runs/student", "one model of three"),
    ("seq2seq distill runs/one --with runs/two --run runs/student --resume", "go on after an interruption"),
    ("seq2seq distill runs/big --run runs/small --set model.decoder_size=256", "a smaller model of a larger one"),
    ("seq2seq distill runs/one --nearest 8", "of 8 translations learn the one most like the reference"),
    ("seq2seq distill runs/one --source more.en.gz --weight 0.5", "from text that has no translation yet"),
)


def distill(
    teacher: Annotated[
        Path,
        typer.Argument(
            metavar="TEACHER",
            help="A run's folder, a run's name under runs/, or a bundle's folder; with --with, the first of several.",
            show_default=False,
        ),
    ],
    run: RunOption = None,
    of: Annotated[
        Path | None,
        typer.Option("--of", metavar="RUN", help="Whose pairs, vocabulary and test sets to take. Default: TEACHER's."),
    ] = None,
    source: Annotated[
        list[Path] | None,
        typer.Option(
            "--source", help="Translate this text in the place of the run's sources. May be given several times."
        ),
    ] = None,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep-originals/--only-distilled", help="Whether the student learns from the original pairs too."
        ),
    ] = True,
    weight: Annotated[
        float | None,
        typer.Option(
            "--weight",
            min=0.001,
            help="How often a distilled pair is drawn; an original one counts 1. Default: as often.",
        ),
    ] = None,
    others: WithOption = None,
    weights: WeightsOption = "",
    beam: BeamOption = None,
    nearest: Annotated[
        int,
        typer.Option(
            "--nearest",
            metavar="N",
            min=0,
            help="Of the N likeliest translations (at least 2) take the one most like the reference; 0: the likeliest.",
            rich_help_panel=SEARCHING,
        ),
    ] = 0,
    max_ratio: MaxRatioOption = 3.0,
    max_copied: MaxCopiedOption = 0.5,
    minutes: MinutesOption = None,
    resume: ResumeOption = False,
    train: TrainOption = False,
    engine: EngineOption = EngineName.AUTO,
    device: DeviceOption = Device.AUTO,
    threads: ThreadsOption = 0,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Teach one fast model what several, or a slower one, know.

    TEACHER, or all models together, translate the sources of TEACHER's training set, and a new run is prepared in which
    a student learns from these translations and from the original pairs. Its vocabulary, development and test sets are
    TEACHER's, so scores can be compared. Settings are TEACHER's too, but for those changed with --set: passes are over
    all pairs and read the original ones no more often than before, so as many distilled pairs make twice the updates;
    limits by updates and minutes stay.

    Ctrl-C keeps what was translated; --resume goes on from there. The texts lie in the new run's folder text/.
    """
    from seq2seq.cli.ensembles import open_models
    from seq2seq.cli.synthetic import author, by_beam, tell
    from seq2seq.corpus.files import require_file
    from seq2seq.pipeline.synthetic.distill import COMMAND, Wish
    from seq2seq.pipeline.synthetic.distill import distill as run_distillation
    from seq2seq.pipeline.synthetic.place import new_run, run_with_pairs
    from seq2seq.pipeline.synthetic.sieving import Sieve

    for path in source or []:
        require_file(path)
    models = open_models(teacher, others, weights)
    pairs = run_with_pairs(models.first, of)
    new = new_run(run, pairs, "distilled", by=COMMAND)
    search = by_beam(beam)
    done = run_distillation(
        author(models, search, engine=engine.value, device=device.value, threads=threads),
        pairs,
        new,
        Wish(tuple(source or ()), keep, weight, nearest, Sieve(max_ratio, max_copied)),
        minutes=minutes,
        settings=settings or [],
        resume=resume,
        threads=threads,
    )
    tell(done, wrote="sources", device=device.value, threads=threads, as_json=as_json, train=train)
