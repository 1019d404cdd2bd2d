"""The reconstruction model: gradients of every variant, what positions and masks do, what it refuses."""

import itertools

import numpy as np
import pytest
from support.numeric import assert_close, numeric_gradient

from minattn import functional as F
from minattn import no_grad
from minattn.errors import InputError
from minattn.models import ReconstructionConfig, ReconstructionModel

SIZES = {"vocab_size": 7, "width": 4, "layers": 1, "heads": 2, "hidden": 3, "max_tokens": 5}
IDS = np.array([[1, 3, 3, 6], [2, 0, 5, 5]])
MASK = np.array([[True, True, True, False], [True] * 4])


def build(seed=0, **options):
    """A tiny model in float64 whose parameters are all moved away from their initial values."""
    model = ReconstructionModel(
        ReconstructionConfig(**(SIZES | {"dropout": 0.0} | options)), generator=np.random.default_rng(seed)
    ).double()
    rng = np.random.default_rng(seed + 1)
    for parameter in model.parameters():
        parameter.set(parameter.data + 0.3 * rng.normal(size=parameter.shape))
    return model


VARIANTS = [
    *itertools.product([True, False], [True, False], ["relative", "sinusoidal", "learned", "none"], ["own"]),
    (True, True, "sinusoidal", "tied"),
    (False, True, "learned", "tied"),
    (False, True, "sinusoidal", "dot"),
    (False, False, "learned", "cosine"),
    (True, False, "none", "l2"),
]


@pytest.mark.parametrize(("norm_first", "residual", "positions", "de_embedding"), VARIANTS)
def test_every_gradient_of_every_variant_is_the_slope_of_its_loss(norm_first, residual, positions, de_embedding):
    model = build(norm_first=norm_first, residual=residual, positions=positions, de_embedding=de_embedding)
    targets = np.where(MASK, IDS, -100)

    def loss():
        return F.cross_entropy(model(IDS, MASK).transpose(1, 2), targets)

    upstream = np.array(1.7)  # not 1: a backward that forgets it would pass
    loss().backward(upstream)
    for name, parameter in model.named_parameters():
        values = parameter.data

        def moved(changed, parameter=parameter):
            parameter.data = changed
            with no_grad():
                return loss().data

        slope = numeric_gradient(moved, (values,), 0, upstream)
        parameter.data = values
        try:
            assert_close(parameter.grad, slope)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from None


def test_the_whole_of_a_deeper_model_agrees_with_the_slope_in_random_directions():
    model = build(layers=3, width=12, heads=3, hidden=20, vocab_size=30, max_tokens=6)
    ids = np.random.default_rng(3).integers(0, 30, (3, 6))
    mask = np.arange(6) < np.array([[6], [4], [1]])

    def loss():
        return F.cross_entropy(model(ids, mask).transpose(1, 2), np.where(mask, ids, -100))

    loss().backward()
    start = {name: x.copy() for name, x in model.state_dict().items()}
    rng = np.random.default_rng(4)
    for _ in range(3):
        direction = {name: rng.normal(size=x.shape) for name, x in start.items()}

        def along(step, direction=direction):
            model.load_state_dict({name: x + step * direction[name] for name, x in start.items()})
            return loss().data

        slope = sum((p.grad * direction[name]).sum() for name, p in model.named_parameters())
        measured = numeric_gradient(lambda t, along=along: along(1e-2 * t), (np.array(0.0),), 0, np.array(1.0)) * 100
        assert_close(slope, measured)


@pytest.mark.parametrize("positions", ["none", "sinusoidal", "learned"])
def test_order_matters_with_positions_and_not_without(positions):
    model = build(positions=positions, layers=2).eval()
    order = np.array([2, 0, 3, 1])
    before, after = model(IDS, MASK).data, model(IDS[:, order], MASK[:, order]).data
    assert np.allclose(before[:, order], after, rtol=1e-10) == (positions == "none")  # sums in another order


@pytest.mark.parametrize("positions", ["none", "sinusoidal", "learned"])
def test_two_blanks_get_the_same_bits_without_positions_and_others_with(positions):
    model = build(positions=positions, layers=2).float().eval()
    blank = 4
    logits = model(np.array([[1, blank, 2, blank, 3]])).data
    assert (logits[0, 1] == logits[0, 3]).all() == (positions == "none")


@pytest.mark.parametrize("norm_first", [True, False])
def test_padding_does_not_change_what_real_tokens_get(norm_first):
    model = build(norm_first=norm_first, layers=2).eval()
    short = model(IDS[:, :3], np.ones((2, 3), bool)).data
    for filler in (0, 6):
        padded = np.concatenate([IDS[:, :3], np.full((2, 2), filler)], axis=1)
        mask = np.arange(5) < np.full((2, 1), 3)
        np.testing.assert_allclose(model(padded, mask).data[:, :3], short, rtol=1e-10, atol=1e-12)  # other blocking
    assert not np.allclose(model(padded).data[:, :3], short)


@pytest.mark.parametrize("norm_first", [True, False])
def test_attention_maps_have_rows_that_sum_to_1_and_nothing_on_padding(norm_first):
    model = build(norm_first=norm_first, layers=3).eval()
    maps = model.attention_maps(IDS, MASK)
    assert [p.shape for p in maps] == [(2, 2, 4, 4)] * 3
    for p in maps:
        np.testing.assert_allclose(p.sum(-1), 1, rtol=1e-12)  # rounding
        assert (p[0, :, :, 3] == 0).all() and (p[1] > 0).all()
    x = model.positions(model.embedding(IDS))
    for block, p in zip(model.blocks, maps, strict=True):
        np.testing.assert_array_equal(p, block.attention_weights(x, MASK).data)
        x = block(x, MASK)


def test_attention_switched_off_leaves_every_token_alone_and_can_be_switched_on_again():
    model = build(layers=2).eval()
    other = IDS.copy()
    other[:, 0] = 4
    before = model(IDS).data
    assert (model(other).data[:, 1:] != before[:, 1:]).any()
    model.attend(False)
    np.testing.assert_array_equal(model(other).data[:, 1:], model(IDS).data[:, 1:])
    model.attend(True)
    np.testing.assert_array_equal(model(IDS).data, before)


def test_dropout_acts_in_training_only_and_follows_its_seed():
    first, second = build(dropout=0.5), build(dropout=0.5)
    once = first(IDS).data
    np.testing.assert_array_equal(second(IDS).data, once)
    assert (first(IDS).data != once).any()
    first.eval()
    np.testing.assert_array_equal(first(IDS).data, first(IDS).data)
    np.testing.assert_array_equal(first(IDS).data, build(dropout=0.0)(IDS).data)


def test_tied_weights_are_one_parameter_and_get_both_gradients():
    model = build(de_embedding="tied")
    names = [name for name, _ in model.named_parameters()]
    assert "embedding.weight" in names and "de_embedding.weight" not in names and "de_embedding.bias" in names
    assert model.de_embedding.weight is model.embedding.weight
    assert model.float().de_embedding.weight is model.embedding.weight
    model(IDS).sum().backward()
    assert (model.embedding.weight.grad[4] != 0).any()  # token 4 never comes in, but is scored


@pytest.mark.parametrize("kind", ["own", "l2", "cosine", "dot"])
def test_nearest_token_de_embeddings_learn_nothing_of_their_own(kind):
    names = {name for name, _ in build(de_embedding=kind).named_parameters() if name.startswith("de_embedding")}
    assert names == ({"de_embedding.weight", "de_embedding.bias"} if kind == "own" else set())


def test_a_loaded_model_gives_the_same_bits():
    source, target = build(seed=0, layers=2), build(seed=5, layers=2)
    assert (source(IDS, MASK).data != target(IDS, MASK).data).any()
    target.load_state_dict(source.state_dict())
    np.testing.assert_array_equal(source(IDS, MASK).data, target(IDS, MASK).data)
    with pytest.raises(ValueError, match=r"missing \['blocks\.1\.attention\.query\.weight', .*unexpected nothing"):
        target.load_state_dict(build(layers=1).state_dict())
    with pytest.raises(ValueError, match=r"unexpected \['blocks\.1\.attention\.query\.weight'"):
        build(layers=1).load_state_dict(source.state_dict())


def test_a_new_model_is_float32_throughout():
    model = ReconstructionModel(ReconstructionConfig(**SIZES), generator=np.random.default_rng(0))
    loss = F.cross_entropy(model(IDS, MASK).transpose(1, 2), IDS)
    loss.backward()
    assert loss.dtype == np.float32
    assert {p.grad.dtype for p in model.parameters()} == {np.dtype(np.float32)}
    assert {p.dtype for p in model.attention_maps(IDS)} == {np.dtype(np.float32)}


def test_a_model_without_layers_still_gives_logits_of_every_token():
    assert build(layers=0)(IDS).shape == (2, 4, 7)


@pytest.mark.parametrize(
    ("ids", "mask", "kind", "message"),
    [
        (np.array([[7]]), None, IndexError, r"embedding: id 7 is out of range, there are 7 \(0 to 6\)"),
        (np.array([[-1]]), None, IndexError, "embedding: id -1 is out of range"),
        (np.array([[0.0]]), None, TypeError, "embedding: input must be integers, got dtype float64"),
        (np.zeros((1, 6), int), None, ValueError, "6 tokens, but there are only 5 positions"),
        (np.zeros(3, int), None, ValueError, r"x must be \(B, T, D\), got shape \(3, 4\)"),
        (IDS, MASK[:, :3], ValueError, r"attention_mask must have shape \(B, T\) = \(2, 4\), got \(2, 3\)"),
        (IDS, MASK.astype(int), TypeError, "attention_mask must be a boolean array"),
    ],
)
def test_input_that_does_not_fit_is_refused_in_a_sentence(ids, mask, kind, message):
    with pytest.raises(kind, match=message):
        build()(ids, mask)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *[({name: 0}, f"{name} must be at least 1, got 0") for name in ("vocab_size", "width", "heads", "hidden")],
        ({"max_tokens": 0}, "max_tokens must be at least 1, got 0"),
        ({"max_tokens": 2**60}, f"max_tokens must be at most 1,000,000, got {2**60}"),
        ({"layers": -1}, "layers must be at least 0, got -1"),
        ({"width": 10, "heads": 4}, "width 10 is not divisible by 4 heads"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1\.0"),
        ({"positions": "odd"}, "positions must be one of relative, sinusoidal, learned, none, got 'odd'"),
        ({"de_embedding": "odd"}, "de_embedding must be one of own, tied, l2, cosine, dot, got 'odd'"),
    ],
)
def test_a_configuration_that_cannot_be_built_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        ReconstructionConfig(**(SIZES | options))


@pytest.mark.parametrize("layers", [0, 2])
def test_a_loss_of_some_tokens_is_that_of_their_logits(layers):
    """The last block computes what is wanted alone, and each vector is held to its own target."""
    model, rng = build(layers=layers, positions="relative"), np.random.default_rng(3)
    ids = rng.integers(0, SIZES["vocab_size"], (3, 5))
    targets = np.where(rng.random(ids.shape) < 0.5, rng.integers(0, SIZES["vocab_size"], ids.shape), -100)
    logits = model(ids).data[targets != -100]
    p = np.exp(logits - logits.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    wanted = targets[targets != -100]
    expected = -np.log(p[np.arange(len(wanted)), wanted]).mean()
    np.testing.assert_allclose(model.loss(ids, None, targets).item(), expected, rtol=1e-12)  # rounding
    np.testing.assert_allclose(model.logits(ids, where=targets != -100).data, logits, rtol=1e-12)  # rounding
