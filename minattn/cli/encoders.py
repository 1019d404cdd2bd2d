"""The options of `minattn embed`, `deembed` and `fill`, and what they print."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..parallel import cores
from ..runs import check_place
from ..terminal import columns, padded, print_table, shortened

if TYPE_CHECKING:
    from ..pretrained.texts import Vectors
    from .encoder_work import DeEmbedded

EXAMPLES = {
    "embed": """examples:
  minattn embed FOLDER "The cat sleeps." "A cat is asleep." "Rain fell."   how similar they are
  minattn embed FOLDER - < lines.txt                                       each line's nearest other line
  minattn embed FOLDER - --out vectors.npy < lines.txt                     the vectors, for numpy.load
  minattn embed FOLDER "The cat sleeps." --json                            the vector itself

FOLDER holds a BERT or DistilBERT model as transformers writes it: config.json, model.safetensors, tokenizer files.""",
    "deembed": """examples:
  minattn deembed FOLDER "This is a input."   the token nearest to each vector, at every layer
  minattn deembed FOLDER --table              how much of the whole vocabulary comes back

· stands for a token that comes back as itself. Nearest by L2 distance, by cosine, and by dot product.""",
    "fill": """examples:
  minattn fill FOLDER "The cat [MASK] on the mat."
  minattn fill FOLDER "Paris is the [MASK] of [MASK]." --top 3 --json""",
}

TABLE = 12
"""The most texts of which each pair is shown."""
WIDE = 40
"""The most columns of a text that are shown."""
LISTED = 12
"""The most failures that are listed in a line."""


def add_embed(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `minattn embed` its options."""
    _add_common(parser)
    parser.add_argument("texts", nargs="+", metavar="TEXT", help="a text; - stands for the lines of standard input")
    parser.add_argument("--out", metavar="FILE", help="write the vectors (float32) there, for numpy.load")
    _add_threads(parser)
    parser.add_argument("--json", action="store_true", help="print the vectors as JSON")


def add_deembed(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `minattn deembed` its options."""
    _add_common(parser)
    parser.add_argument("text", nargs="?", metavar="TEXT", help="a text, - for standard input; [MASK] is a blank")
    parser.add_argument("--table", action="store_true", help="all tokens of the vocabulary instead, a text each")
    _add_threads(parser)
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def add_fill(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `minattn fill` its options."""
    _add_common(parser)
    parser.add_argument("text", metavar="TEXT", help="a text, - for standard input; [MASK] is a blank")
    parser.add_argument("--top", type=int, default=5, metavar="N", help="how many tokens to show for each blank (5)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="FOLDER", help="a folder with a pretrained model, or a fine-tuning run")
    parser.add_argument("--truncate", action="store_true", help="use the beginning of a text that is too long")


def _add_threads(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--threads", type=int, metavar="N", help=f"threads that share the work ({cores()})")


def run_embed(options: argparse.Namespace) -> int:
    """Embed texts; returns the exit code."""
    from .encoder_work import embed_job, write_vectors

    if options.out:
        check_place(options.out)
    texts, vectors = embed_job(options.folder, options.texts, options.truncate, _threads(options), _say)
    if options.out:
        write_vectors(options.out, vectors)
        _say(f"{options.out}: {len(vectors):,} vector{'s' * (len(vectors) > 1)} of {vectors.shape[1]} numbers")
    if options.json:
        # as short as the float32 can be told by
        _print_json({"texts": texts, "vectors": [[float(str(x)) for x in row] for row in vectors]})
    elif options.out:
        return 0
    elif len(texts) == 1:
        first = ", ".join(f"{x:.4f}" for x in vectors[0, :6])
        print(f"{vectors.shape[1]} numbers of length 1: {first}, … (--json shows all; two texts are compared)")
    else:
        _print_similar(texts, vectors)
    return 0


def run_deembed(options: argparse.Namespace) -> int:
    """Map the vectors of every layer back to tokens; returns the exit code."""
    from .encoder_work import deembed_job, vocabulary_job

    if (options.text is None) != options.table:
        raise InputError("deembed takes a TEXT, or --table for the whole vocabulary; give one of the two")
    if options.table:
        result = vocabulary_job(options.folder, _threads(options), _say)
    else:
        result = deembed_job(options.folder, options.text, options.truncate, _say)
    if options.json:
        _print_json(_table_dict(result) if options.table else _text_dict(result))
    elif options.table:
        _print_shares(result)
    else:
        _print_tokens(result)
    return 0


def run_fill(options: argparse.Namespace) -> int:
    """Fill the blanks of a text; returns the exit code."""
    from .encoder_work import fill_job

    filled = fill_job(options.folder, options.text, options.top, options.truncate, _say)
    if options.json:
        print(json.dumps(filled.to_dict(), indent=1, ensure_ascii=False))
        return 0
    for best in filled.blanks:
        print("blank: " + ", ".join(f"{token} {probability:.1%}" for token, probability in best))
    print(f"\n{filled.text}")
    return 0


def _print_similar(texts: Sequence[str], vectors: Vectors) -> None:
    """How similar each pair is where that fits the terminal, each text's nearest other one otherwise."""
    terminal = get_terminal_size((1000, 0)).columns  # where the output goes elsewhere, it may be as wide as it likes
    shown = [shortened(text, WIDE) for text in texts]
    if len(texts) <= TABLE and 4 + max(map(columns, shown)) + 7 * len(texts) <= terminal:
        rows = [("", "", *(f"{i + 1:>5}" for i in range(len(texts))))]
        for i, similarities in enumerate(vectors @ vectors.T):
            rows.append((f"{i + 1:>2}", shown[i], *map(_cosine, similarities)))
        print_table(rows)
        return
    width = min(WIDE, max(8, (terminal - 11) // 2))
    print(f"cosine  {padded('text', width)}  {shortened('nearest other text', width)}")
    for i, text in enumerate(texts):
        similarities = vectors @ vectors[i]
        similarities[i] = -2  # below any cosine
        other = int(similarities.argmax())
        nearest = shortened(texts[other], width)
        print(f"{_cosine(similarities[other])}   {padded(shortened(text, width), width)}  {nearest}")


def _cosine(x: float) -> str:
    """Two decimals, and no minus before a zero."""
    return f"{round(float(x), 2) + 0.0:5.2f}"


KINDS = {"l2": "L2", "cosine": "cosine", "dot": "dot"}


def _print_tokens(result: DeEmbedded) -> None:
    """A table a kind: a row a token, a column a stage."""
    pieces = result.tokenizer.pieces
    stages = list(result.found)
    heads = [_column(stage) for stage in stages]
    for kind, name in KINDS.items():
        rows = [(f"by {name}", *heads)]
        for i, token in enumerate(result.ids):
            best = [int(result.found[stage][kind][i]) for stage in stages]
            rows.append((pieces[token], *("·" if number == token else pieces[number] for number in best)))
        rows.append(("come back", *(f"{result.share(stage, kind):.0%}" for stage in stages)))
        print_table(rows)
        print()
    head = "; head: masked-LM head" if heads[-1] == "head" else ""
    print(f"word: word embedding; 0: embeddings, of word, position and token type, normalised; 1, …: layer 1, …{head}")


def _print_shares(result: DeEmbedded) -> None:
    """The shares that come back, a row a stage; then which tokens do not, of the first stage and the last."""
    rows = [("comes back", *(f"{name:>7}" for name in KINDS.values()))]
    for stage in result.found:
        rows.append((stage, *(f"{100 * result.share(stage, kind):6.2f}%" for kind in KINDS)))
    print_table(rows)
    print(f"\nof {len(result.ids):,} tokens, each in a text of its own: [CLS] token [SEP]")
    stages = list(result.found)
    for stage in [stages[0], *stages[-1 - stages[-1].endswith("head") :]]:
        for kind, name in KINDS.items():
            failures = result.failures(stage, kind)
            # Whole words, commonest first: vocabularies of this kind list them by how common they are.
            words = [(token, other) for token, other in failures if len(token) > 1 and token.isalpha()] or failures
            if failures:
                shown = ", ".join(f"{token} → {other}" for token, other in words[:LISTED])
                example = ", for example" if len(failures) > LISTED or len(words) < len(failures) else ""
                print(f"\n{stage}, {name}: {len(failures):,} come back as another{example}\n  {shown}")


def _text_dict(result: DeEmbedded) -> dict[str, Any]:
    pieces = result.tokenizer.pieces
    stages = [
        {"stage": stage, **{kind: [pieces[i] for i in ids] for kind, ids in by_kind.items()}}
        for stage, by_kind in result.found.items()
    ]
    return {"ids": result.ids.tolist(), "tokens": [pieces[i] for i in result.ids], "nearest": stages}


def _table_dict(result: DeEmbedded) -> dict[str, Any]:
    stages = [
        {
            "stage": stage,
            "shares": {kind: result.share(stage, kind) for kind in KINDS},
            "failures": {kind: result.failures(stage, kind) for kind in KINDS},
        }
        for stage in result.found
    ]
    return {"tokens": len(result.ids), "stages": stages}


def _column(stage: str) -> str:
    """A stage as the head of a column."""
    short = {"word embedding": "word", "embeddings": "0", "masked-LM head": "head"}
    return short.get(stage, stage.removeprefix("layer "))


def _threads(options: argparse.Namespace) -> int:
    count: int = cores() if options.threads is None else options.threads
    if count < 1:
        raise InputError(f"--threads must be at least 1, got {count}")
    return count


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _print_json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False))


Add = Callable[[argparse.ArgumentParser], None]
Run = Callable[[argparse.Namespace], int]

COMMANDS: tuple[tuple[str, str, Add, Run], ...] = (
    ("embed", "vectors of texts by a pretrained encoder, and how similar they are", add_embed, run_embed),
    ("deembed", "map the vectors of every layer of a pretrained encoder back to tokens", add_deembed, run_deembed),
    ("fill", "fill the blanks of a text by a pretrained masked-LM model", add_fill, run_fill),
)
