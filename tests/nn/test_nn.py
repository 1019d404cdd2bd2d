"""Layers: what they compute, what parameters they own, and what they refuse."""

from functools import partial

import numpy as np
import pytest

from minattn import Tensor
from minattn.nn import (
    DeEmbedding,
    Dropout,
    Embedding,
    EncoderBlock,
    FeedForward,
    LayerNorm,
    Linear,
    Module,
    MultiHeadSelfAttention,
    Parameter,
    PositionalEncoding,
    RelativePositions,
    sinusoids,
)
from minattn.nn.deembedding import KINDS as DE_EMBEDDINGS


def seeded(seed=0):
    return np.random.default_rng(seed)


def random_tensor(*shape, seed=1, dtype=np.float64):
    return Tensor(seeded(seed).normal(size=shape).astype(dtype))


class Pair(Module):
    """A module with a list, a shared parameter, a table and a number."""

    def __init__(self):
        self.first = Linear(3, 3, generator=seeded(1))
        self.layers = [LayerNorm(3), Dropout(0.5, generator=seeded(2))]
        self.shared = self.first.weight
        self.table = np.ones(3, np.float32)
        self.ids = np.arange(3)

    def forward(self, x):
        return self.layers[1](self.layers[0](self.first(x)))


def test_parameters_are_named_by_the_way_to_them_and_a_shared_one_comes_once():
    pair = Pair()
    assert [name for name, _ in pair.named_parameters()] == ["shared", "first.bias", "layers.0.weight", "layers.0.bias"]
    assert len(list(pair.parameters())) == 4
    assert [type(module).__name__ for module in pair.modules()] == ["Pair", "Linear", "LayerNorm", "Dropout"]


def test_repr_shows_the_tree_with_the_shapes_of_the_parameters():
    assert repr(Pair()) == (
        "Pair(shared (3, 3))\n  first: Linear(weight (3, 3), bias (3,))\n"
        "  layers.0: LayerNorm(weight (3,), bias (3,))\n  layers.1: Dropout()"
    )


def test_train_and_eval_reach_every_module_and_switch_dropout():
    pair = Pair()
    x = random_tensor(4, 3, dtype=np.float32)
    assert pair.eval() is pair and not any(module.training for module in pair.modules())
    np.testing.assert_array_equal(pair(x).data, pair(x).data)
    assert pair.train() is pair and all(module.training for module in pair.modules())
    assert (pair(x).data == 0).any()


def test_double_and_float_change_parameters_gradients_and_tables_but_not_ids():
    pair = Pair()
    pair(random_tensor(4, 3, dtype=np.float32)).sum().backward()
    for change, dtype in ((pair.double, np.float64), (pair.float, np.float32)):
        assert change() is pair
        for _, parameter in pair.named_parameters():
            assert parameter.dtype == dtype and parameter.grad.dtype == dtype
        assert pair.table.dtype == dtype and pair.ids.dtype == np.arange(3).dtype
        assert pair.shared is pair.first.weight
    pair.zero_grad()
    assert all(parameter.grad is None for parameter in pair.parameters())


def test_a_state_dict_restores_the_same_numbers_and_keeps_the_sharing():
    source, target = Pair(), Pair()
    for parameter in source.parameters():
        parameter.set(seeded(3).normal(size=parameter.shape))
    assert target.load_state_dict(source.state_dict()) == ([], [])
    for (name, a), (_, b) in zip(source.named_parameters(), target.named_parameters(), strict=True):
        np.testing.assert_array_equal(a.data, b.data, err_msg=name)
        assert not np.shares_memory(a.data, b.data)
    assert target.shared is target.first.weight and target.shared.dtype == np.float32


WRONG_STATES = {
    "missing and unexpected": (
        lambda state: {"other": np.ones(3), **{n: x for n, x in state.items() if n != "first.bias"}},
        r"^load_state_dict: missing \['first\.bias'\], unexpected \['other'\]$",
    ),
    "missing": (lambda state: {"shared": state["shared"]}, r"missing \['first\.bias', .*'\], unexpected nothing$"),
    "shape": (
        lambda state: state | {"layers.0.bias": np.ones(4)},
        r"^load_state_dict: layers\.0\.bias has shape \(4,\), expected \(3,\)$",
    ),
    "dtype": (
        lambda state: state | {"layers.0.bias": np.array(["a", "b", "c"])},
        "^load_state_dict: layers.0.bias has dtype <U1, expected float32$",
    ),
}


@pytest.mark.parametrize("name", WRONG_STATES)
def test_a_wrong_state_dict_is_refused_and_nothing_is_changed(name):
    spoil, message = WRONG_STATES[name]
    pair = Pair()
    before = {name: x.copy() for name, x in pair.state_dict().items()}
    state = spoil({name: x + 1 for name, x in before.items()})
    with pytest.raises(ValueError, match=message):
        pair.load_state_dict(state)
    for name, x in pair.state_dict().items():
        np.testing.assert_array_equal(x, before[name], err_msg=name)


def test_without_strict_what_fits_is_loaded_and_the_rest_is_reported():
    pair = Pair()
    missing, unexpected = pair.load_state_dict({"first.bias": [1.0, 2.0, 3.0], "other": [0]}, strict=False)
    assert missing == ["shared", "layers.0.weight", "layers.0.bias"] and unexpected == ["other"]
    np.testing.assert_array_equal(pair.first.bias.data, [1, 2, 3])


def test_a_parameter_is_contiguous_and_always_needs_a_gradient():
    parameter = Parameter(np.arange(6.0).reshape(2, 3).T)
    assert parameter.data.flags.c_contiguous and parameter.requires_grad
    np.testing.assert_array_equal(parameter.data, np.arange(6.0).reshape(2, 3).T)


def test_linear_starts_within_the_bound_of_its_width():
    layer = Linear(16, 200, generator=seeded())
    for parameter in (layer.weight, layer.bias):
        assert parameter.dtype == np.float32
        assert 0.2 < np.abs(parameter.data).max() <= 0.25  # 1/√16, nearly reached by the largest of 200
    assert [name for name, _ in Linear(2, 3, bias=False, generator=seeded()).named_parameters()] == ["weight"]
    np.testing.assert_array_equal(layer.weight.data, Linear(16, 200, generator=seeded()).weight.data)


def test_layer_norm_gives_mean_0_and_variance_1():
    y = LayerNorm(50).double()(3 + 2 * random_tensor(4, 50)).data
    np.testing.assert_allclose(y.mean(-1), 0, atol=1e-12)  # rounding
    np.testing.assert_allclose(y.var(-1), 1, rtol=1e-4)  # eps = 1e-5 beside a variance of about 4


def test_sinusoidal_positions_are_those_of_the_paper():
    table = sinusoids(7, 5)
    for position in range(7):
        for column in range(5):
            angle = position / 10000 ** (2 * (column // 2) / 5)
            assert abs(table[position, column] - (np.cos if column % 2 else np.sin)(angle)) < 1e-12


@pytest.mark.parametrize("kind", ["sinusoidal", "learned", "none"])
def test_positions_are_added_from_the_first_row_on(kind):
    layer = PositionalEncoding(kind, 6, 4, generator=seeded()).double()
    x = random_tensor(2, 5, 4)
    added = {"sinusoidal": lambda: layer.table[:5], "learned": lambda: layer.weight.data[:5], "none": lambda: 0}[kind]()
    np.testing.assert_array_equal(layer(x).data, x.data + added)
    assert len(list(layer.parameters())) == (kind == "learned")
    with pytest.raises(ValueError, match="7 tokens, but there are only 6 positions"):
        layer(random_tensor(2, 7, 4))


def test_multi_head_attention_is_what_the_formula_says_head_by_head():
    layer = MultiHeadSelfAttention(6, 2, generator=seeded()).double()
    x, mask = random_tensor(2, 4, 6), np.array([[True, True, True, False], [True] * 4])
    q, k, v = (part(x).data for part in (layer.query, layer.key, layer.value))
    joined = np.zeros((2, 4, 6))
    for b in range(2):
        for head in (slice(0, 3), slice(3, 6)):
            scores = np.where(mask[b], q[b, :, head] @ k[b, :, head].T / np.sqrt(3), -np.inf)
            p = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
            joined[b, :, head] = p @ v[b, :, head]
            np.testing.assert_allclose(layer.weights(x, mask)[b, head.start // 3], p, rtol=1e-12)  # rounding
    np.testing.assert_allclose(layer(x, mask).data, layer.out(Tensor(joined)).data, rtol=1e-11)


@pytest.mark.parametrize("kind", DE_EMBEDDINGS)
def test_every_de_embedding_scores_as_its_formula_says(kind):
    embedding = Embedding(7, 4, generator=seeded()).double()
    layer = DeEmbedding(kind, embedding, generator=seeded(2)).double()
    x, table = random_tensor(2, 3, 4).data, embedding.weight.data
    if layer.bias is not None:
        layer.bias.set(seeded(3).normal(size=7))
    length = partial(np.linalg.norm, axis=-1)
    expected = {
        "own": lambda: x @ layer.weight.data.T + layer.bias.data,
        "tied": lambda: x @ table.T + layer.bias.data,
        "dot": lambda: x @ table.T,
        "cosine": lambda: x @ table.T / length(x)[..., None] / length(table),
        "l2": lambda: -((x[..., None, :] - table) ** 2).sum(-1),
    }[kind]()
    np.testing.assert_allclose(layer(Tensor(x)).data, expected, rtol=1e-11, atol=1e-12)  # rounding
    np.testing.assert_array_equal(layer.nearest(Tensor(x)), expected.argmax(-1))
    own = dict(layer.named_parameters())
    assert (layer.weight is embedding.weight) == (kind != "own")
    assert ("bias" in own) == (kind in ("own", "tied"))


@pytest.mark.parametrize("kind", ["l2", "cosine"])
def test_the_nearest_token_of_a_tokens_own_vector_is_itself_whatever_its_length(kind):
    embedding = Embedding(50, 8, generator=seeded())
    embedding.weight.set(embedding.weight.data * seeded(1).uniform(0.1, 3, (50, 1)))
    layer = DeEmbedding(kind, embedding, generator=seeded())
    np.testing.assert_array_equal(layer.nearest(embedding(np.arange(50))), np.arange(50))


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("residual", [True, False])
def test_an_encoder_block_is_its_two_steps_in_the_order_of_its_variant(norm_first, residual):
    block = EncoderBlock(4, 2, 6, norm_first=norm_first, residual=residual, generator=seeded()).double()
    rng = seeded(2)
    for parameter in block.parameters():
        parameter.set(rng.normal(size=parameter.shape))
    x, mask = random_tensor(2, 3, 4), np.array([[True, True, False], [True] * 3])
    y = x
    attention, feed_forward = partial(block.attention, attention_mask=mask), block.feed_forward
    for step, norm in ((attention, block.attention_norm), (feed_forward, block.feed_forward_norm)):
        change = step(norm(y) if norm_first else y)
        y = y + change if residual else change
        y = y if norm_first else norm(y)
    np.testing.assert_allclose(block(x, mask).data, y.data, rtol=1e-12)  # rounding
    comes_in = block.attention_norm(x) if norm_first else x
    np.testing.assert_array_equal(block.attention_weights(x, mask), block.attention.weights(comes_in, mask))


def test_a_block_whose_attention_is_off_keeps_every_token_to_itself():
    block = EncoderBlock(4, 2, 6, generator=seeded())
    x = random_tensor(1, 3, 4, dtype=np.float32)
    other = Tensor(x.data + np.array([[0], [0], [1]], np.float32))
    assert (block(x).data[:, :2] != block(other).data[:, :2]).any()
    block.attends = False
    np.testing.assert_array_equal(block(x).data[:, :2], block(other).data[:, :2])


def test_feed_forward_treats_every_token_alike():
    layer, x = FeedForward(4, 6, generator=seeded()).double(), random_tensor(2, 3, 4)
    np.testing.assert_allclose(layer(x).data[1, 2], layer(x[1, 2]).data, rtol=1e-12)  # rounding


x2 = Tensor(np.ones((2, 3), np.float32))
x3 = Tensor(np.ones((2, 3, 8), np.float32))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g: Linear(0, 2, generator=g), "Linear: the features must be at least 1, got 0 in and 2 out"),
        (lambda g: Linear(4, 2, generator=g)(x2), r"linear: input .* weight .* \(2, 3\) and \(2, 4\)"),
        (lambda g: LayerNorm(4)(x2), r"layer_norm: input has shape \(2, 3\), its last axes must be \(4,\)"),
        (lambda g: Dropout(1.0, generator=g), r"Dropout: p must be in \[0, 1\), got 1\.0"),
        (lambda g: MultiHeadSelfAttention(8, 3, generator=g), "width 8 is not divisible by 3 heads"),
        (lambda g: MultiHeadSelfAttention(8, 0, generator=g), "width 8 is not divisible by 0 heads"),
        (lambda g: MultiHeadSelfAttention(8, 2, generator=g)(x3[0]), r"\(B, T, D\), got shape \(3, 8\)"),
        (lambda g: attend(g, np.ones((2, 4), bool)), r"mask must .* \(B, T\) = \(2, 3\), got \(2, 4\)"),
        (lambda g: attend(g, np.ones(3, bool)), r"attention_mask must .* got \(3,\)"),
        (lambda g: attend(g, [[True] * 3] * 2), "attention_mask must .* got list"),
        (lambda g: EncoderBlock(8, 2, 0, generator=g), "the features must be at least 1, got 8 in and 0 out"),
        (lambda g: DeEmbedding("near", Embedding(3, 4, generator=g), generator=g), ".* own, .* got 'near'"),
        (lambda g: PositionalEncoding("odd", 3, 4, generator=g), "sinusoidal, learned, none, got 'odd'"),
        (lambda g: PositionalEncoding("none", 3, 4, generator=g)(x2), r"D = 4, got shape \(2, 3\)"),
        (lambda g: PositionalEncoding("learned", 3, 4, generator=g)(x2[:, :1]), r"D = 4, got shape \(2, 1\)"),
    ],
)
def test_a_layer_refuses_what_does_not_fit_it(call, message):
    with pytest.raises(ValueError, match=message):
        call(seeded())


def attend(generator, mask):
    return MultiHeadSelfAttention(8, 2, generator=generator)(x3, mask)


def test_an_integer_mask_is_refused_as_it_would_be_added_elsewhere():
    with pytest.raises(TypeError, match=r"attention_mask must be a boolean array, got dtype int64"):
        attend(seeded(), np.ones((2, 3), np.int64))


def test_parameters_and_modules_in_lists_tuples_and_dicts_are_found():
    class Model(Module):
        def __init__(self):
            self.gains = [Parameter(np.ones(1))]
            self.pair = (Dropout(0.5, generator=np.random.default_rng(0)), Parameter(np.ones(2)))
            self.named = {"a": Parameter(np.ones(3))}

    model = Model()
    assert {name: p.size for name, p in model.named_parameters()} == {"gains.0": 1, "pair.1": 2, "named.a": 3}
    assert [name for name, _ in model.children()] == ["pair.0"]


def test_after_evaluating_every_module_is_as_it_was():
    class Model(Module):
        def __init__(self):
            self.frozen = Dropout(0.5, generator=np.random.default_rng(0))

    model = Model()
    model.frozen.eval()
    with model.evaluating():
        assert not model.training
    assert model.training and not model.frozen.training


# --- relative positions


def test_relative_positions_begin_with_an_eye_on_one_neighbour_each():
    positions = RelativePositions(heads=5, farthest=2, start=3.0)
    added = positions(4).data
    assert added.shape == (5, 4, 4)
    looks = [{(k - q) for q in range(4) for k in range(4) if added[head, q, k]} for head in range(5)]
    # the fifth would begin at three before, which counts as two or farther
    assert looks == [{-1}, {1}, {-3, -2}, {2, 3}, {-3, -2}]
    assert set(np.unique(added)) == {0.0, 3.0}
    with pytest.raises(ValueError, match="RelativePositions: farthest must be at least 1, got 0"):
        RelativePositions(2, 0)


@pytest.mark.parametrize("padded", [False, True])
def test_attention_adds_what_is_learned_of_each_distance_to_the_scores(padded):
    """By hand, with weights that are not those of the start; padding is never looked at."""
    layer, x = MultiHeadSelfAttention(6, 2, farthest=3, generator=seeded()).double(), random_tensor(2, 5, 6)
    layer.positions.weight.data[:] = seeded(3).normal(size=(7, 2))
    mask = np.ones((2, 5), bool)
    mask[1, 3:] = not padded
    q, k, v = (layer.split(part(x)).data for part in (layer.query, layer.key, layer.value))
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(3)
    for i in range(5):
        for j in range(5):
            scores[:, :, i, j] += layer.positions.weight.data[3 + np.clip(j - i, -3, 3)]
    scores = np.where(mask[:, None, None], scores, -np.inf)
    p = np.exp(scores - scores.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(layer.weights(x, mask), p, atol=1e-12)
    expected = layer.out(layer.merge(Tensor(p @ v))).data
    np.testing.assert_allclose(layer(x, mask).data, expected, atol=1e-12)


def test_a_block_gives_the_vectors_that_are_wanted_and_no_others():
    for norm_first in (False, True):
        block = EncoderBlock(6, 2, 8, norm_first=norm_first, farthest=2, activation="relu", generator=seeded()).double()
        x, where = random_tensor(2, 5, 6), seeded(4).random((2, 5)) < 0.5
        np.testing.assert_allclose(block(x, where=where).data, block(x).data[where], atol=1e-12)


@pytest.mark.parametrize("norm_first", [False, True])
def test_attention_that_is_off_counts_as_one_that_gives_zeros(norm_first):
    block, x = EncoderBlock(6, 2, 8, norm_first=norm_first, generator=seeded()).double(), random_tensor(2, 5, 6)
    block.attends = False
    off = block(x).data
    block.attends = True
    block.attention.out.weight.data[:] = 0
    block.attention.out.bias.data[:] = 0
    np.testing.assert_allclose(off, block(x).data, atol=1e-12)
