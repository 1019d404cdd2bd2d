"""Padding changes nothing: not the vectors, not the gradients, and it is not computed."""

import gc
import weakref

import numpy as np
import pytest
from support.pretrained_help import KINDS, PAD, REAL, VOCAB, WIDTH, has_head, is_bert, make, make_batch

from minattn import Tensor, no_grad
from minattn.nn import Linear, Padding

each_kind = pytest.mark.parametrize("kind", KINDS)
EXACT = 1e-12
"""float64 gives 1e-15 an operation; sums over more rows are added in another order."""


def run(model, ids, mask=None, types=None):
    """Everything that a model gives, as arrays with the batch first."""
    out = model(ids, mask, types, output_hidden_states=True, output_attentions=True)
    last = out.logits if hasattr(out, "logits") else out.last_hidden_state
    pooled = getattr(out, "pooler_output", None)
    return [
        last.data,
        *(x.data for x in out.hidden_states),
        *out.attentions,
        *([] if pooled is None else [pooled.data]),
    ]


def gradients(model, calls):
    """The gradients of the sum of calls, each a Tensor and its upstream."""
    model.zero_grad()
    for output, upstream in calls:
        output.backward(upstream)
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def typed(kind, batch, rows=slice(None)):
    return batch.types[rows] if is_bert(kind) else None


@each_kind
def test_a_batch_gives_what_each_text_gives_alone(kind):
    model, batch = make(kind).double(), make_batch()
    together = run(model, batch.ids, batch.mask, typed(kind, batch))
    for i, n in enumerate(REAL.sum(axis=1)):
        types = batch.types[i : i + 1, :n] if is_bert(kind) else None
        for got, alone in zip(together, run(model, batch.ids[i : i + 1, :n], None, types), strict=True):
            part = got[i : i + 1]
            for axis in range(1, part.ndim):  # to the places of the tokens
                if part.shape[axis] == REAL.shape[1]:
                    part = part.take(range(n), axis)
            np.testing.assert_allclose(part, alone, rtol=0, atol=EXACT)


@each_kind
def test_the_gradients_of_a_batch_are_the_sums_of_those_of_each_text_alone(kind):
    model, batch = make(kind).double(), make_batch()

    def last(ids, mask=None, types=None):
        out = model(ids, mask, types)
        return out.logits if hasattr(out, "logits") else out.last_hidden_state

    width = VOCAB if has_head(kind) else WIDTH
    upstream = np.random.default_rng(1).normal(size=(*REAL.shape, width))  # not 0 at padding: it must not matter
    together = gradients(model, [(last(batch.ids, batch.mask, typed(kind, batch)), upstream)])
    alone = []
    for i, n in enumerate(REAL.sum(axis=1)):
        types = batch.types[i, :n] if is_bert(kind) else None
        alone.append((last(batch.ids[i, :n], None, types), upstream[i : i + 1, :n]))
    expected = gradients(model, alone)
    assert together.keys() == expected.keys() and len(expected) > 30
    for name, gradient in expected.items():
        scale = max(1.0, np.abs(gradient).max())
        np.testing.assert_allclose(together[name], gradient, rtol=0, atol=EXACT * scale, err_msg=name)


@each_kind
def test_what_stands_at_padding_does_not_change_a_bit(kind):
    model, batch = make(kind), make_batch()
    ids, types = batch.ids.copy(), batch.types.copy()
    ids[~REAL] = np.random.default_rng(4).integers(0, VOCAB, (~REAL).sum())
    types[~REAL] = 1 - types[~REAL]
    assert not np.array_equal(ids, batch.ids)
    other = run(model, ids, batch.mask, types if is_bert(kind) else None)
    for got, expected in zip(other, run(model, batch.ids, batch.mask, typed(kind, batch)), strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("dtype", [int, np.uint8, np.float32, float])
def test_a_mask_of_zeros_and_ones_is_one_of_booleans(dtype):
    model, batch = make("BertModel"), make_batch()
    expected, got = run(model, batch.ids, REAL), run(model, batch.ids, REAL.astype(dtype))
    assert all((one == other).all() for one, other in zip(expected, got, strict=True))


@pytest.mark.parametrize("kind", ["BertForMaskedLM", "DistilBertForMaskedLM"])
def test_labels_at_padding_do_not_count(kind):
    model, batch = make(kind).double(), make_batch()
    everywhere = np.where(REAL, batch.labels, 7)
    expected = model(batch.ids, batch.mask, labels=batch.labels).loss
    assert model(batch.ids, batch.mask, labels=everywhere).loss.item() == expected.item()
    assert abs(model.loss(batch.ids, batch.mask, everywhere).item() - expected.item()) < EXACT


def test_vectors_that_are_not_numbers_at_padding_reach_nothing():
    """The table's row of the pad id is NaN, and stands at padding only."""
    model, batch = make("BertModel").double(), make_batch()
    batch.ids[REAL & (batch.ids == PAD)] = PAD + 1
    expected = run(model, batch.ids, batch.mask)
    model.embeddings.word_embeddings.weight.data[PAD] = np.nan
    for got, before in zip(run(model, batch.ids, batch.mask), expected, strict=True):
        np.testing.assert_array_equal(got, before)


@each_kind
def test_padding_is_not_computed(kind, monkeypatch):
    rows, forward = [], Linear.forward
    monkeypatch.setattr(Linear, "forward", lambda self, x: rows.append(x.shape[:-1]) or forward(self, x))
    model, batch = make(kind), make_batch()
    model(batch.ids, batch.mask)
    pooler = [(len(REAL),)] if kind == "BertModel" else []
    assert set(rows) == {(REAL.sum(),), *pooler}
    rows.clear()
    model(batch.ids, np.ones_like(REAL))  # nothing to leave out, nothing to put back
    assert set(rows) == {REAL.shape, *pooler}


@each_kind
def test_no_graph_is_kept_without_gradients(kind):
    model, batch = make(kind), make_batch()
    with no_grad():
        outputs = vars(model(batch.ids, batch.mask, output_hidden_states=True)).values()
    tensors = [x for x in outputs if isinstance(x, Tensor)]
    tensors += [x for states in outputs if isinstance(states, tuple) for x in states]
    assert len(tensors) >= 4
    for tensor in tensors:
        assert not tensor.requires_grad
        with pytest.raises(RuntimeError):
            tensor.backward(np.ones(tensor.shape, np.float32))


def test_the_arrays_between_the_layers_are_gone_when_only_the_last_is_kept():
    model, batch, seen = make("BertModel"), make_batch(), []
    block = model.blocks[0]
    forward = block.forward
    block.forward = lambda *inputs: watched(forward(*inputs), seen)
    with no_grad():
        output = model(batch.ids, batch.mask)
    gc.collect()
    assert len(seen) == 1 and seen[0]() is None
    assert output.last_hidden_state.shape == (*REAL.shape, WIDTH)


def watched(x, seen):
    seen.append(weakref.ref(x))
    return x


# Padding by itself


@pytest.mark.parametrize("mask", [REAL, ~REAL, REAL[:, ::-1], np.ones((2, 3), bool), np.eye(4, dtype=bool)])
def test_vectors_taken_apart_and_put_back_are_the_same_with_zeros_at_padding(mask):
    padding, rng = Padding(mask, mask), np.random.default_rng(0)
    x = Tensor(rng.normal(size=(*mask.shape, 4)), requires_grad=True)
    packed = padding.pack(x)
    np.testing.assert_array_equal(packed.data, x.data[mask])
    y = padding.unpack(packed)
    np.testing.assert_array_equal(y.data, np.where(mask[..., None], x.data, 0))
    spread = padding.spread(packed)
    np.testing.assert_array_equal(spread.data[mask], packed.data)
    upstream = rng.normal(size=y.shape)
    y.backward(upstream)
    np.testing.assert_array_equal(x.grad, np.where(mask[..., None], upstream, 0))
