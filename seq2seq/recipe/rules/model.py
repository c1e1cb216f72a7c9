"""Which networks can be built."""

from __future__ import annotations

from seq2seq.recipe.rules.problem import Problem, Rule
from seq2seq.recipe.schema import Recipe


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


def _frozen_vectors(recipe: Recipe) -> Problem | None:
    model = recipe.model
    if model.freeze_vectors and not (model.source_vectors or model.target_vectors):
        return Problem(
            "model.freeze_vectors = true, and there are no vectors to freeze.",
            "Name a file in model.source_vectors or model.target_vectors, or set model.freeze_vectors = false.",
        )
    return None


MODEL_RULES: tuple[Rule, ...] = (
    _encoder_halves,
    _reversed_source,
    _tying,
    _attention_and_wiring,
    _lexical,
    _fixed_vector_bridge,
    _parallel_layers,
    _heads,
    _dot_sizes,
    _window,
    _second_attention,
    _stack_lengths,
    _residual,
    _frozen_vectors,
)
