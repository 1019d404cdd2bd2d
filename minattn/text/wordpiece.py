"""WordPiece: text to ids and back, with the `tokenizers` library doing the work.

A word becomes the longest known piece from its left, again and again (Wu et al. 2016, section 4.1). A piece
inside a word is written with `##` before it.
"""

from __future__ import annotations

import hashlib
import json
import operator
import os
import unicodedata
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..runs import brief, make_folder, parse_json, refuse_special, write_atomically
from .spacing import join_words
from .vocabulary import PREFIX, SPECIALS, UNKNOWN, check_specials, learned

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TOKENIZER, VOCABULARY = "tokenizer.json", "vocab.txt"


class WordPiece:
    """A trained WordPiece vocabulary: encodes text as ids, decodes ids for people to read.

    >>> tokenizer = WordPiece.train(["the cat sat", "the cat ran"], vocab_size=40)
    >>> tokenizer.decode(tokenizer.encode("The cat sat."))
    'the cat sat [UNK]'
    >>> tokenizer.lost("The cat sat.")
    ['.']
    """

    def __init__(self, tokenizer_json: str, name: str = TOKENIZER) -> None:
        """Build it from the text of a tokenizer.json.

        tokenizer_json: what `to_json` gives, or the file of a BERT model
        name: how an error calls it
        Raises InputError when it is broken, not WordPiece, or lacks a special token.
        """
        self._tokenizer = _built(tokenizer_json, name)
        ids = self._tokenizer.get_vocab(with_added_tokens=True)
        check_specials(ids, name)
        self.pieces: list[str] = sorted(ids, key=ids.__getitem__)
        if sorted(ids.values()) != list(range(len(ids))):
            raise InputError(
                f"{name}: expected ids from 0 to {len(ids) - 1} without gaps or repeats; the file is damaged"
            )
        # Padding and truncation that a file carries would change what encode gives, and silently.
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        # A special token that the user writes is ordinary text, even if the file has not marked it so.
        self._tokenizer.add_special_tokens(list(SPECIALS))
        self._tokenizer.encode_special_tokens = True
        self.vocab_size = len(self.pieces)
        self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id = (ids[special] for special in SPECIALS)
        self.special_ids = frozenset(ids[special] for special in SPECIALS)

    def __repr__(self) -> str:
        return f"WordPiece({self.vocab_size} pieces, fingerprint {self.fingerprint[:8]})"

    @classmethod
    def train(cls, sentences: Iterable[str], vocab_size: int, grows: bool = False) -> WordPiece:
        """Learn a vocabulary from sentences, always the same one from the same sentences.

        sentences: text of any kind
        vocab_size: the most pieces to have; a small text gives fewer, so read `vocab_size` back
        grows: whether to take more pieces where the letters of the text alone are as many, as in Chinese
        Raises InputError when there is no letter, or vocab_size cannot hold the special tokens and each
        letter twice, at the start of a word and inside one.
        """
        return cls(learned(_checked_all(sentences, "train"), vocab_size, grows).to_str())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> WordPiece:
        """Read a vocabulary from its tokenizer.json, or from the folder that holds it.

        Raises InputError naming the file when it is missing or broken.
        """
        file = Path(path) / TOKENIZER if Path(path).is_dir() else Path(path)
        return cls(read_text(file), str(file))

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write tokenizer.json, and vocab.txt for people to read, into a folder that is made if need be.

        Returns the path of tokenizer.json.
        Raises RunError when they cannot be written, InputError where a file is in the way; what was there stays whole.
        """
        folder = Path(folder)
        make_folder(folder)
        write_atomically(folder / VOCABULARY, "".join(piece + "\n" for piece in self.pieces))
        write_atomically(folder / TOKENIZER, self.to_json())
        return folder / TOKENIZER

    def to_json(self) -> str:
        """Give the text of tokenizer.json, with sorted keys, so that equal tokenizers give equal text."""
        content = json.loads(self._tokenizer.to_str())
        return json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n"

    @cached_property
    def fingerprint(self) -> str:
        """The sha256 of `to_json`, and so of the saved file, to tell two tokenizers apart."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def encode(self, text: str, blanks: bool = False) -> list[int]:
        """Turn a text into ids, [CLS] first and [SEP] last.

        blanks: let a literal [MASK] stand for a blank; any other special token in the text is ordinary text
        Raises InputError when text is not a str of valid characters.
        """
        parts = _checked(text, "encode").split("[MASK]") if blanks else [_checked(text, "encode")]
        ids = [self.cls_id]
        for i, part in enumerate(parts):
            if i > 0:
                ids.append(self.mask_id)
            ids.extend(self._tokenizer.encode(part, add_special_tokens=False).ids)
        return [*ids, self.sep_id]

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        """Turn each text into what `encode` gives for it, many at a time."""
        return [[self.cls_id, *ids, self.sep_id] for ids in self.encode_words(_checked_all(texts, "encode_batch"))]

    def encode_words(self, texts: list[str]) -> list[list[int]]:
        """The same without [CLS] and [SEP], for words or whole texts of valid characters."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch(texts, add_special_tokens=False)]

    @cached_property
    def splits_at_spaces(self) -> bool:
        """Whether each word between spaces has the same ids in any text, and so a text those of its words.

        That holds for BERT's splitting. A file may name another, or have tokens with spaces in them.
        """
        from tokenizers import normalizers, pre_tokenizers

        own = self._tokenizer
        added = {token.content for token in own.get_added_tokens_decoder().values()}
        is_clean = own.normalizer is None or isinstance(own.normalizer, normalizers.BertNormalizer)
        return is_clean and isinstance(own.pre_tokenizer, pre_tokenizers.BertPreTokenizer) and added <= set(SPECIALS)

    def decode(self, ids: Iterable[int], skip_special_tokens: bool = True) -> str:
        """Turn ids into text for people: [PAD], [CLS] and [SEP] are left out, [UNK] and [MASK] are shown.

        skip_special_tokens: False shows [PAD], [CLS] and [SEP] too
        Case, accents and the spaces round marks are not in the ids, so this is not the text that was encoded.
        Raises InputError when an id is not one of this vocabulary.
        """
        silent = (self.pad_id, self.cls_id, self.sep_id) if skip_special_tokens else ()
        words: list[str] = []
        for i in ids:
            number = self._checked_id(i)
            if number in silent:
                continue
            piece = self.pieces[number]
            inside = piece.startswith(PREFIX) and piece != PREFIX
            if inside and words:
                words[-1] += piece[len(PREFIX) :]
            else:
                words.append(piece[len(PREFIX) :] if inside else piece)
        # Stripping accents takes Hangul apart into its letters; NFC puts it together again.
        return unicodedata.normalize("NFC", join_words(words))

    def lost(self, text: str, blanks: bool = False) -> list[str]:
        """List what of a text is lost: words that become [UNK], as written there, and characters that are dropped.

        BERT's cleaning drops U+FFFD and the control, format and private-use characters; they are listed as code points.

        blanks: as in `encode`
        """
        found = []
        for part in _checked(text, "lost").split("[MASK]") if blanks else [_checked(text, "lost")]:
            encoding = self._tokenizer.encode(part, add_special_tokens=False)
            found += [
                part[first:last]
                for number, (first, last) in zip(encoding.ids, encoding.offsets, strict=True)
                if number == self.unk_id
            ]
        return found + [f"U+{ord(character):04X}" for character in text if self._drops(character)]

    def _drops(self, character: str) -> bool:
        """Say whether the cleaning drops a character; the library's Unicode tables are not those of Python."""
        from tokenizers import normalizers

        own = self._tokenizer.normalizer
        if (character.isprintable() and character != "\ufffd") or not getattr(own, "clean_text", False):
            return False
        only_cleaning = normalizers.BertNormalizer(handle_chinese_chars=False, strip_accents=False, lowercase=False)
        return bool(only_cleaning.normalize_str(character) == "")

    def _checked_id(self, given: int) -> int:
        """Refuse what is not an id of this vocabulary."""
        try:
            number = operator.index(given)
        except TypeError:
            raise InputError(f"decode: expected whole numbers as ids, got {given!r}") from None
        if not 0 <= number < self.vocab_size:
            raise InputError(
                f"decode: id {number} is not in this vocabulary of {self.vocab_size} pieces; "
                f"ids run from 0 to {self.vocab_size - 1}"
            )
        return number


def _built(tokenizer_json: str, name: str) -> Tokenizer:
    """Let the library read a tokenizer, and refuse what it takes but what is not WordPiece as BERT has it."""
    from tokenizers import Tokenizer

    try:
        content = parse_json(tokenizer_json.encode())
        tokenizer = Tokenizer.from_str(tokenizer_json)
        model = content["model"]
    except Exception as error:  # the library raises nothing more precise
        raise InputError(f"{name}: expected a tokenizer in JSON, but it is broken: {error}") from None
    wanted = {"type": "WordPiece", "unk_token": UNKNOWN, "continuing_subword_prefix": PREFIX}
    # Older files do not name the type; the library knows it by its content.
    found = {**model, "type": type(tokenizer.model).__name__}
    for key, value in wanted.items():
        if found.get(key, value) != value:
            raise InputError(f"{name}: expected a tokenizer whose model has {key} {value!r}, found {brief(found[key])}")
    for token in content.get("added_tokens") or ():
        if (number := tokenizer.token_to_id(token["content"])) != token["id"]:  # the library counts on, silently
            raise InputError(
                f"{name}: the added token {brief(token['content'])} has the id {brief(token['id'])}, "
                f"but the ids before it make it {number}"
            )
    return tokenizer


def read_text(file: Path) -> str:
    """Read a tokenizer's file, with \\n for every line end.

    Raises InputError naming it when it is missing, cannot be read, or is not UTF-8.
    """
    refuse_special(file)
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{file}: expected a tokenizer, found nothing there; `minattn vocab` makes one") from None
    except UnicodeDecodeError:
        kind = "in JSON" if file.suffix != ".txt" else "with one piece a line"
        raise InputError(f"{file}: expected a tokenizer {kind}, found bytes that are not UTF-8") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: expected a tokenizer, but it cannot be read: {error}") from None


def _checked(text: str, where: str) -> str:
    """Refuse what is not text, and text that cannot be written as UTF-8 because half a character is in it."""
    if not isinstance(text, str):
        raise InputError(f"{where}: expected text as a str, got {type(text).__name__}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{where}: expected valid Unicode, got {text[error.start]!a} at character {error.start}; "
            "the text was probably not UTF-8"
        ) from None
    return text


def _checked_all(texts: Iterable[str], where: str) -> list[str]:
    """Refuse what is not several texts; a single str would be taken for its letters."""
    if isinstance(texts, str):
        raise InputError(f"{where}: expected several texts, got a single str; put it into a list")
    return [_checked(text, where) for text in texts]
