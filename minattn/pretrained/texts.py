"""What is done with texts and a pretrained encoder: vectors of whole texts, and blanks filled."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .. import functional as F
from ..errors import InputError
from ..parallel import Threads
from ..tensor import no_grad
from ..text import WordPiece, collate
from ..trace import finite_results
from .encoder import Encoder
from .masked_lm import MaskedLM

Vectors: TypeAlias = NDArray[np.floating]
Tokens: TypeAlias = list[list[int]]

POOLINGS = ("mean", "cls")
BATCH_TOKENS = 2048
"""Places in a batch, more or less: enough for the products to be fast, few enough for the memory."""


def token_ids(
    tokenizer: WordPiece, texts: Sequence[str], limit: int, *, truncate: bool = False, blanks: bool = False
) -> tuple[Tokens, dict[int, int]]:
    """The ids of each text, [CLS] first and [SEP] last, and how many tokens those had that were truncated.

    limit: the most tokens a text may have. truncate: keep the first ones of longer texts, and [SEP].
    blanks: let a literal [MASK] stand for a blank
    Raises InputError for an empty text, and a longer one unless it is to be truncated.
    """
    rows = [tokenizer.encode(text, blanks=True) for text in texts] if blanks else tokenizer.encode_batch(texts)
    cut: dict[int, int] = {}
    for i, row in enumerate(rows):
        name = f"text {i + 1}" if len(rows) > 1 else "the text"
        if len(row) <= 2:
            remedy = "leave it out" if len(rows) > 1 else "give one with words"
            raise InputError(f"{name} is empty, or the tokenizer drops all of it; {remedy}")
        if len(row) > limit:
            if not truncate:
                raise InputError(
                    f"{name} has {len(row):,} tokens, but this model takes {limit}; cut it, or truncate it"
                )
            cut[i] = len(row)
            rows[i] = [*row[: limit - 1], tokenizer.sep_id]
    return rows, cut


def embed_texts(
    model: Encoder | MaskedLM,
    tokenizer: WordPiece,
    texts: Sequence[str],
    *,
    pooling: str = "mean",
    max_tokens: int | None = None,
    truncate: bool = False,
    threads: int = 1,
    batch_tokens: int = BATCH_TOKENS,
    progress: Callable[[int], None] | None = None,
) -> Vectors:
    """A vector of length 1 for each text, (N, D): the product of two of them is their cosine similarity.

    model, tokenizer: of one folder
    pooling: "mean" of the last layer's vectors over all tokens (Reimers and Gurevych, 2019, section 3), or "cls", the
        first one. What the model was trained with is the better one.
    max_tokens: the most tokens a text may have; the model's positions unless fewer
    truncate: keep the beginning of longer texts. threads: how many share the work. batch_tokens: the most
        tokens in a batch of several texts. progress: is told how many are done
    Raises InputError for an empty text, and a longer one unless it is to be truncated.
    """
    limit = min(max_tokens or model.config.max_tokens, model.config.max_tokens)
    rows, _ = token_ids(tokenizer, texts, limit, truncate=truncate)
    return embed_tokens(model, rows, pooling=pooling, threads=threads, batch_tokens=batch_tokens, progress=progress)


def embed_tokens(
    model: Encoder | MaskedLM,
    rows: Tokens,
    *,
    pooling: str = "mean",
    threads: int = 1,
    batch_tokens: int = BATCH_TOKENS,
    progress: Callable[[int], None] | None = None,
) -> Vectors:
    """The same for the ids of texts. Those of about one length share a batch, and padding is not computed."""
    if pooling not in POOLINGS:
        raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}, got {pooling!r}")
    encoder = model if isinstance(model, Encoder) else model.encoder
    width, dtype = model.config.width, model.embeddings.norm.weight.dtype
    vectors: Vectors = np.empty((len(rows), width), dtype)

    def embed(batch: list[int]) -> None:
        ids, mask = collate([rows[i] for i in batch], 0)
        states = finite(encoder(ids, mask).last_hidden_state.data)  # zeros at padding
        pooled = states[:, 0] if pooling == "cls" else states.sum(axis=1) / mask.sum(axis=1, keepdims=True)
        lengths = np.linalg.norm(pooled, axis=1, keepdims=True)
        vectors[batch] = pooled / np.maximum(finite(lengths), 1e-12)

    batches, done = by_length([len(row) for row in rows], threads, batch_tokens), 0
    with no_grad(), model.evaluating(), finite_results() as finite, Threads(threads) as pool:
        for start in range(0, len(batches), threads):
            together = batches[start : start + threads]
            pool.map(embed, together)
            done += sum(map(len, together))
            if progress is not None:
                progress(done)
    return vectors


def by_length(lengths: Sequence[int], threads: int, batch_tokens: int = BATCH_TOKENS) -> list[list[int]]:
    """The places of texts in batches of at most batch_tokens, if they have several texts; as many for each thread.

    The longest come first, so that little is left to do when a thread is out of work.

    >>> by_length([3, 900, 4, 1000], 1)
    [[3, 1], [2, 0]]
    >>> by_length([5, 5, 5, 5], 2)
    [[0, 1], [2, 3]]
    """
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    share = -(-len(lengths) // threads)
    batches: list[list[int]] = []
    for i in order:
        size = len(batches[-1]) + 1 if batches else 0
        if batches and size <= share and size * lengths[batches[-1][0]] <= batch_tokens:
            batches[-1].append(i)
        else:
            batches.append([i])
    return batches


def fill_blanks(
    model: MaskedLM, tokenizer: WordPiece, ids: Sequence[int], top: int = 5
) -> list[list[tuple[str, float]]]:
    """The likeliest tokens for each [MASK] in the ids of a text, with their probabilities, best first.

    The head, which scores every token of the vocabulary, is computed at the blanks only.
    Raises InputError where there is no blank, and for top below 1.
    """
    if top < 1:
        raise InputError(f"top must be at least 1, got {top}")
    row = np.asarray(ids)[None]
    blanks = row == tokenizer.mask_id
    if not blanks.any():
        raise InputError('there is no blank to fill; write [MASK] for one, as in "The cat [MASK] on the mat."')
    with no_grad(), model.evaluating(), finite_results() as finite:
        probabilities = finite(F.softmax(model.logits(row, where=blanks), dim=-1).data)[:, : tokenizer.vocab_size]
    order = np.argsort(-probabilities, axis=-1, kind="stable")[:, :top]
    return [[(tokenizer.pieces[i], float(p[i])) for i in best] for p, best in zip(probabilities, order, strict=True)]
