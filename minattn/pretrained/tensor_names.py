"""What Hugging Face's files call the parts of BERT and DistilBERT, beside what they are called here."""

import re
from collections.abc import Collection, Iterator

from ..nn import Module, Parameter

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

OTHERS = {
    "bert": {
        "embeddings.norm": "embeddings.LayerNorm",
        "pooler": "pooler.dense",
        "head.dense": "cls.predictions.transform.dense",
        "head.norm": "cls.predictions.transform.LayerNorm",
        "head.de_embedding": "cls.predictions.decoder",
    },
    "distilbert": {
        "embeddings.norm": "embeddings.LayerNorm",
        "head.dense": "vocab_transform",
        "head.norm": "vocab_layer_norm",
        "head.de_embedding": "vocab_projector",
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
    part, _, kind = name.rpartition(".")
    usual, in_use = BIASES
    name = f"{OTHERS[model_type].get(part, part)}.{kind}"
    return usual if name == in_use else name


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
