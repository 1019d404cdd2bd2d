"""Text to batches: the corpus, WordPiece, and the batches with their blanks."""

from .batches import Batch, Batches, blank_out, collate, cut
from .corpus import Piece, read_pieces, shipped, split_pieces
from .vocabulary import SPECIALS
from .wordpiece import WordPiece

__all__ = [
    "SPECIALS",
    "Batch",
    "Batches",
    "Piece",
    "WordPiece",
    "blank_out",
    "collate",
    "cut",
    "read_pieces",
    "shipped",
    "split_pieces",
]
