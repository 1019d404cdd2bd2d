"""What `minattn embed`, `deembed` and `fill` do, without the parsing and the printing."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..pretrained import LayerDeEmbedding, fill_blanks, load_pretrained, load_tokenizer, vocabulary_comes_back
from ..pretrained.encoder import Encoder
from ..pretrained.layer_deembedding import Found
from ..pretrained.load import find_pretrained
from ..pretrained.masked_lm import MaskedLM
from ..pretrained.texts import Tokens, Vectors, embed_tokens, token_ids
from ..runs import json_ready, read_bytes, read_json, write_atomically
from ..terminal import Count, shortened
from ..text import WordPiece

Say = Callable[[str], None]
SENTENCES, MODULES, POOLING = "sentence_bert_config.json", "modules.json", "1_Pooling"
"""Files of sentence-transformers: the most tokens, the steps, and the usual folder of how vectors become one."""


@dataclass(frozen=True)
class Opened:
    """What is in a folder: the model and its tokenizer. say: where to report what is lost."""

    folder: Path
    model: Encoder | MaskedLM
    tokenizer: WordPiece
    say: Say

    def encode(self, texts: Sequence[str], truncate: bool, limit: int | None = None, blanks: bool = False) -> Tokens:
        """The ids of texts; says what is lost of them, and what is cut off."""
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
        if lost:
            different = list(dict.fromkeys(lost))
            more = f" and {len(different) - 20:,} more" if len(different) > 20 else ""
            shown = " ".join(shortened(word, 40) for word in different[:20])
            self.say(f"lost, because the vocabulary lacks them: {shown}{more}")
        return rows


def open_folder(folder: str, say: Say) -> Opened:
    """Open a folder with a pretrained model, or a run with one; say is told what the weights have too many or few."""
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
    return Opened(place, model, tokenizer, say)


def padding_at_most(rows: int) -> int:
    """More rows than this that a table of embeddings has without a token are not there to make it a round number.

    Tables are padded to a multiple of a power of two, up to 1024, for speed. A few tokens too many are common as well.

    >>> padding_at_most(30592), padding_at_most(30522)
    (128, 8)
    """
    return max(8, min(rows & -rows, 1024))


def read_texts(given: Sequence[str]) -> list[str]:
    """The texts, with the lines of standard input in the place of `-`. Raises InputError for a blank line."""
    texts: list[str] = []
    for text in given:
        if text != "-":
            texts.append(text)
            continue
        content = standard_input()
        lines = content.removesuffix("\n").split("\n") if content else []
        if blank := [i for i, line in enumerate(lines, 1) if not line.strip()]:
            raise InputError(f"line {blank[0]:,} of standard input is blank; each line is a text, leave it out")
        texts += lines
    if not texts:
        raise InputError("there are no texts: standard input is empty")
    return texts


def standard_input() -> str:
    """All of it as text. Raises InputError for what is not UTF-8."""
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise InputError(
            f"standard input must be UTF-8 text, but byte {error.start} is not; save it as UTF-8"
        ) from None


def embed_job(folder: str, given: Sequence[str], truncate: bool, threads: int, say: Say) -> tuple[list[str], Vectors]:
    """The texts, and a vector of length 1 for each (N, D)."""
    texts, opened = read_texts(given), open_folder(folder, say)
    pooling, limit = sentence_settings(opened.folder, say)
    rows = opened.encode(texts, truncate, limit)
    with Count(len(rows), "texts", sys.stderr) as count:
        vectors = embed_tokens(opened.model, rows, pooling=pooling, threads=threads, progress=count.show)
    return texts, vectors


def sentence_settings(folder: Path, say: Say) -> tuple[str, int | None]:
    """How vectors of tokens become one, and the most tokens: as sentence-transformers' files say, where there are some.

    Raises InputError for a way that is not known.
    """
    listed = read_list(folder / MODULES) if (folder / MODULES).exists() else []
    steps = {str(step.get("type", "")).rpartition(".")[2]: step for step in listed if isinstance(step, dict)}
    if unknown := [kind for kind in steps if kind not in ("Transformer", "Pooling", "Normalize")]:
        say(f"{folder / MODULES} has a step {unknown[0]}, which is not applied: these are not that model's own vectors")
    pooling = folder / str(steps.get("Pooling", {}).get("path", POOLING)) / "config.json"
    if "Pooling" in steps and not pooling.is_file():
        raise InputError(f"{pooling}, which says how vectors are pooled by {MODULES}, is missing; get it as well")
    limit = read_json(folder / SENTENCES).get("max_seq_length") if (folder / SENTENCES).exists() else None
    if limit is not None and not (type(limit) is int and limit >= 2):
        raise InputError(f"{folder / SENTENCES}: max_seq_length must be a number of tokens, got {limit!r}")
    modes = read_json(pooling) if pooling.exists() else {"pooling_mode_mean_tokens": True}
    chosen = [name for name, value in modes.items() if name.startswith("pooling_mode") and value not in (False, None)]
    if chosen == ["pooling_mode_cls_token"] or modes.get("pooling_mode") == "cls":
        return "cls", limit
    if chosen == ["pooling_mode_mean_tokens"] or modes.get("pooling_mode") == "mean":
        return "mean", limit
    raise InputError(f"{pooling}: known are mean and cls, got {', '.join(chosen) or 'none'}")


def read_list(path: Path) -> list[Any]:
    """The JSON list in a file. Raises InputError where it is something else."""
    content = read_bytes(path)
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged: expected JSON, but {error}") from None
    if not isinstance(value, list):
        raise InputError(f"{path} is damaged: expected a JSON list, got a {type(value).__name__}")
    return value


def write_vectors(path: str, vectors: Vectors) -> None:
    """Write vectors (N, D) as a file of NumPy's. Raises RunError where the disk refuses."""
    content = io.BytesIO()
    np.save(content, vectors, allow_pickle=False)
    write_atomically(path, content.getvalue())


@dataclass(frozen=True)
class DeEmbedded:
    """What tokens came back as: ids by stage and kind, each as many as there are in `ids`."""

    tokenizer: WordPiece
    ids: np.ndarray[Any, np.dtype[Any]]
    found: Found

    def share(self, stage: str, kind: str) -> float:
        """The share of the tokens that came back as themselves."""
        return float((self.found[stage][kind] == self.ids).mean())

    def failures(self, stage: str, kind: str) -> list[tuple[str, str]]:
        """The tokens that came back as another, in the order of the vocabulary, and what they came back as."""
        best, pieces = self.found[stage][kind], self.tokenizer.pieces
        wrong = np.flatnonzero(best != self.ids)
        return [(pieces[i], pieces[j]) for i, j in zip(self.ids[wrong], best[wrong], strict=True)]


def deembed_job(folder: str, text: str, truncate: bool, say: Say) -> DeEmbedded:
    """What the tokens of a text come back as at each stage; [MASK] stands for a blank, - for standard input."""
    text, opened = standard_input() if text == "-" else text, open_folder(folder, say)
    (row,) = opened.encode([text], truncate, blanks=True)
    found = LayerDeEmbedding(opened.model, opened.tokenizer.vocab_size)(np.array([row]))
    flat = {stage: {kind: ids[0] for kind, ids in by_kind.items()} for stage, by_kind in found.items()}
    return DeEmbedded(opened.tokenizer, np.array(row), flat)


def vocabulary_job(folder: str, threads: int, say: Say) -> DeEmbedded:
    """What each token of the vocabulary comes back as at each stage, in a text of its own."""
    opened = open_folder(folder, say)
    tokenizer = opened.tokenizer
    de_embedding = LayerDeEmbedding(opened.model, tokenizer.vocab_size)
    if opened.model.config.max_tokens < 3:
        raise InputError(f"{opened.folder}: the model has too few positions for [CLS] token [SEP]")
    with Count(tokenizer.vocab_size, "tokens", sys.stderr) as count:
        found = vocabulary_comes_back(
            de_embedding, tokenizer.cls_id, tokenizer.sep_id, threads=threads, progress=count.show
        )
    return DeEmbedded(tokenizer, np.arange(tokenizer.vocab_size), found)


@dataclass(frozen=True)
class Filled:
    """A text with its blanks filled. blanks: the likeliest tokens of each with their probabilities, best first."""

    text: str
    places: list[int]
    blanks: list[list[tuple[str, float]]]

    def to_dict(self) -> dict[str, Any]:
        """The same for programs."""
        filled = [
            {"position": place, "best": [{"token": token, "probability": p} for token, p in best]}
            for place, best in zip(self.places, self.blanks, strict=True)
        ]
        return {"text": self.text, "blanks": json_ready(filled, "blanks", null_for_nan=True)}


def fill_job(folder: str, text: str, top: int, truncate: bool, say: Say) -> Filled:
    """Fill the blanks of a text, [MASK] in it; - stands for standard input."""
    text, opened = standard_input() if text == "-" else text, open_folder(folder, say)
    model, tokenizer = opened.model, opened.tokenizer
    if not isinstance(model, MaskedLM):
        raise InputError(
            f"{opened.folder} holds an encoder without a masked-LM head, so it cannot fill blanks; take a masked-LM "
            "model, or make one of it: minattn train TEXT --from FOLDER"
        )
    (row,) = opened.encode([text], truncate, blanks=True)
    if "[MASK]" in text and tokenizer.mask_id not in row:
        raise InputError("the blank is in the part that was cut off; move [MASK] nearer to the beginning")
    blanks = fill_blanks(model, tokenizer, row, top)
    places = [i for i, number in enumerate(row) if number == tokenizer.mask_id]
    ids = {piece: i for i, piece in enumerate(tokenizer.pieces)}
    for place, best in zip(places, blanks, strict=True):
        row[place] = ids[best[0][0]]
    return Filled(tokenizer.decode(row), places, blanks)
