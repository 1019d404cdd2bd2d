"""`minattn deembed`: the tokens that the vectors of each layer of a pretrained encoder come back as."""

import argparse
import sys
from typing import Any

from ..errors import InputError
from ..pretrained.layer_deembedding import DeEmbedded, deembed_text, deembed_vocabulary
from ..pretrained.load import open_folder
from ..terminal import Count, print_table, print_wide_table, print_wrapped
from .options import add_folder, add_usual, print_json, read_text, report, threads_of

EXAMPLES = """examples, of the token nearest to each vector at each
layer, and of how much of the whole vocabulary comes back:
  minattn deembed FOLDER "This is a input."
  minattn deembed FOLDER --table

· stands for a token that comes back as itself. Nearest by
L2 distance, by cosine, and by dot product."""

KINDS = {"l2": "L2", "cosine": "cosine", "dot": "dot"}
"""How each kind of nearest token is shown."""
MOST_LISTED = 12
"""The most tokens that are listed of those that come back as another."""


def add_deembed(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `minattn deembed` its options."""
    add_folder(parser)
    parser.add_argument("text", nargs="?", metavar="TEXT", help="a text, - for standard input; [MASK] is a blank")
    parser.add_argument("--table", action="store_true", help="all tokens of the vocabulary instead, a text each")
    add_usual(parser, "everything", threads=True)


def run_deembed(options: argparse.Namespace) -> int:
    """Map the vectors of each layer back to tokens and print these. Returns the exit code."""
    if (options.text is None) != options.table:
        raise InputError("deembed takes a TEXT, or --table for the whole vocabulary; give one of the two")
    if options.table:
        threads, opened = threads_of(options), open_folder(options.folder, report)
        with Count(opened.tokenizer.vocab_size, "tokens", sys.stderr) as count:
            result = deembed_vocabulary(opened, threads, count.show)
    else:
        text = read_text(options.text)
        result = deembed_text(open_folder(options.folder, report), text, options.truncate)
    if options.json:
        print_json(_shares_as_dict(result) if options.table else _tokens_as_dict(result), indent=None)
    elif options.table:
        _print_shares(result)
    else:
        _print_tokens(result)
    return 0


def _print_tokens(result: DeEmbedded) -> None:
    """Print a table for each kind, with a row for each token and a column for each stage."""
    pieces = result.tokenizer.pieces
    stages = list(result.found)
    heads = [_column(stage) for stage in stages]
    for kind, name in KINDS.items():
        rows = [(f"by {name}", *heads)]
        for i, token in enumerate(result.ids):
            best = [int(result.found[stage][kind][i]) for stage in stages]
            rows.append((pieces[token], *("·" if number == token else pieces[number] for number in best)))
        rows.append(("come back", *(f"{result.share(stage, kind):.0%}" for stage in stages)))
        print_wide_table(rows)
        print()
    head = "; head: masked-LM head" if heads[-1] == "head" else ""
    legend = "word: word embedding; 0: embeddings, of word, position and token type, normalised; 1, …: layer 1, …"
    print_wrapped(legend + head)


def _print_shares(result: DeEmbedded) -> None:
    """Print the share that comes back at each stage; then which tokens do not, at the first stage and the last."""
    rows = [("comes back", *(f"{name:>7}" for name in KINDS.values()))]
    for stage in result.found:
        rows.append((stage, *(f"{100 * result.share(stage, kind):6.2f}%" for kind in KINDS)))
    print_table(rows)
    print()
    print_wrapped(f"of {len(result.ids):,} tokens, each in a text of its own: [CLS] token [SEP]")
    stages = list(result.found)
    for stage in [stages[0], *stages[-1 - stages[-1].endswith("head") :]]:
        for kind, name in KINDS.items():
            failures = result.failures(stage, kind)
            # Whole words, commonest first: vocabularies of this kind list them by how common they are.
            words = [(token, other) for token, other in failures if len(token) > 1 and token.isalpha()] or failures
            if failures:
                shown = ", ".join(f"{token} → {other}" for token, other in words[:MOST_LISTED])
                example = ", for example" if len(failures) > MOST_LISTED or len(words) < len(failures) else ""
                print()
                print_wrapped(f"{stage}, {name}: {len(failures):,} come back as another{example}")
                print_wrapped(shown, "  ")


def _tokens_as_dict(result: DeEmbedded) -> dict[str, Any]:
    pieces = result.tokenizer.pieces
    stages = [
        {"stage": stage, **{kind: [pieces[i] for i in ids] for kind, ids in by_kind.items()}}
        for stage, by_kind in result.found.items()
    ]
    return {"ids": result.ids.tolist(), "tokens": [pieces[i] for i in result.ids], "nearest": stages}


def _shares_as_dict(result: DeEmbedded) -> dict[str, Any]:
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
