"""The tokenizer files in the folder of a BERT or DistilBERT model, as Hugging Face's transformers writes them.

tokenizer.json          the whole tokenizer, as the `tokenizers` library reads it
vocab.txt               one piece a line, the first of which has the id 0; used where tokenizer.json is absent
tokenizer_config.json   case, accents and Chinese characters; what it says of them goes before tokenizer.json
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..runs import make_folder, read_json, write_atomically
from ..text import TOKENIZER, VOCABULARY, WordPiece, check_specials, read_text, with_vocabulary

CONFIG = "tokenizer_config.json"
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


class PretrainedWordPiece(WordPiece):
    """The tokenizer of a pretrained model.

    tokenizer_class   the class of transformers that opens it, one of CLASSES
    model_max_length  the most tokens that its model takes, or None where the folder does not say
    """

    tokenizer_class: str = CLASSES[0]
    model_max_length: int | None = None


def load_tokenizer(folder: str | os.PathLike[str]) -> PretrainedWordPiece:
    """Read the tokenizer of a BERT or DistilBERT model from the folder that transformers wrote; nothing is downloaded.

    Args:
        folder: with tokenizer.json or, where that is absent, vocab.txt. What tokenizer_config.json says of case,
            accents and Chinese characters goes before tokenizer.json; without either, the tokenizer is uncased.
    Returns: a tokenizer with the ids that transformers gives under `split_special_tokens=True`: a special token that
        is written in a text is ordinary text.
    Raises: InputError naming the file when one is missing, broken, or of another kind than BERT's.
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
    tokenizer = PretrainedWordPiece(text, name)
    tokenizer.model_max_length = limit
    if tokenizer_class in CLASSES:
        tokenizer.tokenizer_class = tokenizer_class
    return tokenizer


def save_tokenizer(tokenizer: WordPiece, folder: str | os.PathLike[str]) -> Path:
    """Write tokenizer.json, vocab.txt and tokenizer_config.json; transformers opens the folder with the same ids.

    Returns: the path of tokenizer.json.
    Raises: RunError when they cannot be written, InputError where a file is in the way.
    """
    folder = Path(folder)
    make_folder(folder)
    write_atomically(folder / CONFIG, _config_text(tokenizer))
    return tokenizer.save(folder)


def _config_text(tokenizer: WordPiece) -> str:
    """The text of the tokenizer_config.json with which transformers opens a tokenizer with the same ids.

    Its BertTokenizer takes only the pieces of tokenizer.json and splits words as BERT does, so where the file does
    not, the class is the one that takes the file as it is.
    """
    content = json.loads(tokenizer.to_json())
    normalizer = content["normalizer"] or {}
    if isinstance(tokenizer, PretrainedWordPiece):
        tokenizer_class, limit = tokenizer.tokenizer_class, tokenizer.model_max_length
    else:
        tokenizer_class, limit = CLASSES[0], None
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
    if limit is not None:
        config["model_max_length"] = limit
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
