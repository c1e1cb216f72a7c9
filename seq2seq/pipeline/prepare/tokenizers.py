"""Which vocabulary a run gets: one that is learned from its text, or another run's, with the tags of its corpora."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec.structs import replace as changed

from seq2seq import build, console
from seq2seq.bundle import RunFolder
from seq2seq.errors import UserError
from seq2seq.folders import describe, digest_of
from seq2seq.manifest import Inputs
from seq2seq.pipeline.prepare.gather import Gathered
from seq2seq.pipeline.prepare.handing_on import is_same, is_turned
from seq2seq.pipeline.prepare.reasons import SET_BY_YOU
from seq2seq.pipeline.prepare.sources import languages
from seq2seq.pipeline.prepare.vocabulary import check_text, report_size
from seq2seq.recipe.decode import complete
from seq2seq.recipe.schema import Recipe
from seq2seq.recipe.toml import load_recipe
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.tagged import tags_of


def learn_tokenizers(recipe: Recipe, gathered: Gathered, reasons: Mapping[str, str]) -> TokenizerPair:
    """Learns the vocabulary or vocabularies from a bounded part of the training text, taken evenly from all of it."""
    every = max(1, -(-gathered.sizes()["train"] // recipe.text.sample_lines))

    console.say("learning the vocabulary …")
    learned = build.tokenizers(recipe, lambda: gathered.texts("source", every), lambda: gathered.texts("target", every))
    by_hand = reasons.get("text.vocabulary_size", SET_BY_YOU) == SET_BY_YOU
    report_size(learned, asked=recipe.text.vocabulary_size, by_hand=by_hand)
    return learned


def taken_over(recipe: Recipe, run: RunFolder, origin: RunFolder, inputs: Inputs) -> TokenizerPair | None:
    """Returns the vocabulary of a run that has it from another one; None: it has not, or is to be of other files.

    For the other direction its sides change places; two vocabularies are learned anew, as tags are the source's.

    Raises:
        UserError: It has, and the recipe asks for another vocabulary in the same folder.
    """
    if not origin.manifest.is_file():
        return None
    manifest = origin.read_manifest()
    before = manifest.inputs
    if not before.vocabulary or before.files != inputs.files:
        return None
    old, new = load_recipe(origin.recipe), complete(recipe)
    if is_same(run, origin):
        check_text(run, old, new)
    elif old.text != new.text:
        return None
    found = TokenizerPair.load(origin.tokenizers)
    if not is_turned(languages(recipe.data), manifest):
        return found
    return TokenizerPair(found.target, found.source) if found.joint else None


def with_vocabulary(
    tokenizers: TokenizerPair | None, recipe: Recipe, inputs: Inputs
) -> tuple[TokenizerPair | None, Inputs]:
    """Returns a vocabulary that is taken over with the tags of the corpora added, and the inputs that say so.

    Where none is taken over, None, and the inputs as they are.
    """
    if tokenizers is None:
        return None, inputs
    tagged = tokenizers.with_tags(corpus_tags(recipe))
    return tagged, changed(inputs, vocabulary=_fingerprint(tagged))


def _fingerprint(tokenizers: TokenizerPair) -> str:
    """Returns the hash of all that a vocabulary consists of."""
    with TemporaryDirectory() as folder:
        tokenizers.save(Path(folder))
        return digest_of(describe(Path(folder)), num_bytes=16)


def corpus_tags(recipe: Recipe) -> list[str]:
    """Returns the tags that a recipe's corpora have, in their order."""
    return [corpus.tag for corpus in recipe.data.corpora if corpus.tag]


def check_tags(recipe: Recipe, tokenizers: TokenizerPair) -> None:
    """Refuses tags that a trained network has no rows for.

    Raises:
        UserError: There is one.
    """
    for tag in corpus_tags(recipe):
        if tag not in tags_of(tokenizers.source):
            raise UserError(
                f"The model that this run starts from knows no tag {tag}, and its network cannot be given one.",
                hint="Leave the tag out of data.corpora; or train a new network, with seq2seq backtranslate.",
            )
