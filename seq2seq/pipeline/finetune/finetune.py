"""finetune: a run that goes on from a model, on new text.

The new run has the model's vocabulary and network, and starts from its weights at a lower rate. What the model could
before is held on to in one of two ways: by old pairs among the new ones, where the run that made the model is at hand
(mixed fine-tuning, Chu et al. 2017), and otherwise by pulling the weights back to where they were (L2-SP, Li et al.
2018). The run's folder holds all of it, so that `seq2seq train` goes on in it like in any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as with_changes
from math import ceil, inf
from pathlib import Path
from shutil import copyfile
from typing import Any, Final, NamedTuple

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from seq2seq import console
from seq2seq.bundle import Bundle, RunFolder, find_run, run_owning
from seq2seq.corpus import fingerprints
from seq2seq.corpus.filters import count_words
from seq2seq.corpus.pair import Pair
from seq2seq.data.plan import shuffled
from seq2seq.data.store import Store
from seq2seq.errors import UserError
from seq2seq.folders import checksum
from seq2seq.manifest import Manifest, Start, StartingModel, StartInputs, TrainingCorpus
from seq2seq.pipeline.prepare import cleaning
from seq2seq.pipeline.prepare.automatic import asked, own_sets
from seq2seq.pipeline.prepare.basis import OLD, OLD_SCORES, Basis
from seq2seq.pipeline.prepare.gather import Gathered, Kept
from seq2seq.pipeline.prepare.sampled import sampled
from seq2seq.pipeline.prepare.sources import languages, open_sources
from seq2seq.pipeline.prepare.spool import BATCH_PAIRS, as_batch
from seq2seq.recipe.languages import guess_languages
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.presets import TEST_PURPOSE, Preset, held_out_size
from seq2seq.recipe.schema import Choice, Data, Recipe, Risk, Schedule, Training
from seq2seq.recipe.toml import load_recipe
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.special import UNK
from seq2seq.text.tagged import tags_of
from seq2seq.training.metrics_log import MetricsLog

OLD_SHARE: Final = 0.5
HOLD: Final = 50.0
"""From a caption translator to 2,000 sentences of conversation (60 updates at a tenth of its rate) the new text gained
0.73 nats a token, and the old lost 0.066, at 0; 0.72 and 0.059 at 10; 0.67 and 0.041 at 50; 0.49 and 0.015 at 200. Half
old pairs, in twice the updates, gained 0.73 and lost 0.013: they are much the better way where they are at hand."""
SPARE: Final = 1.2
"""Old pairs that are taken for each one that training is to read: it may be made longer."""
LEAST_PAIRS: Final = 3
# What does not change the shape of a weight, or what it means; all else in [model] is as the weights were trained.
FREE_MODEL_SETTINGS: Final = (
    "dropout",
    "recurrent_dropout",
    "recurrent_weight_dropout",
    "word_dropout",
    "target_word_dropout",
)
_LOOKS: Final = 10
_PATIENCE: Final = 4
_PURPOSES: Final = {
    "development": "kept from training to tell which weights translate the new text best",
    "test": TEST_PURPOSE,
}
_PLACE_IN_TRAIN: Final = np.uint64(2**64 - 1)  # the last of all places: splits are cut from the first ones


@dataclass(frozen=True)
class _Tier:
    """What suits new text of fewer pairs than `below`."""

    below: float
    phrase: str
    rate: float  # of the model's own peak rate
    passes: int  # over the new text


_TIERS: Final = (
    _Tier(1_000, "fewer than 1,000 pairs", 0.05, 20),
    _Tier(10_000, "1,000 to 10,000 pairs", 0.1, 10),
    _Tier(100_000, "10,000 to 100,000 pairs", 0.2, 6),
    _Tier(float("inf"), "100,000 pairs or more", 0.3, 3),
)


class NewText(NamedTuple):
    """New text in numbers, as the model's vocabulary cuts it.

    Attributes:
        num_pairs: Pairs with text on both sides.
        target_tokens: Of a target sentence on average, EOS counted.
        source_tokens_a_word: Tokens that a word of the source becomes, on average.
        target_tokens_a_word: Likewise of the target.
        unknown: Share of the tokens, of both sides, that stand for something the vocabulary does not have.
    """

    num_pairs: int
    target_tokens: float
    source_tokens_a_word: float
    target_tokens_a_word: float
    unknown: float


@dataclass(frozen=True)
class OldText:
    """What the run of a model was trained on.

    Attributes:
        run: The run.
        manifest: What it says of itself.
        sets: Its held-out sets, by the names they get in the new run.
    """

    run: RunFolder
    manifest: Manifest
    sets: dict[str, Path] = field(default_factory=dict)

    @property
    def temperature(self) -> float:
        """How even its corpora were drawn from."""
        return load_recipe(self.run.recipe).data.temperature

    @property
    def corpora(self) -> tuple[TrainingCorpus, ...]:
        """Its corpora in order; older runs have one, and do not name it."""
        return self.manifest.corpora_or_one("text")

    @property
    def target_tokens(self) -> float | None:
        """Tokens of its target sentences on average, EOS counted; None where there are none."""
        train = self.manifest.splits["train"]
        return train.target_tokens / train.pairs + 1 if train.pairs else None


def old_text(bundle: Bundle, given: Path | None) -> OldText | None:
    """Returns the text of the run that a bundle lies in, or of the run that a person names; None where there is none.

    Raises:
        UserError: What is named is no prepared run, or is one of other languages.
    """
    run = find_run(given) if given is not None else run_owning(bundle.path)
    if run is None:
        return None
    manifest = run.read_manifest()
    theirs, ours = manifest.languages, languages(bundle.recipe.data)
    if given is not None and theirs != ours:
        raise UserError(
            f"{run.path} holds text from {theirs[0]!r} into {theirs[1]!r}, and the model translates from {ours[0]!r} "
            f"into {ours[1]!r}.",
            hint="Name the run that made the model, or leave out --old.",
        )
    missing = [run.split(name) for name in manifest.splits if not run.split(name).is_file()]
    if missing and given is not None:
        raise UserError(f"{missing[0]} is missing.", hint="Prepare that run again, or leave out --old.")
    if missing:
        return None
    return OldText(run, manifest, {OLD + name: run.split(name) for name in manifest.splits if name != "train"})


def model_name(bundle: Bundle) -> str:
    """Returns what people call a model: its run's folder, or its own; by its recipe where it has no name of its own."""
    path, around = bundle.path.resolve(), RunFolder(bundle.path.resolve().parent)
    if path.name != around.bundle.name:
        return path.name or bundle.recipe.name
    return (around.path.name if around.manifest.is_file() else "") or bundle.recipe.name


def check_weights(bundle: Bundle) -> None:
    """Makes sure that a model has weights which training can go on from.

    Raises:
        UserError: It is of graphs alone.
    """
    if not bundle.weights.is_file():
        raise UserError(
            f"{bundle.path} holds graphs only, and no weights to go on from.",
            hint="Name the bundle that it was made from, in the folder of its training.",
        )


@dataclass(frozen=True)
class Beginning:
    """What a fine-tuning was begun with.

    Attributes:
        recipe: Its settings.
        old_share: Share of the pairs learned from that are old ones; None: it does not say.
        old: The run that the old text is of; None: there is none any more, or it does not say.
    """

    recipe: Recipe
    old_share: float | None
    old: Path | None

    def reading(self, text: Data) -> Data:
        """Returns how its new text is read, where `text` says only which files it is in."""
        return replace(self.recipe.data, reader=text.reader, hub=text.hub, train=text.train)


def begun(run: RunFolder) -> Beginning:
    """Returns what the fine-tuning that is to go on was begun with.

    Raises:
        UserError: There is none.
    """
    if not run.manifest.is_file():
        raise UserError(
            f"There is no fine-tuning in {run.path} to go on with.",
            hint="Name its folder with --run; or leave out --resume, and begin one.",
        )
    start = run.read_manifest().start
    old = Path(start.old) if start and start.old else None  # older runs do not name it
    at_hand = old is not None and RunFolder(old).manifest.is_file()
    return Beginning(load_recipe(run.recipe), start.told.old_share if start else None, old if at_hand else None)


def check_place(run: RunFolder, bundle: Bundle, old: OldText | None) -> None:
    """Makes sure that the new run's folder is none of the model's.

    Raises:
        UserError: It is.
    """
    new, model = run.path.resolve(), bundle.path.resolve()
    taken = [model, *model.parents[:1]] if model.name == run.bundle.name else [model]
    taken += [old.run.path.resolve()] if old else []
    if new in taken or model in new.parents:
        raise UserError(
            f"{run.path} is where the model is that is fine-tuned, and nothing of it is overwritten.",
            hint="Choose a new folder with --run.",
        )


def check_tags(tokenizers: TokenizerPair, old: OldText) -> None:
    """Makes sure that the model knows the tags of the old pairs that are to be mixed in.

    Raises:
        UserError: It has no row for one of them: they are not the pairs that it was trained on.
    """
    known = tags_of(tokenizers.source)
    for corpus in old.corpora:
        if corpus.pairs and corpus.tag and corpus.tag not in known:
            raise UserError(
                f"The model knows no tag {corpus.tag}, and in the pairs of {old.run.path} the sources of "
                f"{corpus.name!r} begin with it.",
                hint="Name the run that made the model, with --old; or mix no old pairs in: --old-share 0",
            )


def described(bundle: Bundle, *, reader: str, files: Sequence[Path] = (), hub: str = "") -> Data:
    """Returns where the new text is and how it is read: normalised and filtered as the model's own was.

    Sides are the model's: the source is what it translates from.

    Args:
        bundle: The model.
        reader: What reads it.
        files: One file or two.
        hub: A dataset's name.

    Raises:
        UserError: The files' names say that the sides are swapped.
    """
    old, pair = cleaning.of_new_text(bundle.recipe.data, bundle.facts.get("data", {})), languages(bundle.recipe.data)
    named = guess_languages(files[0], files[1]) if len(files) == 2 else pair
    if pair[0] != pair[1] and named == pair[::-1]:
        raise UserError(
            f"The model translates from {pair[0]!r} into {pair[1]!r}, and by the files' names the new text is the "
            "other way round.",
            hint=f"Swap them: --source {console.quoted(files[1])} --target {console.quoted(files[0])}",
        )
    return Data(
        source_language=pair[0],
        target_language=pair[1],
        reader=Choice(reader),
        hub=hub,
        train=tuple(map(str, files)),
        pretokenised=old.pretokenised,
        unicode_form=old.unicode_form,
        quotes=old.quotes,
        spaces=old.spaces,
        html_entities=old.html_entities,
        filters=old.filters,
        deduplicate=old.deduplicate,
        seed=old.seed,
    )


def measure_new(pairs: Iterator[Pair], tokenizers: TokenizerPair) -> NewText:
    """Counts new text, and how a sample of it is cut."""
    num_pairs = num_sampled = 0
    tokens, words, unknown = [0, 0], [0, 0], 0
    with console.Progress("counting", unit="pairs") as progress:
        for pair, is_sampled in sampled(pairs, progress):
            num_pairs += 1
            if not is_sampled:
                continue
            num_sampled += 1
            for side, (tokenizer, text) in enumerate(
                ((tokenizers.source, pair.source), (tokenizers.target, pair.target))
            ):
                ids = tokenizer.encode(text)
                tokens[side] += len(ids)
                words[side] += count_words(text)
                unknown += list(ids).count(UNK)
    return NewText(
        num_pairs,
        tokens[1] / max(1, num_sampled) + 1,
        tokens[0] / max(1, words[0]),
        tokens[1] / max(1, words[1]),
        unknown / max(1, sum(tokens)),
    )


def choose(
    bundle: Bundle,
    data: Data,
    folder: Path | None,
    tokenizers: TokenizerPair,
    *,
    name: str,
    old_share: float,
    old_sets: bool = False,
    old_tokens: float | None = None,
    minutes: float | None = None,
    settings: Sequence[str] = (),
) -> tuple[Preset, NewText]:
    """Returns all settings of the new run with the reason for each that differs from the model's, and the text counted.

    Args:
        bundle: The model.
        data: The new text.
        folder: Where its files are; as for `open_sources`.
        tokenizers: The model's.
        name: What the run is called.
        old_share: Share of the pairs learned from that are old ones; 0: the old weights are held on to.
        old_sets: Whether the old development set is looked at beside the new one.
        old_tokens: Of an old target sentence on average, EOS counted; None: as many as of a new one.
        minutes: A time budget.
        settings: Assignments that a person made. Those of [data] say how to read the text, so they count here already.

    Raises:
        UserError: A file or an assignment is wrong, or there are too few pairs.
    """
    of_data = [assignment for assignment in settings if assignment.strip().startswith("data.")]
    data = apply_overrides(Recipe(data=data), of_data).data
    measured = measure_new(open_sources(data, folder).train(), tokenizers)
    if measured.num_pairs < LEAST_PAIRS:
        raise UserError(
            f"The new text has {measured.num_pairs} usable pair(s), and at least {LEAST_PAIRS} are needed.",
            hint="Add sentence pairs; some hundreds change what a model says.",
        )
    reasons: dict[str, str] = {}
    given = [*own_sets(data, folder), *(part for part in _PURPOSES if _is_set(part, of_data))]
    data = _sets(data, given, measured.num_pairs, reasons)
    recipe = bundle.recipe
    training = _training(
        recipe.training,
        measured,
        old_share=old_share,
        old_sets=old_sets,
        old_tokens=old_tokens,
        minutes=minutes,
        reasons=reasons,
        told=asked(settings, "batch_tokens", "accumulate", "max_updates"),
    )
    if recipe.model.source_vectors or recipe.model.target_vectors or recipe.model.freeze_vectors:
        reasons["model.freeze_vectors"] = (
            "The model's weights hold its pretrained vectors, which now learn like the rest."
        )
    network = replace(recipe.model, source_vectors="", target_vectors="", freeze_vectors=False)
    new = replace(recipe, name=name, description="", results=(), data=data, model=network, training=training)
    return Preset(new, reasons), measured


def _is_set(part: str, assignments: Sequence[str]) -> bool:
    """Whether a person said where the pairs of a held-out set come from, or how many they are."""
    return any(assignment.strip().startswith(f"data.{part}") for assignment in assignments)


def _sets(data: Data, given: Sequence[str], num_pairs: int, reasons: dict[str, str]) -> Data:
    """Says how many pairs are set aside, as for any corpus of this size; `given` sets stay."""
    size = held_out_size(num_pairs)
    chosen = {f"{part}_size": size for part in _PURPOSES if part not in given}
    for part, purpose in _PURPOSES.items():
        if part not in given:
            reasons[f"data.{part}_size"] = f"{size:,} of the new pairs, {purpose}."
    return replace(data, **chosen)


def _training(
    old: Training,
    measured: NewText,
    *,
    old_share: float,
    old_sets: bool,
    old_tokens: float | None,
    minutes: float | None,
    reasons: dict[str, str],
    told: Mapping[str, int],
) -> Training:
    """Returns how to go on: at a lower rate, for so many passes over the new text, holding on to the old.

    `told` is what a person said of batches and updates.
    """
    tier = _tier(measured)
    tokens = _tokens_of_a_pass(measured, old_share, old_tokens)
    batch = min(old.batch_tokens, max(50, round(tokens / 10)))
    update_tokens = told.get("batch_tokens", batch) * told.get("accumulate", old.accumulate)
    num_updates = ceil(tier.passes * tokens / update_tokens)
    updates = told.get("max_updates", 0) or num_updates
    every = ceil(updates / _LOOKS)
    chosen: dict[str, tuple[Any, str]] = {
        "learning_rate": (
            float(f"{old.learning_rate * tier.rate:.2g}"),
            f"{tier.rate:g} of the rate that the model was trained at: with {tier.phrase}, high enough to learn them "
            "and low enough not to lose what it knows.",
        ),
        "max_updates": (
            num_updates,
            f"About {tier.passes} passes over the new text, for {tier.phrase}"
            + (f"; of each batch {1 - old_share:.0%} is new." if old_share else "."),
        ),
        "validate_every": (every, _looks(ceil(updates / every), old_sets=old_sets)),
        "patience": (_PATIENCE, f"Ends after {_PATIENCE} looks at which the new text was translated no better."),
    }
    if batch != old.batch_tokens:
        chosen["batch_tokens"] = (batch, "Cut so that one pass over so little text is still several updates.")
    if old_share:
        chosen["hold"] = (0.0, "Old pairs are among the new ones, which keeps more than pulling at weights does.")
    else:
        chosen["hold"] = (HOLD, "No old text is mixed in: the weights are pulled back to the model's (Li et al. 2018).")
        chosen["weight_decay"] = (0.0, "Weights are pulled to where they were, and not to zero.")
    chosen |= _left_out(old)
    if minutes:
        chosen["minutes"] = (minutes, "The time that you gave, unless the passes over the new text end before.")
    reasons |= {f"training.{key}": reason for key, (_, reason) in chosen.items() if key != "risk"}
    for key in Risk.__struct_fields__ if "risk" in chosen else ():  # a reason is a setting's, and no section's
        if getattr(old.risk, key) != getattr(Risk(), key):
            reasons[f"training.risk.{key}"] = chosen["risk"][1]
    warmup = min(old.schedule.warmup_updates, updates // 10)
    reasons["training.schedule.shape"] = "Straight down to zero by the last update, however the model was trained."
    fresh = replace(old, schedule=Schedule(warmup_updates=warmup))
    return replace(fresh, **{key: value for key, (value, _) in chosen.items()})


def _tier(measured: NewText) -> _Tier:
    return next(tier for tier in _TIERS if measured.num_pairs < tier.below)


def _tokens_of_a_pass(measured: NewText, old_share: float, old_tokens: float | None) -> float:
    """Returns the target tokens of one pass over the new text, with the old pairs that are among it."""
    old = old_tokens or measured.target_tokens
    return measured.num_pairs * (measured.target_tokens + old * old_share / (1 - old_share))


def passes_of(training: Training, measured: NewText, *, old_share: float, old_tokens: float | None = None) -> float:
    """Returns how often a training reads each new pair: as its updates say, and no less than suits so much text.

    Args:
        training: Its settings.
        measured: The new text.
        old_share: Share of the pairs learned from that are old ones.
        old_tokens: As for `choose`.
    """
    tokens = training.max_updates * training.batch_tokens * training.accumulate
    return max(tokens / _tokens_of_a_pass(measured, old_share, old_tokens), _tier(measured).passes)


def _left_out(old: Training) -> dict[str, tuple[Any, str]]:
    """Returns what the model's training had and going on from it has not, with the reason."""
    without: dict[str, tuple[Any, str]] = {
        "max_epochs": (0.0, "The passes over the new text are counted in updates, see max_updates."),
        "minutes": (0.0, "The time that training took says nothing of the new text."),
        "guided_attention": (0.0, "The model has found out where to look."),
        "risk": (Risk(), "A second stage is for a training from scratch; seq2seq train --set adds one."),
    }
    return {key: what for key, what in without.items() if getattr(old, key) != what[0]}


def _looks(count: int, *, old_sets: bool) -> str:
    """For instance "10 looks at both development sets."."""
    return f"{count} look{'s' if count != 1 else ''} at " + (
        "both development sets." if old_sets else "the development set."
    )


def check_settings(bundle: Bundle, recipe: Recipe) -> None:
    """Makes sure that the model's weights and vocabulary fit the settings.

    Raises:
        UserError: A setting of [text], or one of [model] that shapes the network, is not the model's, or one of [data]
            would mix old and new text otherwise than asked for.
    """
    if recipe.data.temperature != 1:
        raise UserError(
            "data.temperature does not say how much old text is mixed in here.", hint="Say it with --old-share."
        )
    for section in ("text", "model"):
        ours, theirs = getattr(recipe, section), getattr(bundle.recipe, section)
        for key in ours.__struct_fields__:
            changed = getattr(ours, key) != getattr(theirs, key)
            if changed and not (section == "model" and key in (*FREE_MODEL_SETTINGS, *_VECTORS)):
                raise UserError(
                    f"{section}.{key} cannot change: vocabulary and network are those of the model that is fine-tuned.",
                    hint=f"Leave it out, or train a model of its own: seq2seq prepare … --set {section}.{key}=…",
                )


_VECTORS: Final = ("source_vectors", "target_vectors", "freeze_vectors")


def basis(
    bundle: Bundle,
    tokenizers: TokenizerPair,
    old: OldText | None,
    *,
    old_share: float,
    command: str,
    passes: float = inf,
) -> Basis:
    """Returns the model's part in the new run.

    Args:
        bundle: The model.
        tokenizers: Its tokenizers.
        old: The text it was trained on, where that is at hand.
        old_share: Share of the pairs learned from that are old ones.
        command: What makes the run again.
        passes: How often training reads each new pair. It is known then how many old ones it reads, and no more of them
            are taken than that and some to spare.
    """
    weights = checksum(bundle.weights)
    told = StartingModel(
        name=bundle.facts.get("name", bundle.recipe.name),
        update=bundle.facts.get("update", 0),
        weights=weights,
        old_share=old_share,
    )
    texts = {**old.sets, **({"train": old.run.split("train")} if old_share else {})} if old else {}
    checksums = {name: checksum(path) for name, path in texts.items()}
    return Basis(
        tokenizers,
        inputs=StartInputs(weights=weights, old_share=old_share, old=checksums),
        facts=Start(
            weights=weights, told=told, command=command, old=str(old.run.path.absolute()) if old is not None else ""
        ),
        sets={name: _Stored(path) for name, path in (old.sets if old else {}).items()},
        added=_Mixed(old, old_share, passes, bundle.recipe.data.seed)
        if old and old_share
        else lambda gathered: gathered,
        save=lambda run: _copy(bundle.weights, run.start),
    )


def _copy(weights: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    copyfile(weights, place)


@dataclass(frozen=True)
class _Stored:
    """The reader of a prepared split."""

    path: Path

    def __call__(self) -> Iterator[Pair]:
        """Yields its pairs."""
        for row in Store(self.path).rows():
            yield Pair(row.line, row.source, row.target)


@dataclass(frozen=True)
class _Mixed:
    """Adds old pairs to new ones, so that `share` of what is drawn is old.

    Corpus i of the old run, of n_i pairs, was drawn from like w_i n_i^(1/T). It keeps that part of the old share: its
    weight becomes c w_i n_i^(1/T - 1), where c makes the old pairs s / (1 - s) times as many as the N new ones.

    An epoch is one pass over the new pairs, with as many old ones between them as that makes, drawn anew each time. As
    long as all corpora it would, beside a large run, hold each new pair many times, and training would end within it:
    as it is planned by length, copies of one pair lie in few of its batches, and some pairs would never be read.

    Of a large run only as many pairs are taken as `passes` over the new ones read, and some to spare, drawn from all of
    it: the others would be copied and cut into tokens for nothing. Each old corpus is drawn from as it was before.
    """

    old: OldText
    share: float
    passes: float
    seed: int

    def __call__(self, gathered: Gathered) -> Gathered:
        """Returns the pairs with the old ones behind the new."""
        corpora = self.old.corpora
        kept, first, num_free = [], 0, 0
        store = Store(self.old.run.split("train"))
        num_pairs = sum(corpus.pairs for corpus in gathered.corpora)
        for number, (corpus, wanted) in enumerate(zip(corpora, self._wanted(num_pairs), strict=True)):
            spooled, end = f"old-{number}", first + corpus.pairs
            pairs, free = self._spool(gathered, store, first, self._drawn(number, end - first, wanted), spooled)
            num_free += free
            if pairs:
                name = f"{OLD}{corpus.name}" if len(corpora) > 1 else "old"
                weight = corpus.weight * float(corpus.pairs) ** (1 / self.old.temperature - 1)
                weight *= free / pairs
                kept.append(Kept(name, weight, spooled, pairs, corpus.tag, corpus.by))
            first = end
        drawn = sum(corpus.weight * corpus.pairs for corpus in kept)
        if not drawn:
            raise UserError(
                f"No training pair of {self.old.run.path} is left: all are held out in the new text.",
                hint="Leave the old text out with --old-share 0.",
            )
        num_new = sum(corpus.weight * corpus.pairs for corpus in gathered.corpora)
        factor = self.share / (1 - self.share) * num_new / drawn
        weighed = [with_changes(one, weight=one.weight * factor) for one in kept]
        taken = sum(corpus.pairs for corpus in kept)
        if taken < num_free:
            console.say(
                f"Of {num_free:,} old pairs {taken:,} are taken, drawn from all of them: training reads about "
                f"{self._read(num_pairs):,.0f}."
            )
        left_out = len(store) - num_free
        if left_out:
            console.warn(
                f"{left_out:,} of the old pairs are left out: the new text holds them out for development or test. The "
                "model has seen them, so its scores there before fine-tuning are kinder than they should be."
            )
        gathered.reports["train"].kept += taken
        an_epoch = num_pairs + round(num_pairs * self.share / (1 - self.share))
        return with_changes(gathered, corpora=(*gathered.corpora, *weighed), epoch_pairs=an_epoch)

    def _read(self, num_pairs: int) -> float:
        """Returns how many old pairs training reads, beside so many new ones."""
        return self.passes * num_pairs * self.share / (1 - self.share)

    def _wanted(self, num_pairs: int) -> list[int]:
        """Returns how many pairs to take of each old corpus: as it is drawn from, and all where there are no more."""
        sizes = [corpus.pairs for corpus in self.old.corpora]
        drawn = [
            corpus.weight * size ** (1 / self.old.temperature)
            for corpus, size in zip(self.old.corpora, sizes, strict=True)
        ]
        most = SPARE * self._read(num_pairs) / max(sum(drawn), np.finfo(float).tiny)
        return [ceil(min(size, most * part)) if size else 0 for size, part in zip(sizes, drawn, strict=True)]

    def _drawn(self, number: int, count: int, wanted: int) -> NDArray[np.bool_]:
        """Returns which pairs of an old corpus to take; a function of the seed and the corpus' number."""
        is_drawn = np.ones(count, np.bool_)
        if wanted < count:
            is_drawn[shuffled(count, np.random.Generator(np.random.Philox(key=[self.seed, number])))[wanted:]] = False
        return is_drawn

    def _spool(
        self, gathered: Gathered, store: Store, first: int, is_drawn: NDArray[np.bool_], name: str
    ) -> tuple[int, int]:
        """Writes the drawn ones of the rows from `first` on that may be trained on.

        Returns the number of pairs, and how many of the rows may be trained on, drawn or not.
        """
        count, free = 0, 0
        with gathered.spool.writing(name) as writer:
            for begin in range(0, len(is_drawn), BATCH_PAIRS):
                end = min(len(is_drawn), begin + BATCH_PAIRS)
                pairs = [Pair(*row) for row in store.texts_between(first + begin, first + end)]
                is_free = ~gathered.held.sources.contains(fingerprints.of_sentences(pair.source for pair in pairs))
                taken = np.flatnonzero(is_free & is_drawn[begin:end])
                writer.write_batch(as_batch([pairs[row] for row in taken], np.full(len(taken), _PLACE_IN_TRAIN)))
                count, free = count + len(taken), free + int(is_free.sum())
        return count, free


def before_and_after(
    run: RunFolder, best_update: int, *, refined: Mapping[str, float] | None = None
) -> dict[str, dict[str, dict[str, float]]]:
    """Returns the development scores of the model before fine-tuning and of the one that was kept.

    Args:
        run: The run.
        best_update: The update of the first stage's best model.
        refined: The scores of the second stage's best model, where that was kept.

    Returns:
        "new" and, where the old text is at hand, "old": each with "before" and "after": "loss", "bleu", "chrf".
    """
    looks = {row["update"]: row for row in MetricsLog(run.metrics).rows() if row["kind"] == "validation"}
    rows = {"before": looks.get(0, {}), "after": refined or looks.get(best_update, {})}
    found: dict[str, dict[str, dict[str, float]]] = {}
    for text, prefix in (("new", ""), ("old", OLD_SCORES)):
        told = {
            when: {name: row[prefix + name] for name in ("loss", "bleu", "chrf")}
            for when, row in rows.items()
            if prefix + "bleu" in row
        }
        if told:
            found[text] = told
    return found
