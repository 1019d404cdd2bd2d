"""The page of numbers of a reader's own sentence: one step of a trained model on it."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import InputError
from ..nn.module import Parameter
from ..tensor import no_grad
from ..text import Batch, WordPiece
from ..training import TrainedRun, training_config
from .number_page import Note, NumberPage, page

MOST_TOKENS = 64


def sentence_page(
    run: TrainedRun,
    text: str,
    *,
    answer: str | None = None,
    copies: bool = False,
    layers: int | None = None,
    tokens: int | None = None,
    top: int | None = None,
    language: str = "en",
) -> NumberPage:
    """The page of one training step of a run's model on a sentence.

    Args:
        text: [MASK] in it stands for a blank; without one, all tokens have to be given back
        answer: what is wanted at the blanks; if None, the second guess of the model
        copies: whether the tokens that are seen have to be given back too, where there are blanks
        layers: how many blocks are kept, from the first on
        tokens: how many tokens are kept, from the first on
        top: how many pieces of the vocabulary are kept: those in the text, those wanted, and the likeliest
        language: "en" or "zh"
    Raises:
        InputError: an empty text, an answer that does not fit, or a model that is too large
    """
    tokenizer: WordPiece = run.tokenizer
    model: Any = copy.deepcopy(run.model).eval()
    for name, value in (("layers", layers), ("tokens", tokens), ("top", top)):
        if value is not None and value < 1:
            raise InputError(f"--{name} must be at least 1, got {value}")
    if layers is not None:
        _require_own(model, "--layers")
        model.blocks = model.blocks[:layers]
    ids = _ids(tokenizer, text, tokens, model.config.max_tokens)
    batch, is_guess = _batch(model, tokenizer, ids, answer, copies)
    pieces = tokenizer.pieces
    if top is not None:
        _require_own(model, "--top")
        batch, pieces = _reduced(model, batch, pieces, top)
    notes: list[Note] = [("note run", run.run.folder.name, f"{run.best_step:,}"), ("note step",)]
    notes += [("note guess",)] if is_guess else []
    notes += [("note top", str(len(pieces)))] if top is not None else []
    if lost := tokenizer.lost(text, blanks=True):
        notes.append(("note lost", " ".join(lost)))
    config = training_config(run.run)
    rates = {"lr": config.lr, "weight_decay": config.weight_decay, "max_norm": config.clip}
    return page(model, batch, pieces=pieces, title=text, notes=notes, language=language, **rates)


def _require_own(model: Any, option: str) -> None:
    if not hasattr(model, "de_embedding"):
        raise InputError(f"{option} is for the models that minattn train makes from a text; leave it out")


def _ids(tokenizer: WordPiece, text: str, tokens: int | None, positions: int) -> list[int]:
    """[CLS], the text, [SEP], cut where this was asked for."""
    ids = tokenizer.encode(text, blanks=True)
    if len(ids) <= 2:
        raise InputError('the text is empty; try minattn show "The old [MASK] slept."')
    if tokens is not None and len(ids) > tokens:
        ids = [*ids[: max(tokens - 1, 1)], ids[-1]]
    most = min(positions, MOST_TOKENS)
    if len(ids) > most:
        raise InputError(
            f"the text has {len(ids)} tokens, and a page holds {most}; --tokens {most} takes its beginning"
        )
    return ids


def _batch(model: Any, tokenizer: WordPiece, ids: list[int], answer: str | None, copies: bool) -> tuple[Batch, bool]:
    """The sentence with one place of padding, if there is room, and what is wanted; whether that is a guess."""
    mask_id, padding_id = (tokenizer.pieces.index(piece) for piece in ("[MASK]", "[PAD]"))
    seen = np.array([[*ids, padding_id][: model.config.max_tokens]])
    is_token = np.arange(seen.shape[1])[None] < len(ids)
    blanks = (seen == mask_id) & is_token
    targets = np.where(is_token & (copies | (not blanks.any())) & ~blanks, seen, -100)
    count = int(blanks.sum())
    if answer is not None:
        wanted = tokenizer.encode(answer)[1:-1]
        if len(wanted) != count:
            raise InputError(f"blanks in the text: {count}, but tokens in the answer {answer[:60]!r}: {len(wanted)}")
        targets[blanks] = wanted
    elif count:
        with no_grad():
            logits = model.logits(seen, is_token, blanks).numpy()
        targets[blanks] = np.argsort(-logits, axis=-1, kind="stable")[:, 1]
    return Batch(seen, targets, is_token, blanks, is_token), answer is None and count > 0


def _reduced(model: Any, batch: Batch, pieces: list[str], top: int) -> tuple[Batch, list[str]]:
    """Take all but some pieces out of a model's vocabulary."""
    with no_grad():
        logits = model.logits(batch.ids, batch.attention_mask, batch.targets != -100).numpy().max(axis=0)
    needed = np.unique([*batch.ids.reshape(-1), *batch.targets[batch.targets != -100]])
    others = [i for i in np.argsort(-logits, kind="stable") if i not in needed]
    kept = np.sort([*needed, *others[: max(top - len(needed), 0)]])
    model.embedding.weight = Parameter(model.embedding.weight.data[kept])
    head = model.de_embedding
    head.weight = Parameter(head.weight.data[kept]) if head.kind == "own" else model.embedding.weight
    head.bias = None if head.bias is None else Parameter(head.bias.data[kept])
    model.config = replace(model.config, vocab_size=len(kept))
    new = np.full(len(pieces), -100)
    new[kept] = np.arange(len(kept))
    targets = np.where(batch.targets == -100, -100, new[batch.targets])
    return replace(batch, ids=new[batch.ids], targets=targets), [pieces[i] for i in kept]
