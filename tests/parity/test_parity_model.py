"""Layers and the reconstruction model against torch.nn with the same weights: output, loss, gradients."""

import numpy as np
import pytest
from support.against_torch import assert_agrees, assert_same, gradients, load, to_torch, torch

from minattn import Tensor, nn
from minattn import functional as F
from minattn.models import ReconstructionConfig, ReconstructionModel

B, T, D, H, HIDDEN, V = 3, 5, 8, 2, 12, 11
REAL = np.arange(T) < np.array([T, 3, 1])[:, None]  # (B, T): True at tokens, False at padding
MASKS = {
    "no padding": None,
    "padding": REAL,
    "a sentence of padding only": REAL & (np.arange(B) != 1)[:, None],
}
each_mask = pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())


def generator():
    return np.random.default_rng(0)


def away_from_the_start(layer):
    """The layer in float64 with every parameter moved, so that no gain is 1 and no shift 0."""
    rng = np.random.default_rng(1)
    for parameter in layer.double().parameters():
        parameter.set(parameter.data + 0.3 * rng.normal(size=parameter.shape))
    return layer


def assert_layer_agrees(ours, theirs, *inputs, run=None):
    """The output agrees, and the gradients of inputs and parameters; `run` calls torch's layer."""
    load(theirs, ours.state_dict())
    assert_agrees(ours, run or theirs, *inputs)
    assert_gradients_agree(ours, theirs)


def assert_gradients_agree(ours, theirs):
    expected = dict(theirs.named_parameters())
    got = gradients(ours)
    assert got.keys() == expected.keys()
    for name, gradient in got.items():
        assert_same(gradient, expected[name].grad, name)


def normal(*shape):
    return np.random.default_rng(2).normal(size=shape)


@pytest.mark.parametrize("bias", [True, False])
def test_linear(bias):
    layer = away_from_the_start(nn.Linear(D, HIDDEN, bias, generator=generator()))
    assert_layer_agrees(layer, torch.nn.Linear(D, HIDDEN, bias), normal(B, T, D))


def test_embedding_of_ids_that_repeat():
    layer = away_from_the_start(nn.Embedding(V, D, generator=generator()))
    assert_layer_agrees(layer, torch.nn.Embedding(V, D), np.array([[3, 3, 0], [10, 3, 0]]))


@pytest.mark.parametrize("eps", [1e-5, 1e-12, 0.1])
def test_layer_norm(eps):
    layer = away_from_the_start(nn.LayerNorm(D, eps))
    assert_layer_agrees(layer, torch.nn.LayerNorm(D, eps), normal(B, T, D))


def test_feed_forward():
    layer = away_from_the_start(nn.FeedForward(D, HIDDEN, generator=generator()))

    class Theirs(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.widen, self.narrow = torch.nn.Linear(D, HIDDEN), torch.nn.Linear(HIDDEN, D)

        def forward(self, x):
            return self.narrow(torch.nn.functional.gelu(self.widen(x)))

    assert_layer_agrees(layer, Theirs(), normal(B, T, D))


@each_mask
def test_multi_head_self_attention(mask):
    layer = away_from_the_start(nn.MultiHeadSelfAttention(D, H, generator=generator()))
    theirs = torch.nn.MultiheadAttention(D, H, batch_first=True)
    padded = None if mask is None else to_torch(~mask)

    def run(x, *_):
        return theirs(x, x, x, key_padding_mask=padded, need_weights=False)[0]

    assert_layer_agrees(layer, theirs, normal(B, T, D), mask, run=run)


@pytest.mark.parametrize("mask", [None, REAL], ids=["no padding", "padding"])
def test_attention_weights_of_each_head(mask):
    layer = away_from_the_start(nn.MultiHeadSelfAttention(D, H, generator=generator()))
    theirs = load(torch.nn.MultiheadAttention(D, H, batch_first=True), layer.state_dict())
    padded = None if mask is None else to_torch(~mask)
    x = normal(B, T, D)
    y = to_torch(x)
    _, expected = theirs(y, y, y, key_padding_mask=padded, need_weights=True, average_attn_weights=False)
    assert_same(layer.weights(Tensor(x), mask), expected.detach())


def test_where_a_sentence_is_all_padding_pytorchs_explicit_weights_are_nan_and_our_output_is_the_bias():
    layer = away_from_the_start(nn.MultiHeadSelfAttention(D, H, generator=generator()))
    theirs = load(torch.nn.MultiheadAttention(D, H, batch_first=True), layer.state_dict())
    mask, x = MASKS["a sentence of padding only"], normal(B, T, D)
    y = to_torch(x)
    expected, _ = theirs(y, y, y, key_padding_mask=to_torch(~mask), need_weights=True)
    output = layer(Tensor(x), mask).data
    assert bool(expected[1].isnan().all())
    np.testing.assert_array_equal(output[1], np.broadcast_to(layer.out.bias.data, (T, D)))
    assert_same(output[[0, 2]], expected[[0, 2]].detach())


def encoder_layer(norm_first, heads=H):
    return torch.nn.TransformerEncoderLayer(
        D, heads, HIDDEN, dropout=0.0, activation="gelu", batch_first=True, norm_first=norm_first
    )


@each_mask
@pytest.mark.parametrize("norm_first", [True, False], ids=["pre-norm", "post-norm"])
def test_encoder_block(norm_first, mask):
    layer = away_from_the_start(nn.EncoderBlock(D, H, HIDDEN, norm_first=norm_first, generator=generator()))
    theirs = encoder_layer(norm_first)
    padded = None if mask is None else to_torch(~mask)

    def run(x, *_):
        return theirs(x, src_key_padding_mask=padded)

    assert_layer_agrees(layer, theirs, normal(B, T, D), mask, run=run)


def test_de_embedding_by_the_nearest_token():
    table = away_from_the_start(nn.Embedding(V, D, generator=generator()))
    theirs = {
        "l2": lambda x, e: -(torch.cdist(x, e.expand(B, V, D), compute_mode="donot_use_mm_for_euclid_dist") ** 2),
        "cosine": lambda x, e: torch.nn.functional.cosine_similarity(x[:, :, None], e, dim=-1),
        "dot": lambda x, e: x @ e.T,
    }
    for kind, run in theirs.items():
        layer = nn.DeEmbedding(kind, table, generator=generator())
        table.zero_grad()
        weight = to_torch(table.weight.data, True)
        assert_agrees(layer, lambda x, run=run, weight=weight: run(x, weight), normal(B, T, D))
        assert_same(table.weight.grad, weight.grad, kind)


class TorchModel(torch.nn.Module):
    """The reconstruction model out of PyTorch's own layers; parameters are called as ours."""

    def __init__(self, config, sinusoids):
        super().__init__()
        self.embedding = torch.nn.Embedding(config.vocab_size, config.width)
        self.positions = torch.nn.Module()
        if config.positions == "learned":
            self.positions.weight = torch.nn.Parameter(torch.empty(config.max_tokens, config.width))
        self.sinusoids = sinusoids
        blocks = (encoder_layer(config.norm_first, config.heads) for _ in range(config.layers))
        self.blocks = torch.nn.ModuleList(blocks)
        self.norm = torch.nn.LayerNorm(config.width) if config.norm_first else None
        self.de_embedding = torch.nn.Module()
        self.de_embedding.bias = torch.nn.Parameter(torch.empty(config.vocab_size))
        self.tied = config.de_embedding == "tied"
        if not self.tied:
            self.de_embedding.weight = torch.nn.Parameter(torch.empty(config.vocab_size, config.width))

    def forward(self, ids, padded):
        x = self.embedding(ids)
        table = getattr(self.positions, "weight", self.sinusoids)
        if table is not None:
            x = x + table[: ids.shape[1]]
        for block in self.blocks:
            x = block(x, src_key_padding_mask=padded)
        if self.norm is not None:
            x = self.norm(x)
        weight = self.embedding.weight if self.tied else self.de_embedding.weight
        return torch.nn.functional.linear(x, weight, self.de_embedding.bias)


MODELS = {
    "own": {},
    "tied": {"de_embedding": "tied"},
    "post-norm": {"norm_first": False},
    "learned positions": {"positions": "learned"},
    "tied, no positions, one head": {"de_embedding": "tied", "positions": "none", "heads": 1},
    "no layers": {"layers": 0},
}


@pytest.mark.parametrize("options", MODELS.values(), ids=MODELS.keys())
def test_the_reconstruction_model_has_pytorchs_logits_loss_and_gradient_of_every_parameter(options):
    sizes = {"vocab_size": V, "width": D, "layers": 2, "heads": H, "hidden": HIDDEN, "max_tokens": 7}
    config = ReconstructionConfig(**(sizes | {"dropout": 0.0} | options))
    model = away_from_the_start(ReconstructionModel(config, generator=generator()))
    sinusoids = model.positions.table
    theirs = TorchModel(config, None if sinusoids is None else to_torch(sinusoids))
    load(theirs, model.state_dict())

    ids = np.random.default_rng(3).integers(0, V, (B, T))
    targets = np.where(REAL, np.random.default_rng(4).integers(0, V, (B, T)), -100)
    logits, expected = model(ids, REAL), theirs(to_torch(ids), to_torch(~REAL))
    assert_same(logits.data, expected.detach(), "logits")

    loss = F.cross_entropy(logits.reshape(-1, V), targets.reshape(-1))
    expected_loss = torch.nn.functional.cross_entropy(expected.transpose(1, 2), to_torch(targets))
    assert_same(loss.data, expected_loss.detach(), "loss")

    loss.backward(np.asarray(0.7))
    (0.7 * expected_loss).backward()
    assert_gradients_agree(model, theirs)
