"""Using a trained run: what is shown of each token, and which runs and texts are refused."""

import json
import shutil
from dataclasses import asdict

import numpy as np
import pytest
from support.small_run import MODEL, TRAINING, contents, edit_config

from minattn.errors import InputError
from minattn.models import ReconstructionConfig, ReconstructionModel
from minattn.runs import Run
from minattn.text import WordPiece
from minattn.training import Trainer, load_model, model_config, restore, restore_ids

SENTENCE = "The cat [MASK] the red house."


def save(data, folder, **changes):
    """A run of a model that was trained for a moment, and its trainer."""
    model = ReconstructionConfig(data.tokenizer.vocab_size, **MODEL | changes)
    run = Run.create(folder, {"model": asdict(model)}, data.tokenizer.to_json())
    trainer = Trainer(model, TRAINING, data, run)
    trainer.train()
    return trainer


@pytest.fixture(scope="module")
def trainer(data, tmp_path_factory):
    return save(data, tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture
def run(trainer, tmp_path):
    """A copy of the run, to spoil."""
    return Run.open(shutil.copytree(trainer.run.folder, tmp_path / "run"))


@pytest.fixture(scope="module")
def loaded(trainer):
    return load_model(Run.open(trainer.run.folder))


@pytest.fixture
def restoration(loaded):
    return restore(*loaded, SENTENCE)


def test_the_tokens_that_went_in_are_shown_with_the_blank(restoration):
    assert restoration.given == ["[CLS]", "the", "cat", "[MASK]", "the", "red", "house", ".", "[SEP]"]
    assert restoration.lost == []


def test_each_token_comes_with_the_probabilities_of_its_best_pieces(loaded, restoration):
    model, tokenizer = loaded
    logits = model(np.array([tokenizer.encode(SENTENCE, blanks=True)])).data[0].astype(np.float64)
    exp = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities = exp / exp.sum(axis=-1, keepdims=True)
    for i, best in enumerate(restoration.best):
        expected = np.argsort(-probabilities[i])[:5]
        assert [token for token, _ in best] == [tokenizer.pieces[j] for j in expected]
        # float32 softmax against float64
        np.testing.assert_allclose([p for _, p in best], probabilities[i][expected], rtol=1e-5)
        assert (restoration.restored[i], restoration.confidence[i]) == best[0]
    assert restoration.text == tokenizer.decode([tokenizer.pieces.index(piece) for piece in restoration.restored])


def test_each_token_shows_what_it_looked_at_most_in_the_last_layer(restoration):
    (weights,) = restoration.attention
    assert weights.shape == (2, 9, 9)
    # rows of softmax in float32
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-6)
    for i in range(9):
        mean = (weights[0, i] + weights[1, i]) / 2
        looked = restoration.looked_at(i, most=9)
        assert sorted(token for token, _ in looked) == sorted(restoration.given)
        np.testing.assert_allclose([weight for _, weight in looked], np.sort(mean)[::-1], rtol=1e-6)
        assert restoration.looked_at(i) == looked[:3]


def test_a_restoration_for_programs_holds_the_same_and_is_json(restoration):
    told = json.loads(json.dumps(restoration.to_dict(), allow_nan=False))
    assert told["text"] == restoration.text and told["lost"] == []
    assert [token["given"] for token in told["tokens"]] == restoration.given
    blank = told["tokens"][3]
    assert blank["restored"] == blank["best"][0]["token"]
    assert blank["confidence"] == blank["best"][0]["probability"] == restoration.confidence[3]
    assert blank["looked_at"][0] == dict(zip(("token", "weight"), restoration.looked_at(3)[0], strict=True))


def test_words_that_the_vocabulary_lacks_are_shown_as_lost(loaded):
    restoration = restore(*loaded, "The cat sees the 中 Ω.")
    assert restoration.lost == ["中", "Ω"]
    assert restoration.given.count("[UNK]") == 2


def test_ids_are_restored_as_their_text_is(loaded, restoration):
    model, tokenizer = loaded
    same = restore_ids(model, tokenizer, tokenizer.encode(SENTENCE, blanks=True))
    assert same.to_dict() == restoration.to_dict()


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_a_text_without_words_is_refused_with_an_example(loaded, text):
    with pytest.raises(InputError, match=r'^the text is empty; try minattn reconstruct "'):
        restore(*loaded, text)


def test_a_text_as_long_as_the_positions_fits_and_one_token_more_is_refused(loaded):
    assert len(restore(*loaded, "cat " * 62).given) == 64
    with pytest.raises(InputError, match="the text has 65 tokens, but this model has 64 positions; give it a part"):
        restore(*loaded, "cat " * 63)


def test_without_blocks_there_is_no_attention_to_show(data, tmp_path):
    restoration = restore(*load_model(save(data, tmp_path / "run", layers=0).run), SENTENCE)
    assert restoration.attention == [] and restoration.looked_at(1) == []
    assert restoration.to_dict()["tokens"][1]["looked_at"] == []


def test_a_run_gives_the_model_that_was_trained_with_dropout_off(data, trainer, loaded):
    model, tokenizer = loaded
    assert not any(module.training for module in model.modules())
    assert tokenizer.fingerprint == data.tokenizer.fingerprint
    mine, theirs = model.state_dict(), trainer.model.state_dict()
    assert mine.keys() == theirs.keys()
    for name, array in mine.items():
        np.testing.assert_array_equal(array, theirs[name])


# --- runs that are refused


def edit(run, change):
    """A run whose config a person has edited."""
    edit_config(run.folder, change)
    return Run.open(run.folder)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda config: config.pop("model"), "model is missing"),
        (lambda config: config.update(model=[1]), "not a JSON object"),
        (lambda config: config["model"].pop("vocab_size"), "model lacks vocab_size"),
        (lambda config: config["model"].pop("dropout"), "model lacks dropout"),
        (lambda config: config["model"].update(width="x"), "width must be of type int, got 'x'"),
        (lambda config: config["model"].update(width=16.0), r"width must be of type int, got 16\.0"),
        (lambda config: config["model"].update(layers=True), "layers must be of type int, got True"),
        (lambda config: config["model"].update(positions=None), "positions must be of type str, got None"),
        (lambda config: config["model"].update(norm_first="no"), "norm_first must be of type bool, got 'no'"),
        (lambda config: config["model"].update(colour=1), "'colour', which this version does not know"),
        (lambda config: config["model"].update(heads=3), "model: width 16 is not divisible by 3 heads"),
        (lambda config: config["model"].update(positions="round"), "model: positions must be one of"),
        (lambda config: config["model"].update(dropout=float("nan")), "model: dropout must be in"),
        (lambda config: config["model"].update(width=32, hidden=128), "embedding.weight with shape"),
        (lambda config: config["model"].update(vocab_size=7), "embedding.weight with shape"),
    ],
)
def test_a_config_that_was_edited_by_hand_is_refused_with_what_is_wrong(run, change, complaint):
    run = edit(run, change)
    before = contents(run.folder)
    with pytest.raises(InputError, match=complaint):
        load_model(run)
    assert contents(run.folder) == before


def test_a_whole_number_may_stand_for_a_float_in_a_config(run):
    run = edit(run, lambda config: config["model"].update(dropout=0))
    assert model_config(run).dropout == 0


def test_a_tokenizer_with_another_number_of_pieces_than_the_model_is_refused(data, tmp_path):
    config = ReconstructionConfig(data.tokenizer.vocab_size, **MODEL)
    other = WordPiece.train(["a cat"], 30)
    run = Run.create(tmp_path / "run", {"model": asdict(config)}, other.to_json())
    model = ReconstructionModel(config, generator=np.random.default_rng(0))
    run.save(1, model.state_dict(), {}, {})
    with pytest.raises(InputError, match=rf"tokenizer has {other.vocab_size} pieces, but the model was made for"):
        load_model(run)


def test_a_tokenizer_that_was_exchanged_is_refused(run):
    (run.folder / "tokenizer.json").write_text(WordPiece.train(["a cat"], 30).to_json())
    with pytest.raises(InputError, match="belongs to another tokenizer"):
        load_model(Run.open(run.folder))


def spoilt(trainer, folder, name, change):
    """A run whose checkpoint holds another array of this name, as if it had been saved so."""
    weights = {key: array.copy() for key, array in trainer.model.state_dict().items()}
    weights[name] = change(weights[name])
    run = Run.create(folder, trainer.run.config, trainer.run.tokenizer_json)
    run.save(trainer.step, weights, {}, {})
    return run


def test_weights_that_are_no_numbers_are_refused(trainer, tmp_path):
    run = spoilt(trainer, tmp_path / "run", "embedding.weight", lambda array: array > 0)
    with pytest.raises(InputError, match=r"the checkpoint does not fit the model: .* has dtype bool"):
        load_model(run)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(data, trainer, tmp_path, number):
    run = spoilt(trainer, tmp_path / "run", "embedding.weight", lambda array: array * number)
    with pytest.raises(InputError, match=r"weights\.safetensors: embedding\.weight holds NaN or Inf"):
        load_model(run)
    with pytest.raises(InputError, match=r"weights\.safetensors: embedding\.weight holds NaN or Inf"):
        Trainer(trainer.model.config, TRAINING, data, run).resume()


def test_weights_that_are_too_large_for_any_result_are_one_sentence_and_no_warning(trainer, tmp_path):
    run = spoilt(trainer, tmp_path / "run", "embedding.weight", lambda array: array + np.float32(3e38))
    with pytest.raises(InputError, match="makes NaN or Inf of this text: its weights are too large, or damaged"):
        restore(*load_model(run), SENTENCE)


@pytest.mark.parametrize(
    "changes", [{"layers": 10**9}, {"hidden": 10**12}, {"vocab_size": 10**15}, {"layers": 10**300}]
)
def test_a_config_of_a_model_that_no_machine_could_hold_is_refused_at_once(data, trainer, tmp_path, changes):
    run = spoilt(trainer, tmp_path / "run", "embedding.weight", lambda array: array)
    run = edit(run, lambda config: config["model"].update(changes))
    with pytest.raises(InputError, match=r"config\.json: model describes a model of more than .* were saved$"):
        load_model(run)


@pytest.mark.parametrize("name", ["embedding_std", "position_scale"])
@pytest.mark.parametrize("number", [np.nan, np.inf, -1.0, 1e30])
def test_a_scale_is_a_number_in_its_range(name, number):
    with pytest.raises(InputError, match=rf"{name} must be in \[0, 1000\], got "):
        ReconstructionConfig(10, **{name: number})


def test_a_choice_that_no_shape_shows_is_refused_where_it_is_another_than_was_trained(run):
    run = edit(run, lambda config: config["model"].update(heads=4))
    with pytest.raises(InputError, match=r"state\.json belongs to another model than the run's config\.json describes"):
        load_model(run)


@pytest.mark.parametrize(
    ("name", "change", "complaint"),
    [
        ("steps", lambda array: array + 1, r"the optimizer made 13 steps, more than the 12 of the training"),
        ("steps", lambda array: array - 13, "the optimizer's steps must not be negative, got -1"),
        ("steps", lambda array: array + 0.5, "the optimizer's steps must hold whole numbers"),
        ("v.embedding.weight", lambda array: array - 1, r"the optimizer's v\.embedding\.weight must not be negative"),
        ("v.embedding.weight", lambda array: array > 0, r"v\.embedding\.weight must hold numbers, none of them NaN"),
        (
            "m.embedding.weight",
            lambda array: array * np.nan,
            r"m\.embedding\.weight must hold numbers, none of them NaN",
        ),
        ("m.embedding.weight", lambda array: array[1:], r"m\.embedding\.weight"),
    ],
)
def test_a_state_of_the_optimizer_that_no_training_leaves_is_refused(data, trainer, tmp_path, name, change, complaint):
    run = Run.create(tmp_path / "run", trainer.run.config, trainer.run.tokenizer_json)
    optimizer = trainer.optimizer.state_dict()
    run.save(trainer.step, trainer.model.state_dict(), optimizer | {name: change(optimizer[name])}, {})
    before = contents(run.folder)
    with pytest.raises(InputError, match=f"the checkpoint of step 12 does not fit: .*{complaint}"):
        Trainer(trainer.model.config, TRAINING, data, run).resume()
    assert contents(run.folder) == before


def test_a_run_without_a_checkpoint_is_refused(data, trainer, tmp_path):
    run = Run.create(tmp_path / "run", trainer.run.config, data.tokenizer.to_json())
    with pytest.raises(InputError, match="has no checkpoint yet"):
        load_model(run)
