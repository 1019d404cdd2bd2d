"""What Hugging Face's files call the parts of BERT and DistilBERT, beside what they are called here."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from ..nn import Module, Parameter

EMBEDDINGS = {
    "embeddings.word_embeddings": "embeddings.word_embeddings",
    "embeddings.position_embeddings": "embeddings.position_embeddings",
    "embeddings.token_type_embeddings": "embeddings.token_type_embeddings",
    "embeddings.norm": "embeddings.LayerNorm",
}

LAYERS = {
    "bert": {
        "attention.query": "encoder.layer.{}.attention.self.query",
        "attention.key": "encoder.layer.{}.attention.self.key",
        "attention.value": "encoder.layer.{}.attention.self.value",
        "attention.out": "encoder.layer.{}.attention.output.dense",
        "attention_norm": "encoder.layer.{}.attention.output.LayerNorm",
        "feed_forward.widen": "encoder.layer.{}.intermediate.dense",
        "feed_forward.narrow": "encoder.layer.{}.output.dense",
        "feed_forward_norm": "encoder.layer.{}.output.LayerNorm",
    },
    "distilbert": {
        "attention.query": "transformer.layer.{}.attention.q_lin",
        "attention.key": "transformer.layer.{}.attention.k_lin",
        "attention.value": "transformer.layer.{}.attention.v_lin",
        "attention.out": "transformer.layer.{}.attention.out_lin",
        "attention_norm": "transformer.layer.{}.sa_layer_norm",
        "feed_forward.widen": "transformer.layer.{}.ffn.lin1",
        "feed_forward.narrow": "transformer.layer.{}.ffn.lin2",
        "feed_forward_norm": "transformer.layer.{}.output_layer_norm",
    },
}

HEADS = {  # whole names, because BERT's bias of the scores does not stand beside their weight
    "bert": {
        "pooler.weight": "pooler.dense.weight",
        "pooler.bias": "pooler.dense.bias",
        "head.dense.weight": "cls.predictions.transform.dense.weight",
        "head.dense.bias": "cls.predictions.transform.dense.bias",
        "head.norm.weight": "cls.predictions.transform.LayerNorm.weight",
        "head.norm.bias": "cls.predictions.transform.LayerNorm.bias",
        "head.de_embedding.weight": "cls.predictions.decoder.weight",
        "head.de_embedding.bias": "cls.predictions.bias",
    },
    "distilbert": {
        "head.dense.weight": "vocab_transform.weight",
        "head.dense.bias": "vocab_transform.bias",
        "head.norm.weight": "vocab_layer_norm.weight",
        "head.norm.bias": "vocab_layer_norm.bias",
        "head.de_embedding.weight": "vocab_projector.weight",
        "head.de_embedding.bias": "vocab_projector.bias",
    },
}

BUFFERS = {"embeddings.position_ids", "embeddings.token_type_ids"}
"""Tensors that old files carry and that say nothing: counted positions, and zeros."""

BIASES = ("cls.predictions.bias", "cls.predictions.decoder.bias")
"""Two names of BERT's bias of the scores. A file may have either or both; where they differ, the second is in use."""

BLOCK = re.compile(r"blocks\.(\d+)\.(.+)\.(weight|bias)")


WORDS = "embeddings.word_embeddings.weight"
"""The tensor that every such model has once."""


def beginnings(names: Collection[str], model_type: str) -> list[tuple[str, str]]:
    """With what the names in a file may begin before they are plain: inside the model, and outside of it.

    One pair for each encoder in the file; training in parallel or inside another module puts something before.

    >>> beginnings(["module.bert.embeddings.word_embeddings.weight", "module.cls.predictions.bias"], "bert")
    [('module.bert.', 'module.')]
    """
    found = sorted(name.removesuffix(WORDS) for name in names if name.endswith(WORDS))
    usual = [before for before in found if before in ("", f"{model_type}.")]
    return [(before, re.sub(r"(^|\.)(bert|distilbert)\.$", r"\1", before)) for before in usual[:1] or found]


def parameters_by_file_name(model: Module, model_type: str) -> Iterator[tuple[str, Parameter]]:
    """Every parameter of a model with its name in a file, without the prefix `bert.` or `distilbert.`."""
    for name, parameter in model.named_parameters():
        yield file_name(name, model_type), parameter


def file_name(name: str, model_type: str) -> str:
    """A parameter's name in a file, without the prefix.

    >>> file_name("encoder.blocks.3.attention_norm.bias", "distilbert")
    'transformer.layer.3.sa_layer_norm.bias'
    """
    name = name.removeprefix("encoder.")
    if match := BLOCK.fullmatch(name):
        layer, part, kind = match.groups()
        return f"{LAYERS[model_type][part].format(layer)}.{kind}"
    if name in HEADS[model_type]:
        return HEADS[model_type][name]
    part, _, kind = name.rpartition(".")
    return f"{EMBEDDINGS[part]}.{kind}"


def plain_name(name: str, inside: str, outside: str) -> str:
    """A name as it stands in a file, without its beginning, and as it is written today.

    >>> plain_name("bert.embeddings.LayerNorm.gamma", "bert.", "")
    'embeddings.LayerNorm.weight'
    """
    name = name.removeprefix(inside if name.startswith(inside) else outside)
    stem, _, kind = name.rpartition(".")
    return f"{stem}.{ {'gamma': 'weight', 'beta': 'bias'}.get(kind, kind) }" if stem else name


def is_head(name: str) -> bool:
    """Whether a tensor belongs to the masked-LM head, and so has no prefix."""
    return name.startswith(("cls.", "vocab_"))
