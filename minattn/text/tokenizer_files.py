"""The tokenizer files in the folder of a BERT or DistilBERT model, as Hugging Face's transformers writes them.

tokenizer.json          the whole tokenizer, as the `tokenizers` library reads it
vocab.txt               one piece a line, the first of which has the id 0; used where tokenizer.json is absent
tokenizer_config.json   case, accents and Chinese characters; what it says of them goes before tokenizer.json
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..runs import read_json
from .vocabulary import check_specials, with_vocabulary

TOKENIZER, VOCABULARY, CONFIG = "tokenizer.json", "vocab.txt", "tokenizer_config.json"
ADDED = "added_tokens.json"  # older versions of transformers put pieces beside vocab.txt there
LONGEST_WORD = 100  # characters; in BERT a longer word becomes [UNK]
NO_LIMIT = 10**9  # transformers writes 1e30 for a model_max_length that is not known
CLASSES = ("BertTokenizer", "DistilBertTokenizer")
SPECIAL_NAMES = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
# tokenizer_config.json's names of what the library's BertNormalizer does, and its own
OPTIONS = {
    "do_lower_case": "lowercase",
    "strip_accents": "strip_accents",
    "tokenize_chinese_chars": "handle_chinese_chars",
}


@dataclass(frozen=True)
class TokenizerFiles:
    """What a folder says of its tokenizer.

    tokenizer_json    the text of tokenizer.json, or one made of vocab.txt
    name              the file that it comes from, for errors
    tokenizer_class   the class of transformers that opens it, one of CLASSES
    model_max_length  the most tokens its model takes, or None where that is not said
    """

    tokenizer_json: str
    name: str
    tokenizer_class: str
    model_max_length: int | None


def read_pretrained(folder: str | os.PathLike[str]) -> TokenizerFiles:
    """Read the tokenizer files of a folder; nothing is downloaded.

    Raises InputError naming the file when one is missing, broken, or of another kind than BERT's.
    """
    folder = Path(folder)
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing there; models are not downloaded"
        raise InputError(f"{folder}: expected a folder with {TOKENIZER} or {VOCABULARY}, found {found}")
    config = read_json(folder / CONFIG) if (folder / CONFIG).exists() else {}
    options = _options(config, folder / CONFIG)
    whole, vocabulary = folder / TOKENIZER, folder / VOCABULARY
    tokenizer_class = str(config.get("tokenizer_class") or CLASSES[0]).removesuffix("Fast")
    if whole.exists():
        text, name = _with_options(read_text(whole), options), str(whole)
    elif not vocabulary.exists():
        raise InputError(
            f"{folder}: expected {TOKENIZER} or {VOCABULARY}, found neither; "
            "tokenizer.save_pretrained(…) in transformers writes them"
        )
    elif tokenizer_class not in CLASSES:
        raise InputError(
            f"{folder / CONFIG}: tokenizer_class must be {' or '.join(CLASSES)} to read {VOCABULARY}, "
            f"got {tokenizer_class}, which may split words in another way"
        )
    else:
        ids = _read_vocabulary(vocabulary)
        _check_added(config, folder, ids)
        text, name = with_vocabulary(ids, LONGEST_WORD, options).to_str(), str(vocabulary)
    said = config.get("model_max_length")
    limit = int(said) if isinstance(said, (int, float)) and 0 < said < NO_LIMIT else None
    return TokenizerFiles(text, name, tokenizer_class if tokenizer_class in CLASSES else CLASSES[0], limit)


def read_text(file: Path) -> str:
    """Read a tokenizer's file, with \\n for every line end.

    Raises InputError naming it when it is missing, cannot be read, or is not UTF-8.
    """
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{file}: expected a tokenizer, found nothing there; `minattn vocab` makes one") from None
    except UnicodeDecodeError:
        kind = "in JSON" if file.suffix != ".txt" else "with one piece a line"
        raise InputError(f"{file}: expected a tokenizer {kind}, found bytes that are not UTF-8") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: expected a tokenizer, but it cannot be read: {error}") from None


def tokenizer_config(tokenizer_json: str, tokenizer_class: str, model_max_length: int | None) -> str:
    """Give the text of the tokenizer_config.json with which transformers opens a tokenizer with the same ids.

    Its BertTokenizer takes only the pieces of tokenizer.json and splits words as BERT does, so where the file does
    not, the class is the one that takes the file as it is.
    """
    content = json.loads(tokenizer_json)
    normalizer = content["normalizer"] or {}
    config: dict[str, Any] = dict(SPECIAL_NAMES)
    if normalizer.get("type") == "BertNormalizer":
        config |= {name: normalizer[key] for name, key in OPTIONS.items()}
    if (
        normalizer.get("type") == "BertNormalizer"
        and normalizer["clean_text"]
        and content["pre_tokenizer"] == {"type": "BertPreTokenizer"}
        and content["model"]["max_input_chars_per_word"] == LONGEST_WORD
    ):
        config["tokenizer_class"] = tokenizer_class
    else:
        config["tokenizer_class"] = "PreTrainedTokenizerFast"
        config["model_input_names"] = ["input_ids", "attention_mask"]  # all that DistilBERT takes
    if model_max_length is not None:
        config["model_max_length"] = model_max_length
    return json.dumps(config, indent=1, sort_keys=True) + "\n"


def _options(config: dict[str, Any], file: Path) -> dict[str, Any]:
    """Give what a tokenizer_config.json says of BertNormalizer, by that one's names; refuse other special tokens."""
    for name, expected in SPECIAL_NAMES.items():
        given = config.get(name)
        content = given.get("content") if isinstance(given, dict) else given
        if content not in (None, expected):
            raise InputError(f"{file}: expected {expected!r} as the {name}, as in BERT, got {content!r}")
    options = {}
    for name, key in OPTIONS.items():
        if name in config:
            value = config[name]
            if not (isinstance(value, bool) or (value is None and name == "strip_accents")):
                raise InputError(f"{file}: {name} must be true or false, got {value!r}")
            options[key] = value
    return options


def _with_options(tokenizer_json: str, options: Mapping[str, Any]) -> str:
    """Let options replace those of the BertNormalizer in a tokenizer.json; any other normaliser is left as it is.

    What the options do not say stands as the file has it, where transformers takes its defaults, those of uncased.
    """
    try:
        content = json.loads(tokenizer_json)
        normalizer = content["normalizer"]
        if normalizer["type"] != "BertNormalizer" or normalizer | options == normalizer:
            return tokenizer_json
    except (ValueError, KeyError, TypeError, RecursionError):
        return tokenizer_json  # refused by whoever builds a tokenizer of it
    normalizer.update(options)
    return json.dumps(content, ensure_ascii=False)


def _read_vocabulary(file: Path) -> dict[str, int]:
    """Read a vocab.txt into ids; lines may end in CRLF, and white space after a piece does not count."""
    # read_text has made \n of every line end. Not splitlines: that takes U+2028, which can be a piece, for one too.
    lines = read_text(file).removeprefix("\ufeff").split("\n")
    if lines[-1] == "":
        lines.pop()
    if not lines:
        raise InputError(f"{file}: expected one piece a line, found an empty file")
    ids: dict[str, int] = {}
    for i, line in enumerate(lines):
        piece = line.rstrip() or line
        if piece == "":
            raise InputError(f"{file}: expected one piece a line, found nothing on line {i + 1}")
        if piece in ids:
            raise InputError(f"{file}: expected each piece once, found {piece!r} on lines {ids[piece] + 1} and {i + 1}")
        ids[piece] = i
    check_specials(ids, str(file))
    return ids


def _check_added(config: dict[str, Any], folder: Path, ids: dict[str, int]) -> None:
    """Refuse a folder that adds pieces which its vocab.txt lacks, rather than read them as other ids."""
    named: dict[Path, list[Any]] = {}
    if (folder / ADDED).exists():
        named[folder / ADDED] = list(read_json(folder / ADDED))
    decoder = config.get("added_tokens_decoder")
    if isinstance(decoder, dict):
        named[folder / CONFIG] = [token.get("content") for token in decoder.values() if isinstance(token, dict)]
    for file, pieces in named.items():
        for piece in pieces:
            if piece not in ids:
                raise InputError(
                    f"{file}: adds the piece {piece!r}, which {VOCABULARY} lacks; "
                    f"open the folder with transformers and save it, which writes {TOKENIZER}"
                )
