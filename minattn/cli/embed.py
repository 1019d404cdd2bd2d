"""`minattn embed`: vectors of texts by a pretrained encoder, and how similar they are."""

import argparse
import io
import sys
from collections.abc import Sequence

import numpy as np

from ..pretrained.load import open_folder, sentence_settings
from ..pretrained.texts import Vectors, embed_tokens
from ..runs import check_place, write_atomically
from ..terminal import Count, columns, padded, print_table, print_wrapped, shortened, stoppable, width_of
from .options import add_folder, add_usual, print_json, read_texts, report, threads_of

EXAMPLES = """examples, of texts' similarity, of each line's nearest
other line, of vectors:
  minattn embed FOLDER "The cat sleeps." "Rain fell."
  minattn embed FOLDER - < lines.txt
  minattn embed FOLDER - --out vectors.npy < lines.txt
  minattn embed FOLDER "The cat sleeps." --json

FOLDER holds a BERT or DistilBERT model as transformers
writes it: config.json, model.safetensors, tokenizer files."""

MOST_PAIRED = 12
"""The most texts of which each pair is shown."""
MOST_COLUMNS = 40
"""The most columns of a text that are shown."""


def add_embed(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `minattn embed` its options."""
    add_folder(parser)
    parser.add_argument("texts", nargs="+", metavar="TEXT", help="a text; - stands for the lines of standard input")
    parser.add_argument("--out", metavar="FILE", help="write the vectors (float32) there, for numpy.load")
    add_usual(parser, "the vectors", threads=True)


def run_embed(options: argparse.Namespace) -> int:
    """Embed texts; print how similar they are, or write the vectors. Returns the exit code."""
    if options.out:
        check_place(options.out)
    threads = threads_of(options)
    texts, opened = read_texts(options.texts), open_folder(options.folder, report)
    pooling, limit = sentence_settings(opened.folder, report)
    rows = opened.encode(texts, options.truncate, limit)
    with Count(len(rows), "texts", sys.stderr) as count:
        vectors = embed_tokens(opened.model, rows, pooling=pooling, threads=threads, progress=count.show)
    if options.out:
        content = io.BytesIO()
        np.save(content, vectors, allow_pickle=False)
        with stoppable():
            write_atomically(options.out, content.getvalue())
        report(f"{options.out}: {len(vectors):,} vector{'s' * (len(vectors) > 1)} of {vectors.shape[1]} numbers")
    if options.json:
        # as short as the float32 can be told by
        print_json({"texts": texts, "vectors": [[float(str(x)) for x in row] for row in vectors]}, indent=None)
    elif options.out:
        return 0
    elif len(texts) == 1:
        first = ", ".join(f"{x:.4f}" for x in vectors[0, :6])
        print_wrapped(f"{vectors.shape[1]} numbers of length 1: {first}, … (--json shows all; two texts are compared)")
    else:
        _print_similar(texts, vectors)
    return 0


def _print_similar(texts: Sequence[str], vectors: Vectors) -> None:
    """Print how similar each pair is where that fits the terminal, each text's nearest other one otherwise."""
    terminal = width_of(sys.stdout)
    shown = [shortened(text, MOST_COLUMNS) for text in texts]
    if len(texts) <= MOST_PAIRED and 4 + max(map(columns, shown)) + 7 * len(texts) <= terminal:
        rows = [("", "", *(f"{i + 1:>5}" for i in range(len(texts))))]
        for i, similarities in enumerate(vectors @ vectors.T):
            rows.append((f"{i + 1:>2}", shown[i], *map(two_decimals, similarities)))
        print_table(rows)
        return
    width = min(MOST_COLUMNS, max(8, (terminal - 11) // 2))
    print(f"cosine  {padded('text', width)}  {shortened('nearest other text', width)}")
    for i, text in enumerate(texts):
        similarities = vectors @ vectors[i]
        similarities[i] = -2  # below any cosine
        nearest = int(similarities.argmax())
        beginning = padded(shortened(text, width), width)
        print(f"{two_decimals(similarities[nearest])}   {beginning}  {shortened(texts[nearest], width)}")


def two_decimals(x: float) -> str:
    """A cosine in five columns, without a minus before a zero.

    >>> two_decimals(-0.004)
    ' 0.00'
    """
    return f"{round(float(x), 2) + 0.0:5.2f}"
