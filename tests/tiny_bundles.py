"""A whole bundle of a tiny network that nobody trained, made in a moment: for what a trained one shows no better."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from made_facts import made_facts
from tiny_models import scramble
from toy_runs import toy_pairs

from seq2seq import build
from seq2seq.bundle import Bundle, open_bundle, write_bundle
from seq2seq.recipe.decode import complete
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.schema import Recipe
from seq2seq.recipe.toml import dump_recipe
from seq2seq.text.pairs import TokenizerPair
from seq2seq.training.checkpoint import write_tensors

SETTINGS = (
    "text.vocabulary_size=310",
    "model.embedding_size=16",
    "model.encoder_size=16",
    "model.decoder_size=16",
    "model.attention.heads=2",
)


def make_bundle(path: Path, *settings: str, seed: int = 1, tags: Sequence[str] = ()) -> Bundle:
    """Writes a bundle at `path` whose every weight is random, and whose vocabulary has `tags`."""
    import torch

    recipe = apply_overrides(complete(Recipe()), [*SETTINGS, *settings])
    pairs = toy_pairs(80)
    tokenizers: TokenizerPair = build.tokenizers(
        recipe, lambda: (source for source, _ in pairs), lambda: (target for _, target in pairs)
    ).with_tags(tags)
    torch.manual_seed(seed)
    network = build.model(
        recipe.model,
        source_symbols=tokenizers.source.vocabulary_size,
        target_symbols=tokenizers.target.vocabulary_size,
    )
    scramble(network)
    weights = {name: weight.detach().contiguous() for name, weight in network.named_parameters()}
    write_bundle(
        path,
        facts=made_facts(update=0),
        recipe_text=dump_recipe(recipe),
        save_weights=lambda file: write_tensors(weights, file),
        save_tokenizers=tokenizers.save,
    )
    return open_bundle(path)
