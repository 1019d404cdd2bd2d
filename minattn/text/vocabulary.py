"""How the pieces of a WordPiece vocabulary are learned, by merging common pairs (Sennrich et al. 2016)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import InputError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
UNKNOWN = "[UNK]"
PREFIX = "##"  # marks a piece inside a word
LONGEST_WORD = 1000  # characters; a longer word becomes [UNK]
UNCASED: Mapping[str, Any] = {"lowercase": True}  # options of the library's BertNormalizer
SEEN_AT_LEAST = 2  # a pair that occurs only once is never merged


def learned(texts: Sequence[str], vocab_size: int, grows: bool = False) -> Tokenizer:
    """Learn a vocabulary and make a tokenizer of it, the same one in every process.

    texts: what to learn from
    vocab_size: the most pieces to have; grows: whether to take more where the letters alone are as many
    Returns a tokenizer in which every letter of the texts has a form at the start of a word and one inside,
    so that no known letter makes a word unknown.
    Raises InputError when there is no letter, or vocab_size cannot hold all these forms.
    """
    from tokenizers import Tokenizer, models, trainers

    # every character that is left once the texts are cleaned and split
    between_spaces = {part for text in texts for part in text.split(" ")}  # most are there many times
    letters = sorted({letter for part in between_spaces for word in _words(part) for letter in word})
    if not letters:
        raise InputError("expected sentences with letters, got none; give text to learn from")
    # The library numbers what is inside words in the order of a hash map, which differs in each process, and
    # breaks ties by number. So everything of one character gets its number here, before the training starts.
    # Marks and Chinese characters are words of their own, and have no form inside of one.
    inside = [PREFIX + letter for letter in letters if len(_words(f"a{letter}a")) == 1]
    alphabet = [*SPECIALS, *letters, *inside]
    if grows and vocab_size < len(alphabet):
        vocab_size = 3 * len(alphabet) // 2
    if vocab_size < len(alphabet):
        raise InputError(
            f"vocab_size: expected at least {len(alphabet)} to hold {len(SPECIALS)} special tokens and the "
            f"{len(letters)} letters and marks of this text at the start of words and inside, "
            f"got {vocab_size}"
        )
    learner = _like_bert(Tokenizer(models.WordPiece(vocab={}, unk_token=UNKNOWN)), UNCASED)
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocab_size, min_frequency=SEEN_AT_LEAST, special_tokens=alphabet, show_progress=False
    )
    learner.train_from_iterator(map(_without_long_words, texts), trainer)
    return with_vocabulary(learner.get_vocab(), LONGEST_WORD, UNCASED)


def with_vocabulary(ids: dict[str, int], longest_word: int, options: Mapping[str, Any]) -> Tokenizer:
    """Make a tokenizer that splits as BERT does and frames with [CLS] and [SEP].

    ids: the id of each piece, BERT's special tokens among them; only those are special
    longest_word: characters; a longer word becomes [UNK]
    options: of the library's BertNormalizer, where its defaults, those of BERT uncased, are not wanted
    """
    from tokenizers import Tokenizer, models, processors

    model = models.WordPiece(vocab=ids, unk_token=UNKNOWN, max_input_chars_per_word=longest_word)
    tokenizer = _like_bert(Tokenizer(model), options)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    return tokenizer


def check_specials(pieces: Collection[str], name: str) -> None:
    """Refuse a vocabulary without BERT's special tokens; name is how the error calls it."""
    missing = [special for special in SPECIALS if special not in pieces]
    if missing:
        raise InputError(f"{name}: expected the special tokens {' '.join(SPECIALS)}, found no {' '.join(missing)}")


def _like_bert(tokenizer: Tokenizer, options: Mapping[str, Any]) -> Tokenizer:
    """Give a tokenizer BERT's cleaning and splitting into words, and the WordPiece decoder."""
    from tokenizers import decoders, normalizers, pre_tokenizers

    tokenizer.normalizer = normalizers.BertNormalizer(**options)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix=PREFIX)
    return tokenizer


def _words(text: str) -> list[str]:
    """Split a text as the tokenizer will, before any piece is looked up."""
    from tokenizers import normalizers, pre_tokenizers

    clean = normalizers.BertNormalizer(lowercase=True).normalize_str(text)
    return [word for word, _ in pre_tokenizers.BertPreTokenizer().pre_tokenize_str(clean)]


def _without_long_words(text: str) -> str:
    """Leave out the words that become [UNK] anyway; learning takes time with the square of a word's length."""
    if len(text) <= LONGEST_WORD:
        return text
    return " ".join(word for word in _words(text) if len(word) <= LONGEST_WORD)
