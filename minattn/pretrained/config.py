"""The sizes of BERT and DistilBERT, and what Hugging Face's config.json calls them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InputError
from ..runs import brief


@dataclass(frozen=True)
class EncoderConfig:
    """The sizes and choices of a pretrained encoder.

    hidden: width inside the feed-forward network. pad_id: a token whose vector is not trained, None for no such token.
    token_types: how many kinds of tokens are told apart, 0 for none.
    tied: the de-embedding of the masked-LM form is the word embedding. sinusoidal: positions start as sinusoids.

    Raises InputError for a number out of range, and a width that the heads do not divide.
    """

    vocab_size: int
    width: int = 768
    layers: int = 12
    heads: int = 12
    hidden: int = 3072
    max_tokens: int = 512
    token_types: int = 0
    eps: float = 1e-12
    dropout: float = 0.1
    pad_id: int | None = 0
    tied: bool = True
    sinusoidal: bool = False

    def __post_init__(self) -> None:
        for name in ("vocab_size", "width", "heads", "hidden", "max_tokens", "layers", "token_types"):
            least = 0 if name in ("layers", "token_types") else 1
            if getattr(self, name) < least:
                raise InputError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if self.pad_id is not None and not 0 <= self.pad_id < self.vocab_size:
            raise InputError(f"pad_id must be an id of the {self.vocab_size} in the vocabulary, got {self.pad_id}")
        if self.width % self.heads:
            raise InputError(f"width {self.width} is not divisible by {self.heads} heads")
        if not 0 < self.eps <= 1:
            raise InputError(f"eps must be above 0 and at most 1, got {self.eps}")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout must be in [0, 1), got {self.dropout}")

    def matrices(self) -> dict[str, int]:
        """The numbers in the matrices of the embeddings, of each layer, and of the masked-LM head."""
        return {
            "embeddings": (self.vocab_size + self.max_tokens + self.token_types) * self.width,
            "layer": (4 * self.width + 2 * self.hidden) * self.width,
            "head": (self.width + (0 if self.tied else self.vocab_size)) * self.width,
        }


SETTINGS = {  # ours: theirs
    "bert": {
        "vocab_size": "vocab_size",
        "width": "hidden_size",
        "layers": "num_hidden_layers",
        "heads": "num_attention_heads",
        "hidden": "intermediate_size",
        "max_tokens": "max_position_embeddings",
        "token_types": "type_vocab_size",
        "eps": "layer_norm_eps",
        "dropout": "hidden_dropout_prob",
        "pad_id": "pad_token_id",
        "tied": "tie_word_embeddings",
    },
    "distilbert": {
        "vocab_size": "vocab_size",
        "width": "dim",
        "layers": "n_layers",
        "heads": "n_heads",
        "hidden": "hidden_dim",
        "max_tokens": "max_position_embeddings",
        "dropout": "dropout",
        "pad_id": "pad_token_id",
        "tied": "tie_word_embeddings",
        "sinusoidal": "sinusoidal_pos_embds",
    },
}

USUAL = {
    "bert": {"vocab_size": 30522, "layers": 12, "token_types": 2},
    "distilbert": {"vocab_size": 30522, "layers": 6},
}
"""What a config.json means that leaves a number out, where EncoderConfig's default is another."""

ACTIVATION = {"bert": "hidden_act", "distilbert": "activation"}

ONLY: dict[str, Any] = {
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "add_cross_attention": False,
    "pruned_heads": {},
}
"""Settings of which these models know one value."""


def read_config(settings: Mapping[str, Any], where: str) -> tuple[str, EncoderConfig]:
    """The model type and the sizes that a config.json says.

    where: the file, for messages
    Raises InputError for another architecture, a setting that is not known, and numbers that are not numbers.
    """
    model_type = settings.get("model_type")
    if not isinstance(model_type, str) or model_type not in SETTINGS:
        raise InputError(f"{where}: model_type is {brief(model_type)}; known are {' and '.join(SETTINGS)}")
    for name, value in {**ONLY, ACTIVATION[model_type]: "gelu"}.items():
        if settings.get(name, value) not in (value, None):
            raise InputError(f"{where}: {name} is {brief(settings[name])}; known is {value!r} only")
    values: dict[str, Any] = dict(USUAL[model_type])
    defaults = EncoderConfig(1)
    for ours, theirs in SETTINGS[model_type].items():
        if theirs not in settings:
            continue
        value, wanted = settings[theirs], type(getattr(defaults, ours))
        fits = type(value) is wanted or (wanted is float and type(value) is int) or (ours == "pad_id" and value is None)
        if not fits:
            raise InputError(f"{where}: {theirs} must be of type {wanted.__name__}, got {brief(value)}")
        values[ours] = value
    try:
        return model_type, EncoderConfig(**values)
    except InputError as error:
        ours, _, complaint = str(error).partition(" ")
        raise InputError(f"{where}: {SETTINGS[model_type].get(ours, ours)} {complaint}") from None


def written_config(config: EncoderConfig, model_type: str, before: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a config.json: what it was before, and the sizes as they are."""
    sizes = {theirs: getattr(config, ours) for ours, theirs in SETTINGS[model_type].items()}
    return {**before, "model_type": model_type, ACTIVATION[model_type]: "gelu", **sizes}
