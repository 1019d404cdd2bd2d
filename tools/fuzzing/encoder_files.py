"""Folders with a BERT or DistilBERT: config, weights in each precision and in parts, tokenizers, how to pool."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from minattn.pretrained import BertForMaskedLM, BertModel, DistilBertModel, EncoderConfig, save_tokenizer
from minattn.pretrained.config import SETTINGS
from minattn.pretrained.load import open_folder, sentence_settings
from minattn.pretrained.texts import embed_tokens
from minattn.text import WordPiece

from .independent import Arrays, expect, greedy, is_same, json_of, pieces, tensors, write_tensors
from .subjects import TEXT, Subject

WORDS = ("embeddings.word_embeddings.weight", "bert.embeddings.word_embeddings.weight")
FIRST, SECOND = "one.safetensors", "two.safetensors"

Kind = type[BertModel] | type[BertForMaskedLM] | type[DistilBertModel]


def encoder_subjects(root: Path) -> list[Subject]:
    """A folder of each form."""
    return [
        encoder_subject(root / "bert", BertForMaskedLM, "F32", sentences=True),
        encoder_subject(root / "distil", DistilBertModel, "F16", vocabulary_only=True),
        encoder_subject(root / "parts", BertModel, "BF16", in_parts=True),
        encoder_subject(root / "double", BertModel, "F64"),
    ]


def encoder_subject(
    folder: Path,
    kind: Kind,
    dtype: str,
    *,
    sentences: bool = False,
    vocabulary_only: bool = False,
    in_parts: bool = False,
) -> Subject:
    """A folder of one form, with a small model of which no number stands twice."""
    rng = np.random.default_rng(0)
    tokenizer = WordPiece.train(TEXT.splitlines(), 90)
    types = 0 if kind is DistilBertModel else 2
    sizes = EncoderConfig(tokenizer.vocab_size, 8, layers=2, heads=2, hidden=12, max_tokens=16, token_types=types)
    model = kind(sizes, generator=rng)
    for parameter in model.parameters():
        parameter.set(parameter.data + 0.2 * rng.normal(size=parameter.shape))
    model.save_pretrained(folder)
    save_tokenizer(tokenizer, folder)
    files = {"config.json": 4, "tokenizer_config.json": 2, "model.safetensors": 5, "tokenizer.json": 3, "vocab.txt": 1}
    write_tensors(folder / "model.safetensors", tensors(folder / "model.safetensors"), dtype)
    stored = tensors(folder / "model.safetensors")
    model = kind.from_pretrained(folder, report=lambda line: None)
    named = {name: _name_of(parameter.data, stored) for name, parameter in model.named_parameters()}
    if sentences:
        files |= {"modules.json": 1, "1_Pooling/config.json": 1, "sentence_bert_config.json": 1}
        (folder / "1_Pooling").mkdir()
        kinds = [{"idx": i, "path": path, "type": f"a.{what}"} for i, (path, what) in enumerate(MODULES)]
        _write(folder / "modules.json", kinds)
        _write(
            folder / "1_Pooling" / "config.json", {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}
        )
        _write(folder / "sentence_bert_config.json", {"max_seq_length": 12})
    if vocabulary_only:
        (folder / "tokenizer.json").unlink()
        del files["tokenizer.json"]
        files["vocab.txt"] = 3
        _write(folder / "tokenizer_config.json", {"do_lower_case": True, "tokenizer_class": "DistilBertTokenizer"})
    if in_parts:
        half = len(stored) // 2
        parts = {FIRST: dict(list(stored.items())[:half]), SECOND: dict(list(stored.items())[half:])}
        for part, arrays in parts.items():
            write_tensors(folder / part, arrays, dtype)
        (folder / "model.safetensors").unlink()
        del files["model.safetensors"]
        files |= {FIRST: 3, SECOND: 2, "model.safetensors.index.json": 3}
        weight_map = {name: part for part, arrays in parts.items() for name in arrays}
        _write(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": weight_map})
    return Subject(
        f"encoder {folder.name}", folder, files, partial(load, named=named), names=("its weights are too large",)
    )


MODULES = (("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize"))


def load(folder: Path, rng: Random, named: dict[str, str]) -> None:
    """What `minattn embed` does."""
    said: list[str] = []
    opened = open_folder(str(folder), said.append)
    pooling, limit = sentence_settings(opened.folder, said.append)
    rows = opened.encode(["The old cat sees."], True, limit)
    expect(np.isfinite(embed_tokens(opened.model, rows, pooling=pooling)).all(), "the vectors are not finite")
    settings = json_of(folder / "config.json")
    for ours, theirs in SETTINGS[settings["model_type"]].items():
        if theirs in settings:
            got, wanted = getattr(opened.model.config, ours), settings[theirs]
            expect(got == wanted and isinstance(got, bool) is isinstance(wanted, bool), f"{theirs} is {got!r}")
    stored = _all_tensors(folder)
    for name, parameter in opened.model.named_parameters():
        # a file may name it with another beginning, or none
        full = named.get(name) or named.get(f"encoder.{name}") or named[name.removeprefix("encoder.")]
        tail = full.removeprefix("bert.").removeprefix("distilbert.")
        tail = tail.replace("LayerNorm.weight", "LayerNorm.").replace("LayerNorm.bias", "LayerNorm.")
        alike = [key for key in stored if tail in key or full == key]
        expect(
            any(is_same(parameter.data, stored[key]) for key in alike), f"{name} holds numbers that the file has not"
        )
    check_tokenizer(folder, opened.tokenizer)
    if (folder / "sentence_bert_config.json").exists():
        wanted = json_of(folder / "sentence_bert_config.json").get("max_seq_length")
        expect(limit == wanted and not isinstance(limit, bool), f"max_seq_length is {limit!r}")


def check_tokenizer(folder: Path, tokenizer: WordPiece) -> None:
    """Hold a tokenizer to its files: the pieces, and the ids of words in small and capital letters."""
    if (folder / "tokenizer.json").exists():
        content = json_of(folder / "tokenizer.json")
        added = content.get("added_tokens") or []
        wanted = pieces(content["model"]["vocab"], added)
    else:
        content, added = {}, []
        lines = (folder / "vocab.txt").read_bytes().decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
        wanted = [line.rstrip() or line for line in lines.removesuffix("\n").split("\n")]
    expect(tokenizer.pieces == wanted, "the tokenizer has other pieces than its file")
    config = json_of(folder / "tokenizer_config.json") if (folder / "tokenizer_config.json").exists() else {}
    kind = config.get("tokenizer_class")
    specials = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
    if not (isinstance(kind, str) and kind.startswith(("Bert", "DistilBert"))):
        return
    if any(token["content"] not in specials for token in added):
        return  # words with these are cut elsewhere
    vocabulary = {piece: i for i, piece in enumerate(wanted)}
    for word in ("the", "The", "HOUSE", "cats"):
        ids = tokenizer.encode(word)[1:-1]
        same = word.lower() if config.get("do_lower_case", True) else word
        expect(ids == greedy(vocabulary, same, vocabulary["[UNK]"]), f"{word!r} has the ids {ids}")


def _name_of(array: Any, stored: Arrays) -> str:
    return next(name for name, there in stored.items() if is_same(array, there))


def _all_tensors(folder: Path) -> Arrays:
    if (folder / "model.safetensors").exists():
        return tensors(folder / "model.safetensors")
    parts = json_of(folder / "model.safetensors.index.json")["weight_map"]
    return {name: tensors(folder / part)[name] for name, part in parts.items()}


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")
