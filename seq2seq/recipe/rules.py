"""The rules between settings: what each value allows alone, two together may not.

A rule looks at a whole recipe and returns a problem, or None. Rules are checked once a recipe is complete, never half
way through a list of changes.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable
from typing import NamedTuple

from seq2seq.errors import UserError
from seq2seq.recipe.place import Place
from seq2seq.recipe.schema import Choice, Corpus, Data, Recipe
from seq2seq.registry import SCHEDULES


class Problem(NamedTuple):
    """A broken rule: what is wrong, and what to do."""

    message: str
    hint: str


Rule = Callable[[Recipe], Problem | None]

MOST_CANDIDATES = 200
"""That are compared with each other: N of them take a beam as wide, and N (N - 1) comparisons a sentence."""
_PHRASEBOOK = ("en", "fr")  # the languages of its source and its target
_TAG = re.compile(r"<[^\s<>]+>")
_NO_TAGS = ("<pad>", "<unk>", "<go>", "<eos>")  # what every vocabulary begins with
_LEAST_OF_FILTERS = {"length": 1, "ratio": 1, "repeated": 1}  # of their `maximum`; that of the others is a share


def check_rules(recipe: Recipe, *, where: str | Place) -> None:
    """Checks every rule between settings.

    Raises:
        UserError: The first rule that is broken, after the name `where`, with the line of a setting that breaks it.
    """
    where = where if isinstance(where, Place) else Place(where)
    for rule in RULES:
        problem = rule(recipe)
        if problem:
            raise UserError(f"{where.mentioned(problem.message)}: {problem.message}", hint=problem.hint)


def _run_name(recipe: Recipe) -> Problem | None:
    name = recipe.name
    if name not in ("", ".", "..") and not set(name) & set("/\\\0"):
        return None
    return Problem(
        f"name = {json.dumps(name, ensure_ascii=False)} is no name of a folder, and the run's folder is called so.",
        "Choose a name without slashes, for instance my-run; where the folder is to be, --run says.",
    )


def _encoder_halves(recipe: Recipe) -> Problem | None:
    model = recipe.model
    if model.bidirectional and model.encoder_size % 2:
        return Problem(
            f"model.encoder_size = {model.encoder_size} is odd, and a bidirectional encoder gives "
            "half to each direction.",
            "Choose an even size, or set model.bidirectional = false.",
        )
    return None


def _reversed_source(recipe: Recipe) -> Problem | None:
    if recipe.model.reverse_source and recipe.model.bidirectional:
        return Problem(
            "model.reverse_source = true changes nothing where model.bidirectional = true, which reads both ways.",
            "Set model.bidirectional = false, or model.reverse_source = false.",
        )
    return None


def _tying(recipe: Recipe) -> Problem | None:
    if recipe.model.tie == "all" and not recipe.text.joint:
        return Problem(
            'model.tie = "all" shares one embedding between both languages, and text.joint = false '
            "gives each its own ids.",
            'Set text.joint = true, or model.tie = "target".',
        )
    return None


def _attention_and_wiring(recipe: Recipe) -> Problem | None:
    attention, wiring = recipe.model.attention.name, recipe.model.wiring.name
    if wiring == "fixed-vector" and attention != "none":
        return Problem(
            f'model.wiring = "fixed-vector" has no place for an attention, and model.attention is "{attention}".',
            'Set model.attention = "none", or model.wiring = "parallel".',
        )
    if attention == "none" and wiring != "fixed-vector":
        return Problem(
            f'model.attention = "none" leaves model.wiring = "{wiring}" without a context to read.',
            'Set model.wiring = "fixed-vector", or choose an attention, for instance "multi-head".',
        )
    return None


def _lexical(recipe: Recipe) -> Problem | None:
    if recipe.model.lexical and recipe.model.attention.name == "none":
        return Problem(
            "model.lexical = true lets the words that attention looks at vote for their translations, and "
            'model.attention = "none".',
            'Set model.lexical = false, or choose an attention and a wiring that has one: model.wiring = "parallel".',
        )
    return None


def _coverage(recipe: Recipe) -> Problem | None:
    if recipe.search.coverage_penalty and recipe.model.attention.name == "none":
        return Problem(
            f"search.coverage_penalty = {recipe.search.coverage_penalty} counts what attention looks at, and "
            'model.attention = "none".',
            "Set search.coverage_penalty = 0.",
        )
    return None


def _candidates(recipe: Recipe) -> Problem | None:
    search = recipe.search
    if search.mbr == 1:
        return Problem("search.mbr = 1 compares one candidate with itself.", "Set search.mbr = 20, or 0 for none.")
    if search.mbr > MOST_CANDIDATES:
        return Problem(
            f"search.mbr = {search.mbr} candidates are too many to compare each with all others.",
            f"Set search.mbr = 20, and {MOST_CANDIDATES} at most.",
        )
    if search.mbr and search.name == "greedy":
        return Problem(
            f'search.mbr = {search.mbr} compares candidates, and search.name = "greedy" gives one.',
            'Set search.name = "beam" or "sampling", or search.mbr = 0.',
        )
    return None


def _fixed_vector_bridge(recipe: Recipe) -> Problem | None:
    if recipe.model.wiring.name == "fixed-vector" and recipe.model.bridge == "zero":
        return Problem(
            'model.wiring = "fixed-vector" with model.bridge = "zero" tells the decoder nothing about the source.',
            'Set model.bridge = "last".',
        )
    return None


def _parallel_layers(recipe: Recipe) -> Problem | None:
    if recipe.model.wiring.name == "parallel" and recipe.model.decoder_layers < 2:
        return Problem(
            'model.wiring = "parallel" needs model.decoder_layers of at least 2: the first makes the queries, the '
            "later ones read the contexts.",
            'Set model.decoder_layers = 2, or model.wiring = "input-feeding".',
        )
    return None


def _heads(recipe: Recipe) -> Problem | None:
    heads = recipe.model.attention.settings.get("heads")
    if heads is None or (heads >= 1 and recipe.model.decoder_size % int(heads) == 0):  # type: ignore[operator]
        return None
    return Problem(
        f"model.attention.heads = {heads} does not divide model.decoder_size = {recipe.model.decoder_size}.",
        "Choose a number of heads such as 1, 4 or 8 that divides the decoder's size.",
    )


def _dot_sizes(recipe: Recipe) -> Problem | None:
    model = recipe.model
    if model.attention.name != "dot" or model.encoder_size == model.decoder_size:
        return None
    return Problem(
        f'model.attention = "dot" compares vectors of one size, and model.encoder_size = {model.encoder_size} differs '
        f"from model.decoder_size = {model.decoder_size}.",
        'Make the two equal, or choose model.attention = "general" or "multi-head".',
    )


def _window(recipe: Recipe) -> Problem | None:
    window = recipe.model.attention.settings.get("window", 1)
    if float(window) >= 1:
        return None
    return Problem(
        f"model.attention.window = {window} leaves nothing around the word in the middle.",
        "Give at least 1, for instance 10.",
    )


def _second_attention(recipe: Recipe) -> Problem | None:
    model = recipe.model
    given = f"model.second_attention = {model.second_attention}"
    if model.second_attention == 0:
        return None
    if model.wiring.name != "parallel":
        return Problem(
            f'{given} asks after a later layer, for which only model.wiring = "parallel" has a place, and model.wiring '
            f'is "{model.wiring.name}".',
            'Set model.second_attention = 0, or model.wiring = "parallel".',
        )
    if model.second_attention == 1:
        return Problem(
            f"{given} is the layer after which the first attention is asked.",
            f"Choose a layer from 2 to {model.decoder_layers}, which is model.decoder_layers, or 0 for none.",
        )
    if model.second_attention > model.decoder_layers:
        return Problem(
            f"{given} is above the last layer: model.decoder_layers = {model.decoder_layers}.",
            f"Choose a layer from 2 to {model.decoder_layers}, or 0 for none.",
        )
    return None


def _stack_lengths(recipe: Recipe) -> Problem | None:
    for side in ("encoder", "decoder"):
        cells, num_layers = getattr(recipe.model, f"{side}_cells"), getattr(recipe.model, f"{side}_layers")
        if cells and len(cells) != num_layers:
            return Problem(
                f"model.{side}_cells names {len(cells)} cell(s), and model.{side}_layers = {num_layers}.",
                f"Name one cell a layer, from the bottom, or set model.{side}_layers = {len(cells)}.",
            )
    return None


def _residual(recipe: Recipe) -> Problem | None:
    model = recipe.model
    if model.residual and model.encoder_layers == model.decoder_layers == 1:
        return Problem(
            "model.residual = true joins a layer to the one below, and encoder and decoder have one layer each.",
            "Set model.encoder_layers or model.decoder_layers to 2 or more, or model.residual = false.",
        )
    return None


def _scheduled_sampling(recipe: Recipe) -> Problem | None:
    share, wiring = recipe.training.scheduled_sampling, recipe.model.wiring.name
    if share and wiring != "input-feeding":
        return Problem(
            f"training.scheduled_sampling = {share} lets a network read its own guesses word by word, and "
            f'model.wiring = "{wiring}" reads the whole target at once.',
            'Set model.wiring = "input-feeding", or training.scheduled_sampling = 0.',
        )
    return None


def _r_drop(recipe: Recipe) -> Problem | None:
    model, training = recipe.model, recipe.training
    if not training.r_drop:
        return None
    asked = f"training.r_drop = {training.r_drop:g}"
    # Weights are dropped once an update, for both readings.
    if not (model.dropout or model.recurrent_dropout or model.word_dropout or model.target_word_dropout):
        return Problem(
            f"{asked} compares two dropouts of the same text, and nothing is dropped: model.dropout, "
            "model.recurrent_dropout, model.word_dropout and model.target_word_dropout are 0.",
            "Set model.dropout, for instance to 0.3, or training.r_drop = 0.",
        )
    if training.truncate:
        return Problem(
            f"{asked} reads whole targets twice side by side, and training.truncate = {training.truncate} reads them "
            "in parts.",
            "Set training.truncate = 0, or training.r_drop = 0.",
        )
    if training.scheduled_sampling:
        return Problem(
            f"{asked} compares two readings of the same words, and training.scheduled_sampling = "
            f"{training.scheduled_sampling:g} makes them read different ones.",
            "Set training.scheduled_sampling = 0, or training.r_drop = 0.",
        )
    return None


def _guided_attention(recipe: Recipe) -> Problem | None:
    training = recipe.training
    if not training.guided_attention:
        return None
    asked = f"training.guided_attention = {training.guided_attention:g}"
    if recipe.model.attention.name == "none":
        return Problem(
            f'{asked} shows attention where to look, and model.attention = "none".',
            "Set training.guided_attention = 0, or choose an attention and a wiring that has one: "
            'model.wiring = "parallel".',
        )
    if training.truncate:
        return Problem(
            f"{asked} finds out which words of two whole sentences belong together, and training.truncate = "
            f"{training.truncate} reads targets in parts.",
            "Set training.truncate = 0, or training.guided_attention = 0.",
        )
    return None


def _hold(recipe: Recipe) -> Problem | None:
    training, risk = recipe.training, recipe.training.risk
    rates = {"training.learning_rate": training.learning_rate}
    if risk.epochs or risk.minutes:
        rates["training.risk.learning_rate"] = risk.learning_rate
    for name, rate in rates.items():
        if training.hold * rate >= 1:
            return Problem(
                f"training.hold = {training.hold:g} times {name} = {rate:g} is the share of the way back that weights "
                "are pulled in one update, and is not below 1: they could not move.",
                "Choose a smaller training.hold, for instance 10.",
            )
    return None


def _average_looks(recipe: Recipe) -> Problem | None:
    if recipe.training.average_looks == 1:
        return Problem(
            "training.average_looks = 1 averages the weights of one look, which is what they are.",
            "Set training.average_looks to 2 or more, or to 0 for none.",
        )
    return None


def _frozen_vectors(recipe: Recipe) -> Problem | None:
    model = recipe.model
    if model.freeze_vectors and not (model.source_vectors or model.target_vectors):
        return Problem(
            "model.freeze_vectors = true, and there are no vectors to freeze.",
            "Name a file in model.source_vectors or model.target_vectors, or set model.freeze_vectors = false.",
        )
    return None


def _lines(recipe: Recipe) -> Problem | None:
    for name in ("development_lines", "test_lines"):
        lines = getattr(recipe.data, name)
        if lines and not 1 <= lines[0] <= lines[1]:
            return Problem(
                f"data.{name} = [{lines[0]}, {lines[1]}] is not a range of lines.",
                "Lines count from 1; give the first, then the last, both included.",
            )
    return None


def _lines_of_files(recipe: Recipe) -> Problem | None:
    for name in ("development", "test"):
        if getattr(recipe.data, f"{name}_lines") and not getattr(recipe.data, name):
            return Problem(
                f"data.{name}_lines says which lines of data.{name} to keep, and data.{name} names no file.",
                f"Name the file in data.{name}; or set data.{name}_size in place of data.{name}_lines.",
            )
    return None


def _tagged_split(recipe: Recipe) -> Problem | None:
    data = recipe.data
    tagged = next((corpus for corpus in data.corpora if corpus.tag), None)
    for name in ("development", "test"):
        if tagged is not None and not getattr(data, name) and getattr(data, f"{name}_size"):
            return Problem(
                f"data.{name}_size keeps pairs of all corpora from training, and one of them has the tag {tagged.tag}: "
                "a model would be judged by sources that nobody wrote.",
                f"Name a file of genuine pairs in data.{name}.",
            )
    return None


def _lines_apart(recipe: Recipe) -> Problem | None:
    data = recipe.data
    if {os.path.normpath(name) for name in data.development}.isdisjoint(os.path.normpath(name) for name in data.test):
        return None
    whole = (1, math.inf)  # of the file, where no range is given
    development, test = data.development_lines or whole, data.test_lines or whole
    if max(development[0], test[0]) <= min(development[1], test[1]):
        return Problem(
            "the lines of data.development and data.test overlap in the same file, so the test score would be that of "
            "sentences the model was chosen by.",
            "Choose two ranges that share no line: data.development_lines and data.test_lines.",
        )
    return None


def _places(recipe: Recipe) -> list[tuple[str, Data | Corpus]]:
    """Returns each section that says where text is, by its name."""
    corpora = enumerate(recipe.data.corpora, start=1)
    return [("data", recipe.data), *((f"data.corpora[{number}]", corpus) for number, corpus in corpora)]


def _columns(recipe: Recipe) -> Problem | None:
    for name, section in _places(recipe):
        source, target = section.columns
        if source < 0 or target < 0 or source == target:
            return Problem(
                f"{name}.columns = [{source}, {target}] does not name two columns.",
                "Columns count from 0; give the source's, then the target's.",
            )
        if section.columns != (0, 1) and section.reader.name != "tsv":
            return Problem(
                f"{name}.columns = [{source}, {target}] says which columns of a table hold the text, and "
                f'{name}.reader = "{section.reader.name}" reads none.',
                f'Leave out {name}.columns, or set {name}.reader = "tsv".',
            )
    return None


def _fields(recipe: Recipe) -> Problem | None:
    for name, section in _places(recipe):
        if section.fields and (len(section.fields) != 2 or section.fields[0] == section.fields[1]):
            return Problem(
                f"{name}.fields names {len(section.fields)} field(s) of JSON, and two different ones are needed.",
                "Give the source's field, then the target's; or leave the list empty where they are named by language.",
            )
        if section.fields and section.reader.name != "jsonl":
            return Problem(
                f"{name}.fields = {json.dumps(section.fields, ensure_ascii=False)} says which fields of JSON hold the "
                f'text, and {name}.reader = "{section.reader.name}" reads none.',
                f'Leave out {name}.fields, or set {name}.reader = "jsonl".',
            )
    return None


def _files(recipe: Recipe) -> Problem | None:
    takes = {2: "two files, the source and the target", 1: "one file", 0: "no files: it has its own"}
    for name, section in _places(recipe):
        wanted = {"aligned": 2, "tsv": 1, "jsonl": 1, "tmx": 1, "phrasebook": 0, "hub": 0}.get(section.reader.name)
        for key in ("train", "development", "test"):
            files = getattr(section, key, ())
            if wanted is not None and files and len(files) != wanted:
                return Problem(
                    f'{name}.{key} lists {len(files)} file(s), and {name}.reader = "{section.reader.name}" takes '
                    f"{takes[wanted]}.",
                    f"Correct the list, or choose another {name}.reader."
                    + (
                        " A dataset of the hub can be one of [[data.corpora]], beside sets of your own."
                        if section.reader.name == "hub"
                        else ""
                    ),
                )
    return None


def _corpora(recipe: Recipe) -> Problem | None:
    data = recipe.data
    if data.corpora and data.train:
        return Problem(
            "data.train and data.corpora both say what to train on.",
            "Leave out data.train, and make its files one of the [[data.corpora]].",
        )
    names = [corpus.name for corpus in data.corpora if corpus.name]
    for number, corpus in enumerate(data.corpora, start=1):
        if not corpus.train and corpus.reader.name not in ("hub", "phrasebook") and not corpus.hub:
            return Problem(
                f"data.corpora[{number}].train names no files.", f"Set data.corpora[{number}].train, or leave it out."
            )
        if names.count(corpus.name) > 1:
            return Problem(
                f'data.corpora[{number}].name = "{corpus.name}" is the name of another corpus too.',
                "Give each a name of its own, or none.",
            )
        if corpus.tag and (not _TAG.fullmatch(corpus.tag) or corpus.tag in _NO_TAGS):
            return Problem(
                f"data.corpora[{number}].tag = {json.dumps(corpus.tag, ensure_ascii=False)} is no tag.",
                "Give a word in angle brackets that is none of " + ", ".join(_NO_TAGS) + ", for instance <bt>.",
            )
    return None


def _phrasebook_languages(recipe: Recipe) -> Problem | None:
    data = recipe.data
    given = (data.source_language, data.target_language)
    bases = tuple(re.split("[-_]", code.lower())[0] for code in given)
    if bases == _PHRASEBOOK:
        return None
    other_way = f", and data.reverse = {'false' if data.reverse else 'true'}: the text is the other way round."
    for name, section in _places(recipe):
        if section.reader.name == "phrasebook":
            return Problem(
                f'{name}.reader = "phrasebook" gives "{_PHRASEBOOK[0]}" and "{_PHRASEBOOK[1]}", and '
                f'data.source_language and data.target_language are "{given[0]}" and "{given[1]}".',
                f'Set data.source_language = "{_PHRASEBOOK[0]}" and data.target_language = "{_PHRASEBOOK[1]}"'
                + (other_way if bases == _PHRASEBOOK[::-1] else ", or choose another reader."),
            )
    return None


def _phrasebook_sets(recipe: Recipe) -> Problem | None:
    data = recipe.data
    for name in ("development_size", "test_size"):
        size = getattr(data, name)
        if size and data.reader.name == "phrasebook":
            return Problem(
                f'data.{name} = {size} would split pairs off, and data.reader = "phrasebook" has sets of its own.',
                f"Set data.{name} = 0, or read files of your own.",
            )
    return None


def _untouched(recipe: Recipe) -> Problem | None:
    data = recipe.data
    if data.pretokenised:
        why = "data.pretokenised = true"
    elif data.unicode_form == "none":
        why = 'data.unicode_form = "none"'
    else:
        return None
    for name, changing, other in (
        ("quotes", "straight", "keep"),
        ("html_entities", "decode", "keep"),
        ("unicode_form", "NFKC", "NFC"),
    ):
        if getattr(data, name) == changing:
            return Problem(
                f'data.{name} = "{changing}" changes the text, and with {why} it passes untouched.',
                f'Set data.{name} = "{other}", or leave out {why}.',
            )
    return None


def _hub_name(recipe: Recipe) -> Problem | None:
    for name, section in _places(recipe):
        if section.reader.name == "hub" and not section.hub:
            return Problem(f'{name}.reader = "hub" needs the name of a dataset.', f'Set {name}.hub = "owner/dataset".')
    return None


def _some_limit(recipe: Recipe) -> Problem | None:
    training = recipe.training
    if not (training.max_epochs or training.max_updates or training.minutes):
        return Problem(
            "training.max_epochs, training.max_updates and training.minutes are all 0, so nothing ends the training.",
            "Set one of them, for instance training.max_epochs = 20.",
        )
    return None


def _risk_candidates(recipe: Recipe) -> Problem | None:
    risk = recipe.training.risk
    if (risk.epochs or risk.minutes) and risk.candidates == 1 and not risk.reference:
        return Problem(
            "training.risk.candidates = 1 with training.risk.reference = false leaves one translation, which nothing "
            "is better or worse than.",
            "Set training.risk.candidates to 2 or more, for instance 8, or training.risk.reference = true.",
        )
    return None


def _warmup(recipe: Recipe) -> Problem | None:
    training = recipe.training
    if training.max_updates and training.schedule.warmup_updates >= training.max_updates:
        return Problem(
            f"training.schedule.warmup_updates = {training.schedule.warmup_updates} leaves nothing of "
            f"training.max_updates = {training.max_updates}.",
            "Warm up for a tenth of the updates or less.",
        )
    return None


def _word_split(recipe: Recipe) -> Problem | None:
    split = recipe.text.tokenizer.settings.get("split", "auto")
    if split not in ("auto", "words", "spaces"):
        return Problem(
            f'text.tokenizer.split = "{split}" is not a way to find words.',
            'Choose "words", "spaces" where spaces stand between all tokens, or "auto", which is the one or the other '
            "by data.pretokenised.",
        )
    return None


def _subword_sampling(recipe: Recipe) -> Problem | None:
    share, tokenizer = recipe.training.subword_sampling, recipe.text.tokenizer.name
    if share and tokenizer != "sentencepiece":
        return Problem(
            f"training.subword_sampling = {share:g} cuts words into subwords in several ways, and text.tokenizer = "
            f'"{tokenizer}" cuts them in one.',
            'Set training.subword_sampling = 0, or text.tokenizer = "sentencepiece".',
        )
    return None


def _member_settings(recipe: Recipe) -> Problem | None:
    """Bounds of settings that belong to one member of a family, where a wrong one would only fail much later."""
    tokenizer, shape = recipe.text.tokenizer, recipe.training.schedule.shape
    if tokenizer.settings.get("model", "bpe") not in ("bpe", "unigram"):
        return Problem(
            f'text.tokenizer.model = "{tokenizer.settings["model"]}" is not a kind of subwords.',
            'Choose "bpe" or "unigram".',
        )
    if shape.name in SCHEDULES and not 0 < float(shape.settings.get("factor", 0.5)) < 1:
        return Problem(
            f"training.schedule.shape.factor = {shape.settings['factor']} would not lower the learning rate.",
            "Choose a factor above 0 and below 1.",
        )
    for cell in (recipe.model.cell, *recipe.model.encoder_cells, *recipe.model.decoder_cells):
        if cell.settings.get("activation", "tanh") not in ("tanh", "relu"):
            return Problem(
                f"The activation {cell.settings['activation']!r} of the cell {cell.name!r} is unknown.",
                'Choose "tanh" or "relu".',
            )
    if not float(recipe.model.initialisation.settings.get("bound", 1.0)) > 0:
        return Problem(
            f"model.initialisation.bound = {recipe.model.initialisation.settings['bound']} leaves every weight at 0.",
            "Choose a bound above 0, for instance 0.08.",
        )
    at_least: list[tuple[str, Choice, str, float]] = [
        ("text.tokenizer", tokenizer, "minimum_count", 1),
        ("training.schedule.shape", shape, "patience", 0),
        *(("data.filters", one, "maximum", _LEAST_OF_FILTERS.get(one.name, 0)) for one in recipe.data.filters),
    ]
    for trail, choice, key, least in at_least:
        if float(choice.settings.get(key, least)) < least:
            return Problem(f"{trail}: {key} of {choice.name!r} is {choice.settings[key]}.", f"Give at least {least:g}.")
    return None


RULES: tuple[Rule, ...] = (
    _run_name,
    _encoder_halves,
    _reversed_source,
    _tying,
    _attention_and_wiring,
    _lexical,
    _coverage,
    _candidates,
    _fixed_vector_bridge,
    _parallel_layers,
    _heads,
    _dot_sizes,
    _window,
    _second_attention,
    _stack_lengths,
    _residual,
    _scheduled_sampling,
    _r_drop,
    _guided_attention,
    _average_looks,
    _frozen_vectors,
    _hold,
    _lines,
    _lines_of_files,
    _tagged_split,
    _lines_apart,
    _columns,
    _fields,
    _files,
    _corpora,
    _phrasebook_languages,
    _phrasebook_sets,
    _untouched,
    _hub_name,
    _some_limit,
    _risk_candidates,
    _warmup,
    _word_split,
    _subword_sampling,
    _member_settings,
)
