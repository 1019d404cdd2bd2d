"""What is saved, transformers opens and agrees with; what it wrote comes back bit for bit."""

import json

import numpy as np
from support.pretrained_help import (
    SINGLE,
    WIDTH,
    assert_close,
    assert_same_model,
    each_kind,
    each_tie,
    has_head,
    make,
    make_batch,
    make_theirs,
    open_quietly,
    their_vectors,
    vectors,
)

from minattn.pretrained import BertModel


@each_kind
@each_tie
def test_transformers_opens_what_is_saved_with_nothing_missing_or_left_over_and_agrees(
    transformers, tmp_path, kind, tied
):
    ours, batch = make(kind, tied=tied), make_batch()
    ours.save_pretrained(tmp_path)
    theirs, info = getattr(transformers, kind).from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values()), info
    assert_close(vectors(ours, batch), their_vectors(theirs.eval(), batch), SINGLE)
    auto = transformers.AutoModelForMaskedLM if has_head(kind) else transformers.AutoModel
    assert type(auto.from_pretrained(tmp_path)).__name__ == kind
    assert_same_model(open_quietly(tmp_path, np.float32), ours)


@each_kind
@each_tie
def test_what_transformers_wrote_goes_back_bit_for_bit(transformers, tmp_path, kind, tied):
    first = make_theirs(kind, tied=tied, dtype="float32")
    first.save_pretrained(tmp_path / "a")
    open_quietly(tmp_path / "a", np.float32).save_pretrained(tmp_path / "b")
    second, info = getattr(transformers, kind).from_pretrained(tmp_path / "b", output_loading_info=True)
    assert not any(info.values()), info
    got, expected = second.state_dict(), first.state_dict()
    if kind == "BertForMaskedLM" and not tied:  # in use is the other, cls.predictions.decoder.bias
        del got["cls.predictions.bias"], expected["cls.predictions.bias"]
    assert got.keys() == expected.keys()
    for name, tensor in expected.items():
        np.testing.assert_array_equal(got[name].numpy(), tensor.numpy(), err_msg=name, strict=True)
    sizes = {"vocab_size", "layer_norm_eps", "pad_token_id", "tie_word_embeddings", "hidden_size", "dim"}
    assert {n: v for n, v in second.config.to_dict().items() if n in sizes} == {
        n: v for n, v in first.config.to_dict().items() if n in sizes
    }


@each_kind
def test_parameters_that_are_not_contiguous_are_saved_as_they_are(tmp_path, kind):
    model, expected = make(kind), make(kind)
    for parameter in model.parameters():
        parameter.data = np.asfortranarray(parameter.data)
    assert not model.embeddings.word_embeddings.weight.data.flags.c_contiguous
    model.save_pretrained(tmp_path)
    assert_same_model(open_quietly(tmp_path, np.float32), expected)


def test_a_float64_model_is_saved_in_float32(tmp_path):
    make("BertModel").double().save_pretrained(tmp_path)
    assert_same_model(open_quietly(tmp_path, np.float32), make("BertModel"))


def test_saving_keeps_what_else_a_config_says_and_corrects_what_no_longer_holds(tmp_path):
    (tmp_path / "config.json").write_text(
        json.dumps({"id2label": {"0": "é"}, "hidden_size": 5, "torch_dtype": "float16", "architectures": ["Other"]})
    )
    make("BertForMaskedLM", tied=False).save_pretrained(tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())
    assert settings["id2label"] == {"0": "é"}
    assert (settings["hidden_size"], settings["dtype"]) == (WIDTH, "float32")
    assert (settings["architectures"], settings["model_type"]) == (["BertForMaskedLM"], "bert")
    assert settings["tie_word_embeddings"] is False
    assert "torch_dtype" not in settings
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]


def test_a_folder_without_a_pooler_is_opened_and_said_so_and_saved_without_it(transformers, tmp_path):
    make_theirs("BertForMaskedLM", dtype="float32").save_pretrained(tmp_path)
    said = []
    model = BertModel.from_pretrained(tmp_path, report=said.append)
    assert model.pooler is None and model([1, 2]).pooler_output is None
    assert len(said) == 2
    assert "not used: cls.predictions.bias, cls.predictions.transform.LayerNorm.bias" in said[0]
    assert said[1].endswith("missing, and left out: pooler.dense.bias, pooler.dense.weight")
    model.save_pretrained(tmp_path / "b")
    theirs = transformers.BertModel.from_pretrained(tmp_path / "b", add_pooling_layer=False)
    assert_close(vectors(model, make_batch()), their_vectors(theirs.eval(), make_batch()), SINGLE)
