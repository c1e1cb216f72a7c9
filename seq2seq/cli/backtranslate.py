"""seq2seq backtranslate."""

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
    ModelArgument,
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

LIKELIEST = 10
"""Words that `--sample` draws from: from all of them, what a model of a small corpus writes is no language."""
EXAMPLES = (
    ("seq2seq prepare runs/mine/recipe.toml --reverse --run runs/back", "first a model for the other direction …"),
    ("seq2seq train runs/back", "… which writes the sources"),
    ("seq2seq backtranslate runs/back --text mono.de.gz --of runs/mine --run runs/more", "then more pairs"),
    ("seq2seq backtranslate runs/back --text mono.de.gz --of runs/mine --run runs/more --sample", "less usual sources"),
    ("seq2seq backtranslate runs/back --text mono.de.gz --of runs/mine --run runs/more --resume", "go on"),
)


def backtranslate(
    model: ModelArgument,
    text: Annotated[
        list[Path],
        typer.Option("--text", help="Text in the target language, a sentence a line. May be given several times."),
    ],
    of: Annotated[
        Path,
        typer.Option("--of", metavar="RUN", help="Whose pairs, vocabulary and test sets the new run takes over."),
    ],
    run: RunOption = None,
    lines: Annotated[
        int, typer.Option("--lines", metavar="N", min=0, help="Take the first N sentences; 0 takes all.")
    ] = 0,
    tag: Annotated[
        str, typer.Option("--tag", help='What stands before each synthetic source; "" for nothing.')
    ] = "<bt>",
    weight: Annotated[
        float | None,
        typer.Option(
            "--weight",
            min=0.001,
            help="How often a synthetic pair is drawn; a genuine one counts 1. Default: so that there are at most two "
            "for each genuine one, with those that RUN already has.",
        ),
    ] = None,
    others: WithOption = None,
    weights: WeightsOption = "",
    beam: BeamOption = None,
    sample: Annotated[
        bool,
        typer.Option(
            "--sample",
            help=f"Draw each word by chance from the {LIKELIEST} likeliest (Edunov et al. 2018): more varied sources, "
            "with more mistakes.",
            rich_help_panel=SEARCHING,
        ),
    ] = False,
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
    """Make sentence pairs of text in the target language alone.

    MODEL translates the other way: it writes a source for each sentence of the text. Sentences of RUN's development and
    test sets are left out, and so are pairs that MODEL failed at. A new run is prepared of RUN's pairs and these, whose
    sources begin with a tag, so that the network knows which it reads. Vocabulary and test sets are RUN's, so scores
    can be compared. Settings are RUN's too, and RUN's pairs are read as often as before: training.max_epochs counts
    passes over all pairs and follows, unless it is set; limits by updates and minutes stay.

    Ctrl-C keeps what was translated; --resume goes on from there. The texts lie in the new run's folder text/.
    """
    from seq2seq.bundle import find_run
    from seq2seq.cli.ensembles import open_models
    from seq2seq.cli.synthetic import author, by_beam, tell
    from seq2seq.corpus.files import require_file
    from seq2seq.errors import UserError
    from seq2seq.pipeline.synthetic.backtranslate import COMMAND, Wish
    from seq2seq.pipeline.synthetic.backtranslate import backtranslate as run_backtranslation
    from seq2seq.pipeline.synthetic.place import new_run
    from seq2seq.pipeline.synthetic.sieving import Sieve

    if sample and beam:
        raise UserError("--sample and --beam contradict each other.", hint="Give one of them.")
    for path in text:
        require_file(path)
    models = open_models(model, others, weights)
    pairs = find_run(of)
    new = new_run(run, pairs, "backtranslated", by=COMMAND)
    # Of several samples the one most like the others would be what sampling is not wanted for.
    drawn = {"name": "sampling", "top_k": LIKELIEST, "mbr": 0}
    search = drawn if sample else by_beam(beam)
    done = run_backtranslation(
        author(models, search, engine=engine.value, device=device.value, threads=threads),
        pairs,
        new,
        Wish(tuple(text), lines, tag, weight, Sieve(max_ratio, max_copied)),
        minutes=minutes,
        settings=settings or [],
        resume=resume,
        threads=threads,
    )
    tell(done, wrote="sentences", device=device.value, threads=threads, as_json=as_json, train=train)
