"""Opening what a user names, a folder or a run: its model, its tokenizer, and how its vectors are pooled."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ..errors import InputError
from ..runs import FORMAT, MODEL, STATE, brief, read_json, read_json_list, reading
from ..terminal import shortened
from ..text import WordPiece, no_blanks
from .config import read_config
from .encoder import BertModel, DistilBertModel, Encoder
from .folder import CONFIG, settings_of, tensors_of
from .masked_lm import BertForMaskedLM, DistilBertForMaskedLM, MaskedLM
from .tensor_names import file_name
from .texts import Tokens, token_ids
from .tokenizer_files import load_tokenizer
from .weights import WEIGHTS

AnyPretrained: TypeAlias = BertModel | DistilBertModel | BertForMaskedLM | DistilBertForMaskedLM
Say = Callable[[str], None]

ENCODERS: dict[str, type[BertModel | DistilBertModel]] = {"bert": BertModel, "distilbert": DistilBertModel}
MASKED_LM: dict[str, type[BertForMaskedLM | DistilBertForMaskedLM]] = {
    "bert": BertForMaskedLM,
    "distilbert": DistilBertForMaskedLM,
}

SENTENCES, MODULES, POOLING = "sentence_bert_config.json", "modules.json", "1_Pooling"
"""Files of sentence-transformers: the most tokens, the steps, and the usual folder of how vectors become one."""


def load_pretrained(
    folder: str | os.PathLike[str], *, dtype: Any = np.float32, report: Callable[[str], None] = print
) -> AnyPretrained:
    """Open a folder as what its config.json says; see `Pretrained.from_pretrained` for the arguments and errors.

    Where it names no architecture, the tensors decide whether it is a masked-LM model.
    """
    folder = Path(folder)
    settings = settings_of(folder)
    model_type, _ = read_config(settings, str(folder / CONFIG))
    architectures = settings.get("architectures")
    if isinstance(architectures, list) and architectures:
        has_head = str(architectures[0]).endswith(("ForMaskedLM", "ForPreTraining"))
    else:
        has_head = file_name("head.dense.weight", model_type) in tensors_of(folder, model_type)
    kind: type[AnyPretrained] = MASKED_LM[model_type] if has_head else ENCODERS[model_type]
    return kind.from_pretrained(folder, dtype=dtype, report=report)


def find_pretrained(folder: str) -> Path:
    """The folder that a user means: one with a model, or a run, which has one in `model`.

    Raises InputError for a run that has none, or none yet, and for a checkpoint of one.
    """
    place, inside = Path(folder), Path(folder) / MODEL
    with reading(place):
        place.exists()  # or the system says why it cannot be, such as a name that is too long
    if (place / STATE).is_file() and not (place / CONFIG).exists():
        raise InputError(f"{place} is a checkpoint of a run; give the run, {os.path.normpath(place / '../..')}")
    settings = read_json(place / CONFIG) if (place / CONFIG).is_file() else {}
    if settings.get("format") != FORMAT:
        return inside if (inside / CONFIG).is_file() else place
    config = settings.get("config")
    if not isinstance(config, dict) or "from" not in config:
        raise InputError(f"{place} is a run of a model of its own, no BERT; use it with minattn reconstruct")
    if not ((inside / CONFIG).is_file() and (inside / WEIGHTS).exists()):
        raise InputError(
            f"{place} has no model yet: a fine-tuning writes it at its end; minattn train --resume {place} goes on"
        )
    return inside


@dataclass(frozen=True)
class OpenedEncoder:
    """The model and the tokenizer of a folder. say: where to report what is lost of a text."""

    folder: Path
    model: Encoder | MaskedLM
    tokenizer: WordPiece
    say: Say

    def encode(self, texts: Sequence[str], truncate: bool, limit: int | None = None, blanks: bool = False) -> Tokens:
        """The ids of each text; what is lost of it, and what is cut off, is reported.

        Args:
            texts: one or more
            truncate: use the beginning of a text that is too long, instead of refusing it
            limit: the most tokens, where the folder wants fewer than the model has positions
            blanks: read [MASK] as a blank
        """
        most = min(limit or self.model.config.max_tokens, self.model.config.max_tokens)
        try:
            rows, cut = token_ids(self.tokenizer, texts, most, truncate=truncate, blanks=blanks)
        except InputError as error:
            raise InputError(str(error).replace("or truncate it", "or give --truncate")) from None
        for i, count in cut.items():
            name = f"text {i + 1}" if len(texts) > 1 else "the text"
            self.say(f"{name}: the first {most:,} of {count:,} tokens are used")
        lost = [
            word
            for text, row in zip(texts, rows, strict=True)
            if self.tokenizer.unk_id in row or not text.isprintable() or "\ufffd" in text
            for word in self.tokenizer.lost(text, blanks=blanks)
        ]
        notes = map(no_blanks if blanks else _letters, texts)
        for note in dict.fromkeys(filter(None, notes)):
            self.say(note)
        if lost:
            different = list(dict.fromkeys(lost))
            more = f" and {len(different) - 20:,} more" if len(different) > 20 else ""
            shown = " ".join(shortened(word, 40) for word in different[:20])
            self.say(f"lost, because the vocabulary lacks them: {shown}{more}")
        return rows


def open_folder(folder: str, say: Say) -> OpenedEncoder:
    """Open a folder with a pretrained model, or a run with one.

    Args:
        folder: where it is
        say: is told which weights are missing or not used, and that pieces of the vocabulary are missing
    """
    place = find_pretrained(folder)
    model = load_pretrained(place, report=say)
    tokenizer = load_tokenizer(place)
    pieces, rows = tokenizer.vocab_size, model.config.vocab_size
    if pieces > rows:
        raise InputError(
            f"{place}: the tokenizer has {pieces:,} pieces, but the model only {rows:,}; they are not of one model"
        )
    if rows - pieces >= padding_at_most(rows):
        has = f"the tokenizer has {pieces:,} pieces for the model's {rows:,}"
        say(f"{place}: {has}; if its file was cut off, get it again")
    return OpenedEncoder(place, model, tokenizer, say)


def _letters(text: str) -> str:
    """A sentence about a blank in a text that may have none."""
    return "[MASK] is taken as letters: this command has no blanks" if "[MASK]" in text else ""


def padding_at_most(rows: int) -> int:
    """How many rows of an embedding table may have no token, if it was only padded to a round number.

    Tables are padded to a multiple of a power of two, up to 1024, for speed. A few rows too many are common as well.

    >>> padding_at_most(30592), padding_at_most(30522)
    (128, 8)
    """
    return max(8, min(rows & -rows, 1024))


def sentence_settings(folder: Path, say: Say) -> tuple[str, int | None]:
    """How a folder pools the vectors of tokens to one, "mean" or "cls", and the most tokens that it wants.

    Both are what the files of sentence-transformers say; without them the mean, and as many as the model takes.
    Raises InputError for another pooling.
    """
    listed = read_json_list(folder / MODULES) if (folder / MODULES).exists() else []
    steps = {str(step.get("type", "")).rpartition(".")[2]: step for step in listed if isinstance(step, dict)}
    if unknown := [kind for kind in steps if kind not in ("Transformer", "Pooling", "Normalize")]:
        say(f"{folder / MODULES} has a step {unknown[0]}, which is not applied: these are not that model's own vectors")
    pooling = folder / str(steps.get("Pooling", {}).get("path", POOLING)) / "config.json"
    if "Pooling" in steps and not pooling.is_file():
        raise InputError(f"{pooling}, which says how vectors are pooled by {MODULES}, is missing; get it as well")
    limit = read_json(folder / SENTENCES).get("max_seq_length") if (folder / SENTENCES).exists() else None
    if limit is not None and not (type(limit) is int and limit >= 2):
        raise InputError(f"{folder / SENTENCES}: max_seq_length must be a number of tokens, got {brief(limit)}")
    modes = read_json(pooling) if pooling.exists() else {"pooling_mode_mean_tokens": True}
    chosen = [name for name, value in modes.items() if name.startswith("pooling_mode") and value not in (False, None)]
    if chosen == ["pooling_mode_cls_token"] or modes.get("pooling_mode") == "cls":
        return "cls", limit
    if chosen == ["pooling_mode_mean_tokens"] or modes.get("pooling_mode") == "mean":
        return "mean", limit
    raise InputError(f"{pooling}: known are mean and cls, got {', '.join(chosen) or 'none'}")
