"""Fine-tuning: a pretrained model goes on training on a text of one's own, in a run."""

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from ..backend import get_device
from ..errors import InputError
from ..runs import MODEL, Run, brief, from_json, write_atomically
from ..terminal import print_wrapped
from ..text import WordPiece
from ..training import data, run_config, settings, start_and_resume
from ..training.train_and_report import Draw, TrainingOutcome, train_and_report
from ..training.trainer import Trainer
from .config import EncoderConfig, read_config
from .encoder import BertModel, DistilBertModel
from .folder import CONFIG, ZeroGenerator, settings_of
from .load import MASKED_LM, find_pretrained, load_pretrained
from .masked_lm import MaskedLM, MaskedLMHead
from .tokenizer_files import load_tokenizer, save_tokenizer

FINE_TUNING = {"lr": 5e-5, "batch": 32, "weight_decay": 0.01, "blanks": 0.15, "swapped": None, "save_every": 200}
"""Settings of a fine-tuning unless others are asked for: the largest learning rate that Devlin et al. (2019, appendix
A.3) try, with their batch of 32, decay and blanks; and checkpoints after a minute or two, for the steps are slower."""

NEW_HEAD_LR = 5e-4
"""The same rate where the head is new: at 5e-5 it takes several times as long to learn."""

EPOCHS = 3
"""How often a fine-tuning goes through the text unless a number of steps is asked for; they try 2, 3 and 4."""

LAYERS = re.compile(r"layer\.([0-9]{1,9})(?:-([0-9]{1,9}))?")


@dataclass(frozen=True)
class PretrainedOrigin:
    """Where a fine-tuning began, as config.json remembers it: the folder, and what --freeze said."""

    folder: str
    freeze: str


class MaskedLMKind(run_config.ModelKind):
    """A masked-LM model as a run holds it; its first weights came from a folder."""

    config_class = EncoderConfig
    starts_from_seed = False

    def __init__(self, model_class: type[MaskedLM]) -> None:
        self.model_class = model_class

    def build(self, config: EncoderConfig, seed: int, frozen: Collection[str] = ()) -> MaskedLM:
        """A model of these sizes without its weights, which come from a checkpoint."""
        model = self.model_class(config, generator=ZeroGenerator())
        freeze(model, frozen)
        return model

    def frozen_parts(self, run: Run, config: EncoderConfig) -> frozenset[str]:
        """What --freeze named when the run was started."""
        origin = from_json(PretrainedOrigin, run.config.get("from"), f"{run.folder}/config.json: from")
        return frozen_parts(origin.freeze, config.layers)

    def save_model(self, model: MaskedLM, folder: Path) -> bool:
        """Write it as transformers reads it."""
        model.save_pretrained(folder)
        return True


run_config.MODEL_KINDS.update({name: MaskedLMKind(model_class) for name, model_class in MASKED_LM.items()})


def fine_tune(
    text_name: str, options: Mapping[str, Any], device: str, stream: TextIO, draw: Draw | None = None
) -> TrainingOutcome:
    """Go on with the pretrained model in the folder options["from"]; otherwise as `train_new_model`.

    Args:
        options: "from", "freeze", and those of TrainOptions that are given and do not make a new model
    """
    if wrong := [name for name in (*start_and_resume.MODEL_OPTIONS, "minutes") if name in options]:
        name = wrong[0].replace("_", "-")
        raise InputError(f"--{name} is for a new model and cannot be given with --from, whose model has its own")
    training = start_and_resume.settings_of(FINE_TUNING | dict(options))
    get_device(device)
    run_folder = start_and_resume.new_folder(options)
    text = data.Text.read(text_name)
    folder = find_pretrained(options["from"])
    config = pretrained_config(folder)
    frozen = frozen_parts(options.get("freeze", ""), config.layers)
    settings.check_memory(config, frozen)
    model, tokenizer, head_is_new = open_to_train(folder, lambda line: print_wrapped(line, stream=stream))
    freeze(model, frozen)
    sentences = data.load_data(text, tokenizer, config.max_tokens, run_folder, stream)
    settings.check_trainable(sentences, training)
    if "lr" not in options and head_is_new:
        training = replace(training, lr=NEW_HEAD_LR)
    if "steps" not in options:
        training = replace(training, steps=EPOCHS * -(-len(sentences.training) // training.batch))
    parts = {
        "from": asdict(PretrainedOrigin(str(folder.resolve()), options.get("freeze", ""))),
        "model": {"model_type": model.model_type, **asdict(model.config)},
        "training": asdict(training),
    }
    run = start_and_resume.create_run(run_folder, text, parts, sentences)
    with run.locked():
        with run.undone_unless_saved():
            trainer = Trainer(model, training, sentences, run, device)
            # What the model folder takes over from the one that it came from; the weights follow at the end.
            save_tokenizer(tokenizer, run.folder / MODEL)
            write_atomically(run.folder / MODEL / CONFIG, json.dumps(settings_of(folder), indent=1) + "\n")
            trainer.save()  # so that the run can go on without the folder
        return train_and_report(trainer, sentences, stream, draw)


def pretrained_config(folder: Path) -> EncoderConfig:
    """The sizes of the model in a folder. Raises InputError where there is none."""
    return read_config(settings_of(folder), str(folder / CONFIG))[1]


def open_to_train(folder: Path, report: Callable[[str], None]) -> tuple[MaskedLM, WordPiece, bool]:
    """The masked-LM model in a folder, its tokenizer, and whether the head is new, as an encoder gets one.

    Args:
        report: is told what was not used of the folder, and of the head
    Raises: InputError where the folder cannot be used.
    """
    tokenizer = load_tokenizer(folder)
    size = pretrained_config(folder).vocab_size
    if tokenizer.vocab_size != size:
        raise InputError(f"{folder}: the tokenizer has {tokenizer.vocab_size:,} pieces, but the model has {size:,}")
    model = load_pretrained(folder, report=report)
    if isinstance(model, MaskedLM):
        return model, tokenizer, False
    report(
        f"{folder} holds an encoder without a masked-LM head: a new head starts as the identity, "
        "with the word embedding as its table" + (", and the pooler is left out" if model.pooler else "")
    )
    return with_new_head(model), tokenizer, True


def with_new_head(encoder: BertModel | DistilBertModel) -> MaskedLM:
    """An encoder with a masked-LM head that scores each token by its word embedding; nothing in it is random.

    The linear layer starts as the identity, so that the start is a de-embedding by the nearest token, which training
    improves; random weights would have to find first what the table knows.
    """
    config = replace(encoder.config, tied=True)
    model = MASKED_LM[encoder.model_type](replace(config, layers=0), generator=ZeroGenerator())
    encoder.pooler = None
    model.config = encoder.config = config
    model.encoder = encoder
    model.head = MaskedLMHead(config, encoder.embeddings.word_embeddings, generator=ZeroGenerator())
    model.head.dense.weight.set(np.eye(config.width, dtype=np.float32))
    return model.train(encoder.training)


def frozen_parts(names: str, layers: int) -> frozenset[str]:
    """What --freeze names, part by part.

    names: "embeddings", "layer.N", "layer.A-B" and "head", with commas between; "" for nothing
    Raises InputError for what a model with so many layers does not have, and where nothing is left to train.

    >>> sorted(frozen_parts("embeddings,layer.0-2", 6))
    ['embeddings', 'layer.0', 'layer.1', 'layer.2']
    """
    frozen: set[str] = set()
    for name in names.split(",") if names else []:
        if match := LAYERS.fullmatch(name):
            first, last = int(match[1]), int(match[2] or match[1])
            found = [f"layer.{i}" for i in range(first, last + 1)] if last < layers else []
        else:
            found = [name] if name in ("embeddings", "head") else []
        if not found:
            blocks = ("", "layer.0, ")[layers] if layers < 2 else f"layer.0 to layer.{layers - 1}, "
            raise InputError(f"--freeze: {brief(name)} is no part of this model, which has embeddings, {blocks}head")
        frozen.update(found)
    if len(frozen) == layers + 2:
        raise InputError(f"--freeze {names} leaves nothing to train; leave a part out")
    return frozenset(frozen)


def freeze(model: MaskedLM, frozen: Iterable[str]) -> None:
    """Let the parameters of some parts need no gradient: they stay as they are, and no backward pass goes below them.

    A word embedding that the head shares counts among the embeddings.
    """
    prefixes = tuple("head." if part == "head" else f"encoder.{part.replace('layer', 'blocks')}." for part in frozen)
    for name, parameter in model.named_parameters():
        parameter.requires_grad = not name.startswith(prefixes)
