"""BERT and DistilBERT against transformers with the same weights: every layer, attentions, logits, loss, gradients."""

import copy
import functools
import tempfile
from types import SimpleNamespace

import numpy as np
import pytest
from support.pretrained_help import (
    KINDS,
    POSITIONS,
    WIDTH,
    assert_close,
    has_head,
    hugging_face,
    is_bert,
    make_batch,
    make_theirs,
    open_quietly,
)

from minattn import no_grad
from minattn.nn.positional import sinusoids
from minattn.pretrained import DistilBertModel, EncoderConfig
from minattn.pretrained.tensor_names import parameters_by_file_name

transformers, torch = hugging_face()

DOUBLE = 1e-10
"""Of the largest element: float64 gives 1e-15 an operation, a model of six layers 5e-15."""
SINGLE = 1e-5
"""Of the largest element: float32 against float64 is 3e-6 here, and both sides are float32."""
GRADIENT = 1e-8
"""Of the largest element of that gradient: as above, a few digits lost to cancellation."""
ZERO = 1e-13
"""Of the largest element of all gradients: the bias of the keys cannot matter, so there both sides are rounding."""

MODELS = [
    (kind, tied, typed)
    for kind in KINDS
    for tied in ((True, False) if has_head(kind) else (True,))
    for typed in ((True, False) if is_bert(kind) else (False,))
]
each_model = pytest.mark.parametrize(
    ("kind", "tied", "typed"),
    MODELS,
    ids=[f"{kind}-{'tied' if tied else 'untied'}{'-types' * typed}" for kind, tied, typed in MODELS],
)
each_depth = pytest.mark.parametrize("layers", [2, 6])
each_padding = pytest.mark.parametrize("padded", [True, False], ids=["padded", "full"])


@functools.cache
def pair(kind, tied, layers):
    """Both models in float64, and ours in float32, from the one folder that transformers wrote."""
    theirs = make_theirs(kind, tied=tied, layers=layers)
    with tempfile.TemporaryDirectory() as folder:
        theirs.save_pretrained(folder)
        ours, single = open_quietly(folder), open_quietly(folder, np.float32)
    assert type(ours).__name__ == kind
    return ours, theirs, single, copy.deepcopy(theirs).float()


def run_both(ours, theirs, batch, typed):
    """The outputs of both for a batch, with all that can be asked for."""
    options = {"output_hidden_states": True, "output_attentions": True}
    inputs = {"attention_mask": batch.mask}
    if typed:
        inputs["token_type_ids"] = batch.types
    if hasattr(ours, "head"):
        inputs["labels"] = batch.labels
    tensors = {name: None if array is None else torch.tensor(array).long() for name, array in inputs.items()}
    return ours(batch.ids, **inputs, **options), theirs(torch.tensor(batch.ids), **tensors, **options)


def assert_outputs_agree(got, expected, batch, tolerance):
    """Everything agrees at real places, and is exactly 0 at padding."""
    real = batch.real
    assert len(got.hidden_states) == len(expected.hidden_states)
    assert len(got.attentions) == len(expected.attentions)
    states = [*zip(got.hidden_states, expected.hidden_states, strict=True)]
    if hasattr(got, "logits"):
        states.append((got.logits, expected.logits))
        assert got.loss.shape == ()
        assert_close(got.loss.data, expected.loss.detach(), tolerance, "loss")
    else:
        states.append((got.last_hidden_state, expected.last_hidden_state))
    for i, (state, theirs) in enumerate(states):
        assert_close(state.data[real], theirs.detach().numpy()[real], tolerance, f"state {i}")
        assert (state.data[~real] == 0).all()
    for i, (weights, theirs) in enumerate(zip(got.attentions, expected.attentions, strict=True)):
        by_query, their_query = (w.transpose(0, 2, 1, 3) for w in (weights, theirs.detach().numpy()))  # (B, T, H, T)
        assert_close(by_query[real], their_query[real], tolerance, f"attention {i}")
        assert (by_query[~real] == 0).all()
        assert (weights.transpose(0, 3, 1, 2)[~real] == 0).all()
    pooled, theirs = getattr(got, "pooler_output", None), getattr(expected, "pooler_output", None)
    assert (pooled is None) == (theirs is None)
    if pooled is not None:
        assert_close(pooled.data, theirs.detach(), tolerance, "pooler")


def backward(ours, theirs, got, expected, batch):
    """Send the loss back on both sides, or a random upstream into the vectors and the pooler of an encoder."""
    ours.zero_grad()
    theirs.zero_grad(set_to_none=True)
    if hasattr(got, "loss"):
        got.loss.backward()
        expected.loss.backward()
        return
    rng = np.random.default_rng(3)
    upstream, pooled = rng.normal(size=(*batch.ids.shape, WIDTH)) * batch.real[..., None], rng.normal(size=WIDTH)
    loss = (got.last_hidden_state * upstream).sum()
    their_loss = (expected.last_hidden_state * torch.tensor(upstream)).sum()
    if got.pooler_output is not None:
        loss = loss + (got.pooler_output * pooled).sum()
        their_loss = their_loss + (expected.pooler_output * torch.tensor(pooled)).sum()
    loss.backward()
    their_loss.backward()


def their_gradients(model):
    """The gradient of each parameter without the prefix of the encoder; untied BERT has a bias that it does not use."""
    found = {name.removeprefix(f"{model.config.model_type}."): p.grad for name, p in model.named_parameters()}
    if "cls.predictions.decoder.bias" in found:
        assert found["cls.predictions.bias"] is None
        found["cls.predictions.bias"] = found.pop("cls.predictions.decoder.bias")
    return found


def assert_gradients_agree(ours, theirs):
    got = {name: p.grad for name, p in parameters_by_file_name(ours, ours.model_type)}
    expected = their_gradients(theirs)
    assert got.keys() == expected.keys()
    floor = ZERO * max(float(gradient.abs().max()) for gradient in expected.values())
    for name, gradient in expected.items():
        assert got[name].dtype == np.float64
        atol = max(GRADIENT * float(gradient.abs().max()), floor)
        np.testing.assert_allclose(got[name], gradient.numpy(), rtol=0, atol=atol, err_msg=name)


@each_model
@each_depth
@each_padding
def test_every_output_and_every_gradient_agree(kind, tied, typed, layers, padded):
    ours, theirs, single, their_single = pair(kind, tied, layers)
    batch = make_batch(padded)
    got, expected = run_both(ours, theirs, batch, typed)
    assert len(got.hidden_states) == layers + 1 and len(got.attentions) == layers
    assert_outputs_agree(got, expected, batch, DOUBLE)
    backward(ours, theirs, got, expected, batch)
    assert_gradients_agree(ours, theirs)
    with no_grad():  # another way through the layers, where no gradient is wanted
        assert_outputs_agree(*run_both(ours, theirs, batch, typed), batch, DOUBLE)
        assert_outputs_agree(*run_both(single, their_single, batch, typed), batch, SINGLE)
    assert_outputs_agree(*run_both(single, their_single, batch, typed), batch, SINGLE)


def test_the_comparison_is_of_models_whose_parts_all_matter():
    theirs = pair("BertForMaskedLM", False, 2)[1]
    batch = make_batch()
    run_both(pair("BertForMaskedLM", False, 2)[0], theirs, batch, True)[1].loss.backward()
    for name, gradient in their_gradients(theirs).items():
        assert "key.bias" in name or gradient.abs().max() > 1e-6, name


@pytest.mark.parametrize("pad", [None, 0])
def test_another_pad_id_or_none_agrees(tmp_path, pad):
    theirs = make_theirs("BertModel", pad_token_id=pad)
    theirs.save_pretrained(tmp_path)
    ours, batch = open_quietly(tmp_path), make_batch()
    batch.ids[0, 1] = 0
    got, expected = run_both(ours, theirs, batch, False)
    assert_outputs_agree(got, expected, batch, DOUBLE)
    backward(ours, theirs, got, expected, batch)
    assert_gradients_agree(ours, theirs)
    table = ours.embeddings.word_embeddings.weight.grad
    assert (table[0] == 0).all() == (pad == 0)


def test_left_padding_and_gaps_agree_where_positions_count_places(tmp_path):
    ours, theirs, *_ = pair("BertModel", True, 2)
    batch = make_batch()
    batch.mask = batch.real = np.random.default_rng(5).permuted(batch.real, axis=1)
    assert not batch.real[:, 0].all()
    got, expected = run_both(ours, theirs, batch, True)
    for state, other in zip(got.hidden_states, expected.hidden_states, strict=True):
        assert_close(state.data[batch.real], other.detach().numpy()[batch.real], DOUBLE)


def test_a_loss_over_every_token_agrees_between_the_fused_and_the_plain_form():
    ours, theirs, *_ = pair("DistilBertForMaskedLM", True, 2)
    batch = make_batch()
    fused = ours.loss(batch.ids, batch.mask, batch.labels)
    _, expected = run_both(ours, theirs, batch, False)
    assert_close(fused.data, expected.loss.detach(), DOUBLE)
    backward(ours, theirs, SimpleNamespace(loss=fused), expected, batch)
    assert_gradients_agree(ours, theirs)


def test_distilbert_starts_from_the_sinusoids_that_transformers_starts_from():
    sizes = {"vocab_size": 11, "max_position_embeddings": POSITIONS}
    config = transformers.DistilBertConfig(dim=WIDTH, n_heads=2, n_layers=1, sinusoidal_pos_embds=True, **sizes)
    theirs = transformers.DistilBertModel(config).embeddings.position_embeddings.weight.detach().numpy()
    settings = EncoderConfig(vocab_size=11, width=WIDTH, heads=2, layers=1, max_tokens=POSITIONS, sinusoidal=True)
    ours = DistilBertModel(settings, generator=np.random.default_rng(0)).embeddings.position_embeddings.weight.data
    # both round what was computed in float64 to float32
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-7)
    np.testing.assert_allclose(ours, sinusoids(POSITIONS, WIDTH), rtol=0, atol=1e-7)
