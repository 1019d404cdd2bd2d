"""Folders that cannot be used: one sentence each, before any memory is taken."""

import numpy as np
import pytest
from support.pretrained_help import (
    LITTLE,
    ROWS,
    WIDTH,
    change_config,
    make,
    open_quietly,
    peak,
    refusal,
    tensors_of,
    unexpected,
)

from minattn.errors import InputError
from minattn.pretrained import load_pretrained


def test_memory_that_a_good_folder_takes_is_seen(good):
    model, taken = peak(lambda: open_quietly(good, np.float32))
    assert taken > 4 * ROWS * WIDTH > 5 * LITTLE
    assert model.config.vocab_size == ROWS


# The folder


def test_no_folder(tmp_path):
    assert refusal(tmp_path / "none") == (
        "expected a folder with config.json and model.safetensors at FOLDER, but there is no such folder; "
        "models are not downloaded"
    )


def test_a_file_for_a_folder(good):
    assert refusal(good / "model.safetensors").endswith("model.safetensors at FOLDER, but it is a file")


def test_no_config(folder):
    (folder / "config.json").unlink()
    message = refusal(folder)
    assert message.startswith("FOLDER/config.json is missing; the folder of a model holds it beside model.safetensors")
    assert message.endswith("as save_pretrained in transformers writes them")


def test_no_weights(folder):
    (folder / "model.safetensors").unlink()
    message = refusal(folder)
    assert message.startswith("FOLDER has no model.safetensors, nor model.safetensors.index.json; get the weights too")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "pytorch_model.bin.index.json"])
def test_weights_as_a_pickle_only(folder, name):
    (folder / "model.safetensors").rename(folder / name)
    message = refusal(folder)
    assert message.startswith(f"FOLDER/{name} is not read, because a pickle can run code; convert it")
    assert "save_pretrained" in message


def test_a_folder_for_weights(folder):
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").mkdir()
    assert refusal(folder) == "FOLDER/model.safetensors could not be read: it is a folder"


# config.json


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff\xfe{}", b"[" * 100_000, b'{"a": ' + b"9" * 9_999]
)
def test_a_config_that_is_no_json_object(folder, content):
    (folder / "config.json").write_bytes(content)
    assert refusal(folder).startswith("FOLDER/config.json is damaged: expected ")


@pytest.mark.parametrize("model_type", ["gpt2", "roberta", None, ..., 3, ["bert"], {"bert": 1}])
def test_another_architecture(folder, model_type):
    change_config(folder, model_type=model_type)
    came = None if model_type is ... else model_type
    assert refusal(folder) == f"FOLDER/config.json: model_type is {came!r}; known are bert and distilbert"


@pytest.mark.parametrize(
    ("name", "value", "known"),
    [
        ("hidden_act", "gelu_new", "'gelu'"),
        ("hidden_act", "relu", "'gelu'"),
        ("hidden_act", ["gelu"], "'gelu'"),
        ("position_embedding_type", "relative_key", "'absolute'"),
        ("is_decoder", True, "False"),
        ("add_cross_attention", True, "False"),
        ("pruned_heads", {"0": [1]}, "{}"),
    ],
)
def test_a_setting_that_is_not_known(folder, name, value, known):
    change_config(folder, **{name: value})
    assert refusal(folder) == f"FOLDER/config.json: {name} is {value!r}; known is {known} only"


def test_the_activation_of_distilbert(tmp_path):
    make("DistilBertModel").save_pretrained(tmp_path)
    change_config(tmp_path, activation="relu")
    assert refusal(tmp_path) == "FOLDER/config.json: activation is 'relu'; known is 'gelu' only"


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("hidden_size", "12", "int"),
        ("hidden_size", 12.0, "int"),
        ("hidden_size", None, "int"),
        ("num_hidden_layers", True, "int"),
        ("vocab_size", [ROWS], "int"),
        ("layer_norm_eps", "1e-12", "float"),
        ("layer_norm_eps", None, "float"),
        ("hidden_dropout_prob", {}, "float"),
        ("tie_word_embeddings", 1, "bool"),
        ("pad_token_id", "0", "int"),
    ],
)
def test_a_setting_of_another_type(folder, name, value, wanted):
    change_config(folder, **{name: value})
    assert refusal(folder) == f"FOLDER/config.json: {name} must be of type {wanted}, got {value!r}"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"hidden_size": 0}, "hidden_size must be at least 1, got 0"),
        ({"num_attention_heads": 0}, "num_attention_heads must be at least 1, got 0"),
        ({"num_attention_heads": 5}, "hidden_size 12 is not divisible by 5 heads"),
        ({"num_attention_heads": 10**12}, "hidden_size 12 is not divisible by 1000000000000 heads"),
        ({"num_hidden_layers": -1}, "num_hidden_layers must be at least 0, got -1"),
        ({"type_vocab_size": -1}, "type_vocab_size must be at least 0, got -1"),
        ({"pad_token_id": -1}, "pad_token_id must be an id of the 60000 in the vocabulary, got -1"),
        ({"pad_token_id": ROWS}, "pad_token_id must be an id of the 60000 in the vocabulary, got 60000"),
        ({"layer_norm_eps": 0}, "layer_norm_eps must be above 0 and at most 1, got 0"),
        ({"layer_norm_eps": float("nan")}, "layer_norm_eps must be above 0 and at most 1, got nan"),
        ({"layer_norm_eps": 10**310}, "layer_norm_eps must be above 0 and at most 1, got 1000"),
        ({"hidden_dropout_prob": 1}, "hidden_dropout_prob must be in [0, 1), got 1"),
        ({"hidden_dropout_prob": float("nan")}, "hidden_dropout_prob must be in [0, 1), got nan"),
    ],
)
def test_a_number_out_of_range(folder, changes, complaint):
    change_config(folder, **changes)
    assert refusal(folder).startswith(f"FOLDER/config.json: {complaint}")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("hidden_size", "embeddings.word_embeddings.weight has shape (60000, 12), but config.json, where hidden_size "
         "is missing and counts as 768, says (60000, 768)"),
        ("intermediate_size", "encoder.layer.0.intermediate.dense.weight has shape (20, 12), but config.json, where "
         "intermediate_size is missing and counts as 3072, says (3072, 12)"),
        ("num_hidden_layers", "config.json has no num_hidden_layers, which means 12, but the weights have 2 layers"),
    ],
)  # fmt: skip
def test_a_size_that_is_missing_is_named_where_its_default_does_not_fit(folder, name, complaint):
    change_config(folder, **{name: ...})
    assert refusal(folder).endswith(complaint)


@pytest.mark.parametrize(("kind", "other"), [("BertForMaskedLM", "distilbert"), ("DistilBertModel", "bert")])
def test_a_model_type_that_is_that_of_other_tensors(tmp_path, kind, other):
    make(kind).save_pretrained(tmp_path)
    change_config(tmp_path, model_type=other)
    own = "bert" if other == "distilbert" else "distilbert"
    assert refusal(tmp_path) == (
        f"FOLDER/config.json: model_type is {other}, but the tensors are named as those of {own}; set it to that"
    )


@pytest.mark.parametrize("number", [np.nan, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_tensor_with_a_number_that_is_not_finite(folder, number, dtype):
    name = "encoder.layer.1.attention.self.key.weight"
    with tensors_of(folder) as tensors:
        tensors[name] = tensors[name].astype(dtype)
        tensors[name][3, 4] = number
    with pytest.raises(InputError) as caught:
        load_pretrained(folder, report=unexpected)
    assert str(caught.value) == (
        f"{folder}/model.safetensors: {name} holds NaN or Inf, as would every result; get the file again"
    )


HUGE = 12 * 10**12


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("vocab_size", f"embeddings.word_embeddings.weight has shape (60000, 12), but config.json says ({HUGE}, 12)"),
        ("hidden_size", f"(60000, 12), but config.json says (60000, {HUGE})"),
        ("max_position_embeddings", f"position_embeddings.weight has shape (9, 12), but config.json says ({HUGE}, 12)"),
        ("type_vocab_size", f"token_type_embeddings.weight has shape (2, 12), but config.json says ({HUGE}, 12)"),
        ("intermediate_size", f"intermediate.dense.weight has shape (20, 12), but config.json says ({HUGE}, 12)"),
        ("num_hidden_layers", f"num_hidden_layers = {HUGE}, but the weights have 2 layers"),
    ],
)
def test_sizes_that_the_tensors_do_not_have(folder, name, tensor):
    change_config(folder, **{name: HUGE})
    assert tensor in refusal(folder)


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_another_number_of_layers_than_the_weights_have(folder, layers):
    change_config(folder, num_hidden_layers=layers)
    assert refusal(folder) == (f"FOLDER/config.json says num_hidden_layers = {layers}, but the weights have 2 layers")


# The tensors


@pytest.mark.parametrize(
    "name",
    [
        "embeddings.token_type_embeddings.weight",
        "embeddings.LayerNorm.bias",
        "encoder.layer.1.attention.self.key.weight",
        "encoder.layer.0.output.dense.weight",
        "pooler.dense.weight",
    ],
)
def test_a_tensor_of_another_shape(folder, name):
    with tensors_of(folder) as tensors:
        expected = tensors[name].shape
        tensors[name] = np.append(tensors[name], tensors[name][:1], axis=0)
    came = (expected[0] + 1, *expected[1:])
    assert refusal(folder) == (f"FOLDER/model.safetensors: {name} has shape {came}, but config.json says {expected}")


def test_a_tensor_of_the_same_size_but_transposed(folder):
    with tensors_of(folder) as tensors:
        tensors["encoder.layer.0.output.dense.weight"] = tensors["encoder.layer.0.output.dense.weight"].T
    assert refusal(folder).endswith("output.dense.weight has shape (20, 12), but config.json says (12, 20)")


@pytest.mark.parametrize(
    ("part", "complaint"),
    [
        ("encoder.layer.1.output.dense.bias", ": the weights lack encoder.layer.1.output.dense.bias"),
        (".layer.0.", "/config.json says num_hidden_layers = 2, but the weights have 1 layers"),
    ],
)
def test_a_tensor_and_a_layer_that_are_missing(folder, part, complaint):
    with tensors_of(folder) as tensors:
        for name in [name for name in tensors if part in name]:
            del tensors[name]
    assert refusal(folder) == f"FOLDER{complaint}"


def test_weights_of_something_else(folder):
    with tensors_of(folder) as tensors:
        for name in list(tensors):
            tensors[f"visual.{name.replace('embeddings', 'patches')}"] = tensors.pop(name)
    change_config(folder, num_hidden_layers=0)
    assert refusal(folder) == (
        "FOLDER: the weights lack embeddings.LayerNorm.bias, embeddings.LayerNorm.weight, "
        "embeddings.position_embeddings.weight, embeddings.token_type_embeddings.weight and 1 more"
    )


@pytest.mark.parametrize(("dtype", "name"), [(np.int64, "I64"), (np.uint8, "U8"), (np.bool_, "BOOL")])
@pytest.mark.parametrize("tensor", ["embeddings.word_embeddings.weight", "pooler.dense.bias"])
def test_a_tensor_that_holds_no_floats(folder, tensor, dtype, name):
    with tensors_of(folder) as tensors:
        tensors[tensor] = tensors[tensor].astype(dtype)
    assert refusal(folder) == (
        f"FOLDER/model.safetensors: {tensor} has dtype {name}, expected one of F16, BF16, F32, F64"
    )


# Arguments


@pytest.mark.parametrize("dtype", [np.float16, np.int64, "complex128"])
def test_a_dtype_that_weights_cannot_have(good, dtype):
    with pytest.raises(ValueError, match="from_pretrained: dtype must be float32 or float64, got"):
        load_pretrained(good, dtype=dtype)


def test_saving_where_a_file_is(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match=r"expected a folder at .*file, but a file is there"):
        make("BertModel").save_pretrained(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_saving_over_a_config_that_is_damaged(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"config.json is damaged"):
        make("BertModel").save_pretrained(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]
