"""The words of a model card, section by section, from what a bundle says of itself."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from seq2seq.bundle import Bundle
from seq2seq.bundle_facts import BundleFacts, LearnedText, Machine, SearchedWith
from seq2seq.evaluation.names import METRIC_NAMES
from seq2seq.pipeline.prepare.sources import languages
from seq2seq.recipe.catalog import shipped_recipes
from seq2seq.recipe.differences import differences, reasons_in
from seq2seq.recipe.schema import Choice, Recipe, Search

_NAMES_TEXT: Final = (
    "ar Arabic, bg Bulgarian, bn Bengali, ca Catalan, cs Czech, cy Welsh, da Danish, de German, el Greek, en English, "
    "eo Esperanto, es Spanish, et Estonian, eu Basque, fa Persian, fi Finnish, fr French, ga Irish, gl Galician, "
    "he Hebrew, hi Hindi, hr Croatian, hu Hungarian, id Indonesian, is Icelandic, it Italian, ja Japanese, "
    "ka Georgian, ko Korean, la Latin, lt Lithuanian, lv Latvian, mt Maltese, nl Dutch, no Norwegian, pl Polish, "
    "pt Portuguese, ro Romanian, ru Russian, sk Slovak, sl Slovenian, sq Albanian, sr Serbian, sv Swedish, "
    "sw Swahili, ta Tamil, te Telugu, th Thai, tr Turkish, uk Ukrainian, ur Urdu, vi Vietnamese, zh Chinese"
)
_NAMES: Final = dict(one.split(" ", 1) for one in _NAMES_TEXT.split(", "))
_METRICS: Final = {**METRIC_NAMES, "ter": "TER (lower is better)"}
# Of [data]: what the card's own words say, and where the files lie on somebody's disk.
_TOLD_ELSEWHERE: Final = frozenset(
    {
        *("name", "description", "results", "data.source_language", "data.target_language", "data.reverse"),
        *("data.train", "data.development", "data.test", "data.corpora", "data.hub"),
    }
)
# The side that a model writes, by the command that has it write.
_WRITTEN_BY_A_MACHINE: Final = {"backtranslate": "sources", "distill": "targets"}
_PATHS: Final = frozenset({"model.source_vectors", "model.target_vectors"})


def card_text(bundle: Bundle) -> str:
    """Returns the card as Markdown, without the part that is the user's."""
    facts, recipe = bundle.facts, bundle.recipe
    sections = {
        "": _head(facts, recipe),
        "How to use it": _use(recipe),
        "Data": _data(facts, recipe),
        "Settings that are not the defaults": _settings(bundle),
        "Network and size": _network(bundle),
        "Training": _training(facts, recipe),
        "Scores": _scores(facts, recipe),
        "Where it goes wrong": _diagnosis(facts),
        "Limits": _limits(facts, recipe),
    }
    parts = []
    for title, lines in sections.items():
        if body := "\n".join(lines):
            parts.append(f"## {title}\n\n{body}\n" if title else f"{body}\n")
    return "\n".join(parts)


def _head(facts: BundleFacts, recipe: Recipe) -> Iterator[str]:
    source, target = (_language(code) for code in languages(recipe.data))
    yield f"# {_plain(facts.name or recipe.name)}: {source} to {target}"
    yield ""
    pairs = _learned(facts).pairs
    learned = f", trained on {pairs:,} sentence pairs" if pairs else ""
    yield f"A recurrent network that translates {source} into {target}{learned}. It needs no net and no GPU."
    if recipe.description:
        yield ""
        yield _plain(recipe.description)
    if start := facts.start:
        from_it = f"the model {_plain(start.name)}, update {start.update:,}"
        old = f" {start.old_share:.0%} of the pairs were from its text." if start.old_share else ""
        yield ""
        yield f"Its training went on from {from_it}.{old}"


def _use(recipe: Recipe) -> Iterator[str]:
    source, target = languages(recipe.data)
    yield "With `seq2seq` installed; `MODEL` stands for the path of this folder:"
    yield ""
    yield "```console"
    yield f"$ seq2seq translate MODEL text.{source} --output text.{target}"
    yield "$ seq2seq repl MODEL"
    yield f"$ seq2seq evaluate MODEL --source test.{source} --reference test.{target}"
    yield "```"
    yield ""
    yield "```python"
    yield "import seq2seq"
    yield ""
    yield 'translator = seq2seq.load("MODEL")'
    yield 'print(translator.translate("…").text)'
    yield "```"


def _data(facts: BundleFacts, recipe: Recipe) -> Iterator[str]:
    data = _learned(facts)
    for split, pairs in (data.splits or ({"train": data.pairs} if data.pairs else {})).items():
        yield f"- {_plain(split)}: {pairs:,} pairs"
    for reason, count in data.dropped.items():
        yield f"- left out of train, {_plain(reason)}: {count:,}"
    for corpus in data.corpora:
        tag = f", tag `{_code(corpus.tag)}`" if corpus.tag else ""
        side = _WRITTEN_BY_A_MACHINE.get(corpus.by)
        by = f"; a machine wrote the {side}" if side else ""
        yield f"- of train, {_file(corpus.name)}: {corpus.pairs:,} pairs, weight {corpus.weight:g}{tag}{by}"
    if recipe.data.hub and not data.files:
        yield f"- from the hub's dataset `{_code(recipe.data.hub)}`"
    if data.files:
        yield ""
        yield "| file | BLAKE2b |"
        yield "|---|---|"
        for name, fingerprint in data.files.items():
            yield f"| {_file(name)} | `{fingerprint}` |"


def _learned(facts: BundleFacts) -> LearnedText:
    """Returns what is known of the text that a model was trained on; an older bundle may say nothing of it."""
    return facts.data or LearnedText()


def _settings(bundle: Bundle) -> Iterator[str]:
    found = {trail: both for trail, both in differences(bundle.recipe).items() if trail not in _TOLD_ELSEWHERE}
    if not found:
        return
    reasons = _reasons(bundle)
    yield "| setting | value | default | why |"
    yield "|---|---|---|---|"
    for trail, (value, default) in found.items():
        shown = Path(str(value)).name if trail in _PATHS else value
        yield f"| `{trail}` | {_value(shown)} | {_value(default)} | {_plain(reasons.get(trail, ''))} |"


def _reasons(bundle: Bundle) -> dict[str, str]:
    """Returns why settings have their values: in the bundle's recipe; or in the shipped one that says the same."""
    found, own = {}, differences(bundle.recipe)
    for shipped in shipped_recipes():
        if shipped.name == bundle.recipe.name:
            theirs, said = differences(shipped.recipe), reasons_in(shipped.path.read_text("utf-8-sig"))
            found = {trail: said[trail] for trail in said if trail in theirs and theirs[trail] == own.get(trail)}
    return {**found, **reasons_in((bundle.path / "recipe.toml").read_text("utf-8-sig"))}


def _network(bundle: Bundle) -> Iterator[str]:
    model, facts = bundle.recipe.model, bundle.facts
    ways = "both ways" if model.bidirectional else "one way"
    encoder = _layers(model.encoder_layers, model.encoder_cells or [model.cell])
    decoder = _layers(model.decoder_layers, model.decoder_cells or [model.cell])
    yield f"- encoder: {encoder} of {model.encoder_size}, {ways}"
    yield f"- decoder: {decoder} of {model.decoder_size}"
    yield f"- wiring: {_choice(model.wiring)}; attention: {_choice(model.attention)}"
    yield f"- embeddings of {model.embedding_size}, tied: {model.tie}; {_symbols(facts, bundle.recipe)}"
    if parameters := _parameters(bundle):
        yield f"- {parameters:,} parameters"
    sizes = {
        "weights in 32 bits": ("weights.",),
        "ONNX graphs in 8 bits": ("onnx/int8.", "onnx/encoder.int8", "onnx/step.int8", "onnx/tables.int8"),
        "all files": ("",),
    }
    for what, beginnings in sizes.items():
        if size := sum(one.bytes for name, one in facts.files.items() if name.startswith(beginnings)):
            yield f"- {what}: {size / 1e6:.1f} MB"


def _layers(count: int, cells: Sequence[Choice]) -> str:
    kinds = list(dict.fromkeys(cell.name.upper() if len(cell.name) < 5 else cell.name for cell in cells))
    return f"{count} {'layer' if count == 1 else 'layers'} ({', '.join(kinds)})"


def _choice(choice: Choice) -> str:
    own = ", ".join(f"{key} {value}" for key, value in choice.settings.items())
    return f"{choice.name} ({own})" if own else choice.name


def _symbols(facts: BundleFacts, recipe: Recipe) -> str:
    kind, sizes = recipe.text.tokenizer.name, facts.vocabulary
    if sizes is None:
        return f"vocabulary of {kind}"
    if sizes.joint:
        return f"{sizes.source:,} symbols for both languages together ({kind})"
    return f"{sizes.source:,} source and {sizes.target:,} target symbols ({kind})"


def _parameters(bundle: Bundle) -> int:
    """Returns how many numbers the weights are; 0 where an older bundle holds graphs alone."""
    if told := bundle.facts.parameters:
        return told
    if not bundle.weights.is_file():
        return 0
    with bundle.weights.open("rb") as file:  # eight bytes that say how long the header is, and the header, as JSON
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return sum(math.prod(one["shape"]) for name, one in header.items() if name != "__metadata__")


def _training(facts: BundleFacts, recipe: Recipe) -> Iterator[str]:
    if machine := facts.training:
        if machine.seconds:
            yield f"- {machine.seconds / 60:.1f} minutes, with the looks at the development set"
        yield f"- {_machine(machine)}"
    if facts.update:
        yield f"- the model is of update {facts.update:,}"
    if scores := facts.development:
        told = ", ".join(f"{_METRICS.get(k, k)} {v:.2f}" for k, v in scores.items() if k in ("loss", "bleu", "chrf"))
        yield f"- the development set at that update, translated greedily: {told}"
    if facts.versions:
        yield f"- {', '.join(f'{package} {version}' for package, version in facts.versions.items())}"
    yield f"- seed {recipe.training.seed}"


def _machine(told: Machine) -> str:
    words = [_plain(told.gpu or told.processor or told.machine or "a machine unknown")]
    if told.threads is not None:
        words.append(f"{told.threads} threads" if told.threads != 1 else "1 thread")
    if told.processes is not None and told.processes > 1:
        words.append(f"{told.processes} processes")
    return ", ".join([*words, *([] if told.precision is None else [told.precision])])


def _scores(facts: BundleFacts, recipe: Recipe) -> Iterator[str]:
    if not any(facts.scores.values()):
        yield "Not scored yet: `seq2seq evaluate MODEL`."
        return
    usual = _search(recipe.search)
    yield f"Searched for with {usual}. In brackets: the 95 % interval over resamples of the sentences."
    yield ""
    yield "| set | metric | score | signature |"
    yield "|---|---|---|---|"
    for split, found in facts.scores.items():
        searched = _search(facts.scored_with[split].search) if split in facts.scored_with else usual
        own = f" with {searched}" if searched != usual else ""
        for one in found:
            span = f" [{one.low:.2f}, {one.high:.2f}]" if one.low is not None and one.high is not None else ""
            metric = _METRICS.get(one.name, one.name)
            yield f"| {_set(split)}{own} | {metric} | {one.value:.2f}{span} | `{_code(one.signature)}` |"


def _search(told: SearchedWith | Search) -> str:
    """Returns how translations were searched for, in words."""
    how = f"beam {told.beam}, length penalty {told.length_penalty:g}" if told.name == "beam" else told.name
    mbr = f", the one of {told.mbr} most like the others by {told.mbr_utility}" if told.mbr else ""
    return f"{how}{mbr}"


def _diagnosis(facts: BundleFacts) -> Iterator[str]:
    told = [
        f"| {_set(split)} | {_plain(flag)} | {count:,} | {count / one.sentences:.1%} |"
        for split, one in facts.diagnosis.items()
        for flag, count in one.flags.items()
        if count and one.sentences
    ]
    if told:
        yield "Sentences that were flagged by rules, which may be wrong themselves:"
        yield ""
        yield "| set | flag | sentences | share |"
        yield "|---|---|---|---|"
        yield from told


def _set(split: str) -> str:
    """Returns what a set is called, and why its scores are too good where the model has seen something of it."""
    return _plain(split) + {
        "train": " (the model was trained on it)",
        "development": " (the model was chosen by it)",
    }.get(split, "")


def _limits(facts: BundleFacts, recipe: Recipe) -> Iterator[str]:
    pairs = _learned(facts).pairs
    yield "- It has learned from the text above and nothing else: elsewhere it is worse than the scores say, and cannot"
    yield "  tell when. Names, numbers and rare words are lost or invented most easily."
    yield "- It reads a sentence at a time and knows nothing of the one before."
    if pairs and pairs < 1_000_000:
        yield f"- {pairs:,} pairs are few: expect wrong words where the text leaves what it was trained on."
    yield f"- An input of more than {recipe.search.split_tokens:,} tokens is translated in parts."
    yield "- What the text said of people, the model may say again."
    yield "- Let somebody who reads both languages check what matters."
    if facts.scores:
        yield "- Scores compare words with one reference; they do not say whether a translation may be relied on."


def _language(code: str) -> str:
    return _NAMES.get(code.lower(), _plain(code))


def _file(name: str) -> str:
    """Returns a file's name with at most one folder: the rest says where it lies on somebody's disk."""
    parts = Path(name).parts
    return f"`{_code('/'.join(parts[-2:] if not Path(name).is_absolute() else parts[-1:]))}`"


def _value(value: object) -> str:
    return f"`{_code(json.dumps(value, ensure_ascii=False))}`"


def _code(text: str) -> str:
    """Returns text that stands between backticks in a table."""
    return text.replace("`", "'").replace("|", "\\|").replace("\n", " ")


def _plain(text: str) -> str:
    """Returns text with what Markdown would take for its own, escaped; a table's cell is one line."""
    escaped = "".join(f"\\{character}" if character in "\\`*_[]<>|#" else character for character in text)
    return " ".join(escaped.split())
