"""The tokenizer files in the folder of a BERT or DistilBERT model, as Hugging Face's transformers writes them.

tokenizer.json          the whole tokenizer, as the `tokenizers` library reads it
vocab.txt               one piece a line, the first of which has the id 0; used where tokenizer.json is absent
tokenizer_config.json   the class of transformers that opens it; case, accents and Chinese characters for BERT's class
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..runs import brief, make_folder, parse_json, read_json, write_atomically
from ..text import TOKENIZER, VOCABULARY, WordPiece, check_specials, read_text, with_vocabulary

CONFIG, MODEL_CONFIG = "tokenizer_config.json", "config.json"
ADDED = "added_tokens.json"  # older versions of transformers put pieces beside vocab.txt there
LONGEST_WORD = 100  # characters; in BERT a longer word becomes [UNK]
NO_LIMIT = 10**9  # transformers writes 1e30 for a model_max_length that is not known
CLASSES = ("BertTokenizer", "DistilBertTokenizer")
CLASS_OF = {"bert": CLASSES[0], "distilbert": CLASSES[1]}  # where tokenizer_config.json does not say, the model does
SPECIAL_NAMES = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
# tokenizer_config.json's names of what the library's BertNormalizer does, and its own
OPTIONS = {
    "do_lower_case": "lowercase",
    "strip_accents": "strip_accents",
    "tokenize_chinese_chars": "handle_chinese_chars",
}
# How BERT cleans a text, in what is not said otherwise, and splits it into words
NORMALIZER = {
    "type": "BertNormalizer",
    "clean_text": True,
    "handle_chinese_chars": True,
    "strip_accents": None,
    "lowercase": True,
}
PRE_TOKENIZER = {"type": "BertPreTokenizer"}


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
        folder: with tokenizer.json or, where that is absent, vocab.txt. Where tokenizer_config.json, or the model_type
            in config.json, says that BERT's class opens it, a text is cleaned and split as that class does, with what
            tokenizer_config.json says of case, accents and Chinese characters and else uncased; of tokenizer.json it
            takes the pieces. Any other class takes tokenizer.json as it is. Where no class is said, what is said of
            case goes before tokenizer.json, and what this lacks is as in BERT.
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
    said_class = _class(config, folder)
    tokenizer_class = said_class or CLASSES[0]
    if whole.exists():
        text, name = _as_opened_by(said_class, read_text(whole), options), str(whole)
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
    tokenizer = PretrainedWordPiece(text, name)
    if isinstance(said, (int, float)) and not isinstance(said, bool) and 0 < said < NO_LIMIT:
        tokenizer.model_max_length = int(said)
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
    limit = getattr(tokenizer, "model_max_length", None)
    config: dict[str, Any] = dict(SPECIAL_NAMES)
    if normalizer.get("type") == "BertNormalizer":
        config |= {name: normalizer[key] for name, key in OPTIONS.items()}
    if (
        normalizer.get("type") == "BertNormalizer"
        and normalizer["clean_text"]
        and content["pre_tokenizer"] == PRE_TOKENIZER
        and content["model"]["max_input_chars_per_word"] == LONGEST_WORD
    ):
        config["tokenizer_class"] = getattr(tokenizer, "tokenizer_class", CLASSES[0])
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
            raise InputError(f"{file}: expected {expected!r} as the {name}, as in BERT, got {brief(content)}")
    options = {}
    for name, key in OPTIONS.items():
        if name in config:
            value = config[name]
            if not (isinstance(value, bool) or (value is None and name == "strip_accents")):
                raise InputError(f"{file}: {name} must be true or false, got {brief(value)}")
            options[key] = value
    return options


def _class(config: Mapping[str, Any], folder: Path) -> str | None:
    """The class of transformers that opens a folder, without Fast at its end; None where nothing says."""
    said = config.get("tokenizer_class")
    if not (said is None or isinstance(said, str)):
        raise InputError(f"{folder / CONFIG}: tokenizer_class must be the name of a class, got {brief(said)}")
    if said:
        # only these two have a form that is called Fast and is the same
        return said.removesuffix("Fast") if said.removesuffix("Fast") in CLASSES else said
    settings = read_json(folder / MODEL_CONFIG) if (folder / MODEL_CONFIG).exists() else {}
    model_type = settings.get("model_type")
    return CLASS_OF.get(model_type) if isinstance(model_type, str) else None


def _as_opened_by(tokenizer_class: str | None, tokenizer_json: str, options: Mapping[str, Any]) -> str:
    """A tokenizer.json as a class of transformers takes it: BERT's only its pieces, any other all of it.

    None for the class: what the file has stands, save what the options say of a BertNormalizer.
    """
    if tokenizer_class not in (None, *CLASSES):
        return tokenizer_json
    try:
        content = parse_json(tokenizer_json.encode())
        own = content.get("normalizer")
        if tokenizer_class is not None:
            content |= {"normalizer": NORMALIZER | dict(options), "pre_tokenizer": PRE_TOKENIZER}
            if content["model"].get("type", "WordPiece") == "WordPiece":
                content["model"]["max_input_chars_per_word"] = LONGEST_WORD
        else:
            if own is None or own["type"] == "BertNormalizer":
                content["normalizer"] = NORMALIZER | (own or {}) | dict(options)
            content["pre_tokenizer"] = content.get("pre_tokenizer") or PRE_TOKENIZER
    except (ValueError, KeyError, TypeError, AttributeError):
        return tokenizer_json  # refused by whoever builds a tokenizer of it
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
            raise InputError(
                f"{file}: expected each piece once, found {brief(piece)} on lines {ids[piece] + 1} and {i + 1}"
            )
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
            if not isinstance(piece, str) or piece not in ids:
                raise InputError(
                    f"{file}: adds the piece {brief(piece)}, which {VOCABULARY} lacks; "
                    f"open the folder with transformers and save it, which writes {TOKENIZER}"
                )
