"""Text to batches: the corpus, WordPiece, and the batches with their blanks."""

from .batches import IGNORED, Batch, Batches, blank_out, collate, cut, no_blanks
from .corpus import Piece, pieces_of, read_content, read_pieces, shipped, split_pieces
from .spacing import is_cjk
from .vocabulary import SPECIALS, check_specials, with_vocabulary
from .wordpiece import TOKENIZER, VOCABULARY, WordPiece, read_text

__all__ = [
    "IGNORED",
    "SPECIALS",
    "TOKENIZER",
    "VOCABULARY",
    "Batch",
    "Batches",
    "Piece",
    "WordPiece",
    "blank_out",
    "check_specials",
    "collate",
    "cut",
    "is_cjk",
    "no_blanks",
    "pieces_of",
    "read_content",
    "read_pieces",
    "read_text",
    "shipped",
    "split_pieces",
    "with_vocabulary",
]
