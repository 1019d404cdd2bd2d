"""Layers, optimizers and trainings on arrays that refuse whatever CuPy refuses: every bit as on NumPy."""

import json

import numpy as np
import pytest
from support.strict_array import StrictArray, assert_same_bits, strict_device, to_strict

from minattn import no_grad
from minattn.fast.flat_optimizer import BLOCK
from minattn.models import ReconstructionConfig, ReconstructionModel
from minattn.nn import Embedding, Linear, Parameter
from minattn.optim import SGD, Adam, AdamW, clip_grad_norm_
from minattn.pretrained import BertForMaskedLM, BertModel, EncoderConfig
from minattn.runs import Run
from minattn.text import Sentences, WordPiece
from minattn.training import Data, HeldOut, Trainer, TrainingConfig, restore


@pytest.fixture(autouse=True)
def device():
    with strict_device():
        yield


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


# --- optimizers


@pytest.mark.parametrize(
    "make", [SGD, lambda p: SGD(p, 0.1, 0.9, 0.1), Adam, lambda p: Adam(p, weight_decay=0.1), AdamW]
)
def test_optimizers_take_the_same_steps_on_the_whole_array_as_in_blocks(make):
    start = normal(BLOCK // 200, 300)
    assert start.size > BLOCK
    ends = []
    for move in (lambda x: x, to_strict):
        parameters = [Parameter(move(start.copy())), Parameter(move(normal(5)))]
        optimizer = make(parameters)
        for step in range(3):
            for i, p in enumerate(parameters):
                p.grad = move(normal(*p.shape, seed=10 * step + i))
            norm = clip_grad_norm_(parameters, 1.0)
            assert type(norm) is float
            optimizer.step()
        ends.append((norm, parameters, optimizer))
    (norm, parameters, optimizer), (twin_norm, twins, twin_optimizer) = ends
    assert twin_norm == norm
    for twin, p in zip(twins, parameters, strict=True):
        assert_same_bits(twin.data, p.data)
    state = twin_optimizer.state_dict()
    for name, array in optimizer.state_dict().items():
        if name != "steps":
            assert_same_bits(state[name], array)
    again = make(twins)
    again.load_state_dict(state)
    assert all(again.state_dict()[name].__class__ is array.__class__ for name, array in state.items())


# --- layers and models


def make_model(**options):
    config = {"vocab_size": 11, "width": 8, "layers": 2, "heads": 2, "hidden": 12, "max_tokens": 6, "dropout": 0.2}
    return ReconstructionModel(ReconstructionConfig(**config | options), generator=np.random.default_rng(0))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"positions": "learned", "de_embedding": "tied"},
        {"positions": "none", "de_embedding": "l2", "norm_first": False},
        {"de_embedding": "cosine", "residual": False},
        {"de_embedding": "dot", "layers": 0},
    ],
)
def test_a_model_gives_the_same_loss_gradients_and_attention_maps(options):
    ids = np.array([[1, 5, 5, 2], [1, 7, 2, 0]])
    batch = (ids, ids > 0, np.where(ids > 0, ids, -100))
    here, there = make_model(**options), make_model(**options).to("strict")
    losses = []
    for model, place in ((here, batch), (there, to_strict(batch))):
        loss = model.loss(*place)
        loss.backward()
        losses.append(loss.item())
    assert losses[0] == losses[1]
    for (name, p), (twin_name, twin) in zip(here.named_parameters(), there.named_parameters(), strict=True):
        assert name == twin_name
        assert_same_bits(twin.grad, p.grad)
    maps = there.attention_maps(*to_strict(batch[:2]))
    for mine, expected in zip(maps, here.attention_maps(*batch[:2]), strict=True):
        assert_same_bits(mine, expected)
    with no_grad():
        x = here.embedding(ids)
        nearest = there.de_embedding.nearest(x.to("strict"))
    assert_same_bits(nearest, here.de_embedding.nearest(x))


@pytest.mark.parametrize("kind", [BertModel, BertForMaskedLM])
@pytest.mark.parametrize("lengths", [(5, 5, 5), (5, 1, 3)], ids=["no padding", "padding"])
def test_a_pretrained_encoder_gives_the_same_vectors_and_gradients(kind, lengths):
    config = EncoderConfig(11, width=8, layers=2, heads=2, hidden=12, max_tokens=5, token_types=2, dropout=0.0)
    here, there = (kind(config, generator=np.random.default_rng(0)) for _ in range(2))
    there.to("strict")
    ids = np.array([[2, 7, 0, 7, 3], [2, 0, 0, 0, 0], [4, 1, 9, 0, 0]])  # the first holds the id of padding as a token
    mask = np.arange(5) < np.array(lengths)[:, None]
    for move in (lambda x: x, to_strict):
        last = []
        for model, inputs in ((here, (ids, mask)), (there, (move(ids), move(mask)))):
            out = model(*inputs, output_hidden_states=True, output_attentions=True)
            y = out.last_hidden_state if kind is BertModel else out.logits
            (y * y).sum().backward()
            last.append((y.data, *(x.data for x in out.hidden_states), *out.attentions))
        for expected, got in zip(*last, strict=True):
            assert_same_bits(got, expected)
    for expected, got in zip(here.parameters(), there.parameters(), strict=True):
        assert (expected.grad is None) == (got.grad is None)
        if expected.grad is not None:
            assert_same_bits(got.grad, expected.grad)


def test_a_masked_lm_model_gives_the_same_loss_and_scores_at_blanks():
    config = EncoderConfig(11, width=8, layers=1, heads=2, hidden=12, max_tokens=4, dropout=0.0)
    here, there = (BertForMaskedLM(config, generator=np.random.default_rng(0)) for _ in range(2))
    there.to("strict")
    ids = np.array([[2, 7, 5, 3], [2, 4, 0, 0]])
    batch = (ids, ids > 0, np.where(ids > 0, ids, -100))
    losses, scores = [], []
    for model, place in ((here, batch), (there, to_strict(batch))):
        loss = model.loss(*place)
        loss.backward()
        losses.append(loss.item())
        scores.append(model.logits(*place[:2], where=place[2] == 7).data)
    assert losses[0] == losses[1]
    assert_same_bits(scores[1], scores[0])
    for expected, got in zip(here.parameters(), there.parameters(), strict=True):
        assert_same_bits(got.grad, expected.grad)
    for expected, got in zip(here.attention_maps(*batch[:2]), there.attention_maps(*to_strict(batch[:2])), strict=True):
        assert_same_bits(got, expected)


def test_a_model_goes_to_the_device_with_gradients_and_tables_and_back():
    model = make_model()
    model.loss(np.array([[1, 2]]), None, np.array([[1, 2]])).backward()
    before = {name: (p.data.copy(), p.grad.copy()) for name, p in model.named_parameters()}
    model.to("strict")
    assert isinstance(model.positions.table, StrictArray)
    for name, p in model.named_parameters():
        assert_same_bits(p.data, before[name][0])
        assert_same_bits(p.grad, before[name][1])
    assert all(type(array) is np.ndarray for array in model.state_dict().values())
    model.to("cpu")
    for name, p in model.named_parameters():
        np.testing.assert_array_equal(p.data, before[name][0])
        np.testing.assert_array_equal(p.grad, before[name][1])


def test_weights_load_onto_the_device_from_numpy_and_from_the_device():
    model, other = make_model().to("strict"), make_model(residual=False)
    other.embedding.weight.data *= 2
    model.load_state_dict(other.state_dict())
    assert_same_bits(model.embedding.weight.data, other.embedding.weight.data)
    on_device = {name: to_strict(-array) for name, array in other.state_dict().items()}
    model.load_state_dict(on_device)
    assert_same_bits(model.embedding.weight.data, -other.embedding.weight.data)
    other.load_state_dict(on_device)
    np.testing.assert_array_equal(model.embedding.weight.numpy(), other.embedding.weight.data)


def test_a_parameter_made_of_a_strided_array_of_the_device_stays_there_and_becomes_contiguous():
    weight = Parameter(to_strict(normal(3, 4)).T)
    assert weight.device == "strict" and weight.data.flags.c_contiguous
    assert_same_bits(weight.data, np.ascontiguousarray(normal(3, 4).T))


def test_layers_change_precision_on_the_device():
    layer = Linear(3, 2, generator=np.random.default_rng(0)).to("strict").double()
    assert layer.weight.device == "strict" and layer.weight.dtype == np.float64
    assert Embedding(4, 3, generator=np.random.default_rng(0)).to("strict").float()([1]).dtype == np.float32


# --- trainings

SENTENCES = ["the cat sat on the mat", "a dog ran", "the dog sat by the fire", "a cat saw the dog", "the mat is red"]
MODEL = {"width": 8, "layers": 1, "heads": 2, "hidden": 12, "max_tokens": 12, "dropout": 0.2}
STEPS = 5


@pytest.fixture(scope="module")
def data():
    tokenizer = WordPiece.train(SENTENCES, vocab_size=60)
    ids = tokenizer.encode_batch(SENTENCES)
    return Data(tokenizer, Sentences.of(ids[:4]), Sentences.of(ids[4:]), sum(map(len, ids[:4])), 0)


def make_trainer(data, run, device):
    training = TrainingConfig(steps=STEPS, batch=2, lr=1e-2, warmup=0.4, clip=0.5, blanks=0.3, save_every=2, threads=1)
    return Trainer(ReconstructionConfig(data.tokenizer.vocab_size, **MODEL), training, data, run, device)


def new_run(data, folder):
    return Run.create(folder, {"made": "for a test"}, data.tokenizer.to_json())


@pytest.fixture(scope="module")
def on_numpy(data, tmp_path_factory):
    """A training on the CPU that was never stopped."""
    trainer = make_trainer(data, new_run(data, tmp_path_factory.mktemp("numpy") / "run"), "cpu")
    assert trainer.train()
    return trainer


def rows(run):
    """The metrics, without the speed."""
    return [{key: value for key, value in row.items() if key != "tokens_per_second"} for row in run.metrics()]


def checkpoint_files(run):
    """The bytes of every checkpoint's weights and optimizer state, and what else a run needs to go on."""
    files = sorted(run.folder.glob("checkpoints/*/*"))
    return {str(path.relative_to(run.folder)): path.read_bytes() for path in files}


def assert_same_training(run, expected):
    assert rows(run) == rows(expected)
    assert len(rows(run)) == STEPS
    mine, theirs = checkpoint_files(run), checkpoint_files(expected)
    assert mine.keys() == theirs.keys() and len(mine) >= 3
    assert [name for name in mine if mine[name] != theirs[name]] == []


def test_a_training_writes_the_same_losses_scores_and_checkpoints(data, on_numpy, tmp_path):
    trainer = make_trainer(data, new_run(data, tmp_path / "run"), "strict")
    reported = []
    assert trainer.train(reported.append)
    assert all(p.device == "strict" for p in trainer.model.parameters())
    json.dumps(reported)
    assert_same_training(trainer.run, on_numpy.run)


@pytest.mark.parametrize("devices", [("strict", "strict"), ("strict", "cpu"), ("cpu", "strict")])
def test_a_training_saved_on_one_device_and_resumed_on_another_goes_on_bit_for_bit(data, on_numpy, tmp_path, devices):
    first = make_trainer(data, new_run(data, tmp_path / "run"), devices[0])
    assert not first.train(stop=lambda: first.step == 3)
    second = make_trainer(data, Run.open(tmp_path / "run"), devices[1])
    second.resume()
    assert second.step == 3
    assert second.train()
    assert {p.device for p in second.model.parameters()} == {devices[1]}
    assert rows(second.run) == rows(on_numpy.run)
    mine, theirs = checkpoint_files(second.run), checkpoint_files(on_numpy.run)
    last = [name for name in theirs if f"step-{STEPS:06d}" in name]
    assert len(last) == 3
    assert [name for name in last if mine[name] != theirs[name]] == []


def test_held_out_text_is_scored_on_the_device(data, on_numpy):
    here = on_numpy.model
    there = ReconstructionModel(here.config, generator=np.random.default_rng(1)).to("strict")
    there.load_state_dict(here.state_dict())
    scores = [HeldOut(data.held_out, data.tokenizer).score(model) for model in (here, there)]
    assert scores[0] == scores[1]
    assert type(scores[1].copied) is float
    table = HeldOut(data.held_out, data.tokenizer).compare(there, there, data.training)
    assert table["trained"] == scores[0]


def test_a_text_is_restored_on_the_device(data, on_numpy):
    there = ReconstructionModel(on_numpy.model.config, generator=np.random.default_rng(1)).to("strict")
    there.load_state_dict(on_numpy.model.state_dict())
    results = [restore(model.eval(), data.tokenizer, "the cat [MASK]") for model in (on_numpy.model, there)]
    on_numpy.model.train()
    assert results[0].to_dict() == results[1].to_dict()
    assert type(results[1].attention[0]) is np.ndarray
