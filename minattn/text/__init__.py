"""Text to batches: the corpus, WordPiece, and the batches with their blanks."""

from .batches import IGNORED, Batch, Batches, blank_out, collate, cut, no_blanks
from .corpus import Piece, no_sentences, open_text, pieces_of, read_content, read_pieces, shipped, split_pieces
from .ids_file import IdsFile, ids_key, is_ids_file, read_ids
from .parsing import TextPart, decoded, parts_of
from .sentences import Sentences
from .spacing import is_cjk
from .tokenizing import make_ids, nearest_folder
from .vocabulary import SPECIALS, check_specials, with_vocabulary
from .wordpiece import TOKENIZER, VOCABULARY, WordPiece, read_text

__all__ = [
    "IGNORED",
    "SPECIALS",
    "TOKENIZER",
    "VOCABULARY",
    "Batch",
    "Batches",
    "IdsFile",
    "Piece",
    "Sentences",
    "TextPart",
    "WordPiece",
    "blank_out",
    "check_specials",
    "collate",
    "cut",
    "decoded",
    "ids_key",
    "is_cjk",
    "is_ids_file",
    "make_ids",
    "nearest_folder",
    "no_blanks",
    "no_sentences",
    "open_text",
    "parts_of",
    "pieces_of",
    "read_content",
    "read_ids",
    "read_pieces",
    "read_text",
    "shipped",
    "split_pieces",
    "with_vocabulary",
]
