"""Opening and saving pretrained models: folders as Hugging Face's transformers writes and reads them."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np

from .. import __version__
from ..errors import InputError
from ..nn import Linear, Module
from ..runs import make_folder, read_json, reading, similar_path, write_atomically
from ..trace import is_finite
from .config import SETTINGS, EncoderConfig, read_config, written_config
from .tensor_names import BIASES, BUFFERS, LAYERS, beginnings, is_head, parameters_by_file_name, plain_name
from .weights import READABLE, WEIGHTS, Stored, find_tensors, write_tensors

CONFIG = "config.json"

Found: TypeAlias = dict[str, tuple[str, Stored]]
"""The tensors of a folder by their plain names, each with the name that its file has for it."""

MAY_MISS = ("pooler.dense.weight", "pooler.dense.bias")
"""Files of masked-LM models have no pooler; the encoder then goes without."""

SIZES = ("vocab_size", "width", "hidden", "max_tokens", "token_types")
"""What the shapes of tensors are made of, by EncoderConfig's names."""


class ZeroGenerator(np.random.Generator):
    """Draws initial weights that no one will look at: zeros, for which the system gives no memory yet."""

    def __init__(self) -> None:
        super().__init__(np.random.PCG64(0))

    def normal(self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
        """Zeros."""
        return np.zeros(size, np.float32)

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
        """Zeros."""
        return np.zeros(size, np.float32)


class Pretrained(Module):
    """A model that comes from a folder and can be written to one."""

    model_type: ClassVar[str]
    has_head: ClassVar[bool] = False
    config: EncoderConfig
    pooler: Linear | None = None

    def __init__(self, config: EncoderConfig, *, generator: np.random.Generator) -> None:
        self.config = config

    @classmethod
    def from_pretrained(
        cls, folder: str | os.PathLike[str], *, dtype: Any = np.float32, report: Callable[[str], None] = print
    ) -> Self:
        """Open a folder with config.json and model.safetensors (one, or parts with an index), with dropout off.

        folder: as transformers' save_pretrained writes it
        dtype: float32 or float64, of the weights in memory; each is read once, straight to its place
        report: is told which tensors of the file were not used, and which of the model are missing
        Raises InputError, naming the file and what is wrong, where the folder cannot be used, before memory is taken.
        """
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise ValueError(f"from_pretrained: dtype must be float32 or float64, got {np.dtype(dtype)}")
        folder = Path(folder)
        settings = settings_of(folder)
        model_type, config = read_config(settings, str(folder / CONFIG))
        if model_type != cls.model_type:
            raise InputError(f"{folder / CONFIG}: model_type is {model_type}, which {cls.__name__} is not")
        tensors = tensors_of(folder, model_type)
        missing = check_tensors(cls, config, tensors, folder, settings)
        model = cls(config, generator=ZeroGenerator()).eval()
        if np.dtype(dtype) == np.float64:
            model.double()
        fill(model, tensors)
        if missing:
            model.pooler = None
        unused = sorted(name for plain, (name, _) in tensors.items() if plain not in BUFFERS)
        title = f"{cls.__name__} from {folder}"
        if unused:
            report(f"{title}: not used: {', '.join(unused)}")
        if missing:
            report(f"{title}: missing, and left out: {', '.join(missing)}")
        return model

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Write config.json and model.safetensors (float32) as transformers reads them; the folder is made if need be.

        What a config.json that is there says besides is kept. The tokenizer has a method of its own for this.
        Raises RunError where the disk refuses, InputError where a file is in the way.
        """
        folder = Path(folder)
        make_folder(folder)
        before = read_json(folder / CONFIG) if (folder / CONFIG).exists() else {}
        settings = written_config(self.config, self.model_type, before)
        settings.pop("torch_dtype", None)  # what dtype was called in old files
        settings |= {"architectures": [type(self).__name__], "dtype": "float32", "minattn": __version__}
        prefix = f"{self.model_type}." if self.has_head else ""
        tensors = {
            (name if is_head(name) else prefix + name): parameter.numpy().astype(np.float32, copy=False)
            for name, parameter in parameters_by_file_name(self, self.model_type)
        }
        usual, in_use = BIASES
        if usual in tensors and not self.config.tied:
            tensors[in_use] = tensors[usual]
        write_tensors(folder / WEIGHTS, tensors)
        write_atomically(folder / CONFIG, json.dumps(settings, indent=1) + "\n")


def settings_of(folder: Path) -> dict[str, Any]:
    """The content of a folder's config.json. Raises InputError, naming what is missing."""
    with reading(folder):
        if not folder.is_dir():
            near = similar_path(folder, lambda place: (place / CONFIG).is_file()) or "; models are not downloaded"
            what = "it is a file" if folder.exists() else f"there is no such folder{near}"
            raise InputError(f"expected a folder with {CONFIG} and {WEIGHTS} at {folder}, but {what}")
        if not (folder / CONFIG).exists():
            raise InputError(
                f"{folder / CONFIG} is missing; the folder of a model holds it beside {WEIGHTS} and the tokenizer's "
                "files, as save_pretrained in transformers writes them"
            )
    return read_json(folder / CONFIG)


def tensors_of(folder: Path, model_type: str) -> Found:
    """The tensors in a folder's weights. Raises InputError where two mean the same, or they are of several encoders."""
    tensors, found = find_tensors(folder), Found()
    before = beginnings(tensors, model_type) or [(f"{model_type}.", "")]
    if len(before) > 1:
        named = ", ".join(repr(inside) for inside, _ in before)
        raise InputError(f"{folder}: the weights hold several encoders, whose tensors' names begin with {named}")
    for name, stored in tensors.items():
        twin, _ = found.setdefault(plain_name(name, *before[0]), (name, stored))
        if twin != name:
            raise InputError(f"{folder}: the weights hold both {twin} and {name}, which mean the same; leave one out")
    usual, in_use = BIASES
    if in_use in found:
        found[usual] = found.pop(in_use)
    return found


def expected_shapes(cls: type[Pretrained], config: EncoderConfig) -> dict[str, tuple[int, ...]]:
    """The shape of every parameter by its name in a file, without the memory that a model of these sizes takes.

    They come from a small model of the same build, in which each size is a number that stands for the one in config.
    """
    small = EncoderConfig(
        vocab_size=2,
        width=3,
        heads=1,
        hidden=4,
        max_tokens=5,
        token_types=6 if config.token_types else 0,
        layers=config.layers,
        tied=config.tied,
        pad_id=None,
    )
    sizes = {2: config.vocab_size, 3: config.width, 4: config.hidden, 5: config.max_tokens, 6: config.token_types}
    model = cls(small, generator=ZeroGenerator())
    parameters = parameters_by_file_name(model, cls.model_type)
    return {name: tuple(sizes[n] for n in parameter.shape) for name, parameter in parameters}


def check_tensors(
    cls: type[Pretrained], config: EncoderConfig, tensors: Found, folder: Path, settings: Mapping[str, Any]
) -> list[str]:
    """Hold the tensors of a folder to its config.json; returns the names of those that miss, and may.

    Raises InputError where one that matters is missing, where one has another shape or dtype, and for more layers.
    """
    prefixes = {kind: names["attention.query"].partition("{}")[0] for kind, names in LAYERS.items()}
    prefix = prefixes[cls.model_type]
    layers = {name.removeprefix(prefix).partition(".")[0] for name in tensors if name.startswith(prefix)}
    if len(layers) != config.layers:
        for kind in prefixes:
            strange = [name for name in tensors if prefixes[kind] in name and not layers]
            if strange and kind == cls.model_type:
                begins = f"begin with {strange[0].partition(prefix)[0]!r}, as in {strange[0]}"
                raise InputError(
                    f"{folder}: the names of the layers {begins}, those of the embeddings do not; rename them"
                )
            if strange:
                says = f"{folder / CONFIG}: model_type is {cls.model_type}"
                raise InputError(f"{says}, but the tensors are named as those of {kind}; set it to that")
        name = SETTINGS[cls.model_type]["layers"]
        says = f"says {name} = {config.layers}" if name in settings else f"has no {name}, which means {config.layers}"
        raise InputError(f"{folder / CONFIG} {says}, but the weights have {len(layers)} layers")
    shapes = expected_shapes(cls, config)
    missing = sorted(shapes.keys() - tensors.keys())
    if wanting := [name for name in missing if name not in MAY_MISS]:
        more = f" and {len(wanting) - 4} more" if len(wanting) > 4 else ""
        hint = "; without its masked-LM head it can be opened as an encoder" if is_head(wanting[0]) else ""
        raise InputError(f"{folder}: the weights lack {', '.join(wanting[:4])}{more}{hint}")
    for plain, shape in shapes.items():
        if plain in missing:
            continue
        name, stored = tensors[plain]
        if stored.shape != shape:
            unsaid = [
                f"where {theirs} is missing and counts as {getattr(config, ours)}, "
                for ours, theirs in SETTINGS[cls.model_type].items()
                if ours in SIZES and theirs not in settings and getattr(config, ours) in set(shape) - set(stored.shape)
            ]
            says = f"{CONFIG}, {unsaid[0]}says" if unsaid else f"{CONFIG} says"
            raise InputError(f"{stored.path}: {name} has shape {stored.shape}, but {says} {shape}")
        if stored.dtype not in READABLE:
            raise InputError(f"{stored.path}: {name} has dtype {stored.dtype}, expected one of {', '.join(READABLE)}")
    return missing


def fill(model: Pretrained, tensors: Found) -> None:
    """Read every parameter that has a tensor, which is taken out of the dict. Raises InputError for NaN and Inf."""
    for plain, parameter in parameters_by_file_name(model, model.model_type):
        if plain in tensors:
            name, stored = tensors.pop(plain)
            stored.read_into(parameter.data, name)
            if not is_finite(parameter.data):
                raise InputError(f"{stored.path}: {name} holds NaN or Inf, as would every result; get the file again")
            parameter.changed()
