"""Ids, masks, token types and labels that cannot be used: one sentence each."""

import numpy as np
import pytest
from support.pretrained_help import PAD, POSITIONS, REAL, TYPES, VOCAB, B, T, make, make_batch

from minattn.errors import InputError

EACH = ["BertModel", "DistilBertForMaskedLM"]


@pytest.mark.parametrize("kind", EACH)
@pytest.mark.parametrize(
    ("ids", "complaint"),
    [
        ([], "ids must hold at least one token, got shape (1, 0)"),
        ([[], []], "ids must hold at least one token, got shape (2, 0)"),
        (np.zeros((0, 4), int), "ids must hold at least one token, got shape (0, 4)"),
        ([1.0, 2.0], "ids must be integers (B, T), or (T,) for one text, got shape (2,) of float64"),
        (["a"], "ids must be integers (B, T), or (T,) for one text, got shape (1,) of <U1"),
        (None, "ids must be integers (B, T), or (T,) for one text, got shape () of object"),
        (5, "ids must be integers (B, T), or (T,) for one text, got shape () of int64"),
        ([10**30], "ids must be integers (B, T), or (T,) for one text, got shape (1,) of object"),
        ([[1, 2], [3]], "ids must be rows of one length; pad them, and say so by attention_mask: minattn.text.collate"),
        (np.zeros((1, 2, 3), int), "ids must be integers (B, T), or (T,) for one text, got shape (1, 2, 3) of int64"),
        ([1] * (POSITIONS + 1), f"a text has {POSITIONS + 1} tokens, but this model has {POSITIONS} positions; "),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, str) else None,
)
def test_ids_that_cannot_be_used(kind, ids, complaint):
    with pytest.raises(InputError) as caught:
        make(kind)(ids)
    assert str(caught.value).startswith(complaint)


@pytest.mark.parametrize("kind", EACH)
@pytest.mark.parametrize("wrong", [-1, VOCAB, 10**15, np.iinfo(np.int64).min, 2**63, 2**64 - 1])
def test_an_id_out_of_range(kind, wrong):
    model, ids = make(kind), make_batch().ids.astype(np.uint64 if wrong > 10**15 else np.int64)
    ids[0, 3] = wrong
    match = rf"id {wrong} is out of range, there are {VOCAB} \(0 to {VOCAB - 1}\)$"
    for mask in (None, REAL):
        with pytest.raises(IndexError, match=match):
            model(ids, mask)
    with pytest.raises(IndexError, match=match):
        model.embeddings.word_embeddings(ids)


@pytest.mark.parametrize("kind", EACH)
@pytest.mark.parametrize(
    ("mask", "complaint"),
    [
        (REAL[:, 1:], f"attention_mask must have the shape of ids ({B}, {T}), got ({B}, {T - 1})"),
        (REAL[0], f"attention_mask must have the shape of ids ({B}, {T}), got (1, {T})"),
        (REAL * 0.5, "attention_mask must be True or 1 at tokens and False or 0 at padding, got other numbers"),
        (REAL[:, None], "attention_mask must be integers (B, T), or (T,) for one text, got shape (3, 1, 7) of bool"),
        ([[1], [1, 1], [1]], "attention_mask must be rows of one length"),
        (REAL & (np.arange(B) != 1)[:, None], "attention_mask: text 1 is padding only; leave it out"),
        (np.zeros((B, T), int), "attention_mask: text 0 is padding only; leave it out"),
    ],
    ids=range(7),
)
def test_a_mask_that_cannot_be_used(kind, mask, complaint):
    with pytest.raises(InputError) as caught:
        make(kind)(make_batch().ids, mask)
    assert str(caught.value).startswith(complaint)


@pytest.mark.parametrize(
    ("types", "complaint"),
    [
        (np.full((B, T), TYPES), "token_type_ids must be from 0 to 1 in this model, got 2"),
        (np.full((B, T), -1), "token_type_ids must be from 0 to 1 in this model, got -1"),
        (np.zeros((B, T)), "token_type_ids must be integers"),
        ([[1]], f"token_type_ids must have the shape of ids ({B}, {T}), got (1, 1)"),
        (np.zeros((T, B), int), f"token_type_ids must have the shape of ids ({B}, {T}), got ({T}, {B})"),
    ],
    ids=range(5),
)
@pytest.mark.parametrize("mask", [None, REAL], ids=["full", "padded"])
def test_token_types_that_cannot_be_used(types, mask, complaint):
    with pytest.raises(InputError) as caught:
        make("BertModel")(make_batch().ids, mask, types)
    assert str(caught.value).startswith(complaint)


def test_a_model_without_token_types_takes_zeros_and_nothing_else():
    model, batch = make("DistilBertModel"), make_batch()
    expected = model(batch.ids, batch.mask).last_hidden_state.data
    given = model(batch.ids, batch.mask, np.zeros((B, T), int)).last_hidden_state.data
    np.testing.assert_array_equal(given, expected)
    with pytest.raises(InputError, match="token_type_ids must be from 0 to 0 in this model, got 1"):
        model(batch.ids, batch.mask, batch.types)


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        (np.zeros((B, T - 1), int), f"labels must have the shape of ids ({B}, {T}), got ({B}, {T - 1})"),
        (np.zeros((T, B), int), f"labels must have the shape of ids ({B}, {T}), got ({T}, {B})"),
        (np.zeros(B * T, int), f"labels must have the shape of ids ({B}, {T}), got (1, {B * T})"),
        (np.zeros((B, T)), "labels must be integers"),
        ([[1], [1, 2]], "labels must be rows of one length"),
        (np.full((B, T), VOCAB), f"cross_entropy: target {VOCAB} is out of range"),
        (np.full((B, T), -1), "cross_entropy: target -1 is out of range"),
    ],
    ids=range(7),
)
@pytest.mark.parametrize("mask", [None, REAL], ids=["full", "padded"])
def test_labels_that_cannot_be_used(labels, mask, complaint):
    with pytest.raises((InputError, IndexError)) as caught:
        make("BertForMaskedLM")(make_batch().ids, mask, labels=labels)
    assert str(caught.value).startswith(complaint)


def test_an_id_at_padding_is_not_looked_at():
    model, batch = make("BertModel"), make_batch()
    ids = np.where(REAL, batch.ids, -100)
    got = model(ids, REAL).last_hidden_state.data
    np.testing.assert_array_equal(got, model(np.where(REAL, ids, PAD), REAL).last_hidden_state.data)
