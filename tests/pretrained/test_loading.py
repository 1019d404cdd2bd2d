"""Folders of weights, from and to transformers: names, dtypes, parts, what is left over, and the memory it takes."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from support.pretrained_help import (
    SINGLE,
    VOCAB,
    assert_close,
    assert_same_model,
    change_config,
    each_kind,
    each_tie,
    has_head,
    hugging_face,
    is_bert,
    make,
    make_batch,
    make_theirs,
    open_quietly,
    refusal,
    tensors_of,
    unexpected,
    vectors,
)

from minattn import pretrained
from minattn.errors import InputError
from minattn.nn.positional import sinusoids
from minattn.pretrained import DistilBertForMaskedLM, DistilBertModel, load_pretrained
from minattn.pretrained.config import SETTINGS, read_config
from minattn.pretrained.folder import expected_shapes
from minattn.pretrained.tensor_names import parameters_by_file_name
from minattn.pretrained.weights import tensors_in


@pytest.fixture(scope="module")
def torch():
    return hugging_face()[1]


# The forms that files come in


@each_kind
def test_a_model_in_parts_is_the_same(transformers, tmp_path, kind):
    theirs = make_theirs(kind, tied=False, dtype="float32")
    theirs.save_pretrained(tmp_path / "whole")
    theirs.save_pretrained(tmp_path / "parts", max_shard_size="3KB")
    assert len(list((tmp_path / "parts").glob("*.safetensors"))) > 2
    assert not (tmp_path / "parts" / "model.safetensors").exists()
    whole = open_quietly(tmp_path / "whole", np.float32)
    assert_same_model(open_quietly(tmp_path / "parts", np.float32), whole)


@each_kind
def test_a_prefix_may_be_there_or_not(tmp_path, kind):
    make(kind).save_pretrained(tmp_path)
    prefix = "bert." if is_bert(kind) else "distilbert."
    with tensors_of(tmp_path) as tensors:
        for name in list(tensors):
            if name.startswith(prefix):
                tensors[name.removeprefix(prefix)] = tensors.pop(name)
            elif not has_head(kind):
                tensors[prefix + name] = tensors.pop(name)
        assert any(name.startswith(prefix) for name in tensors) != has_head(kind)
    assert_same_model(open_quietly(tmp_path, np.float32), make(kind))


def test_norms_by_their_old_names_and_buffers_that_say_nothing_are_read_without_a_word(tmp_path):
    make("BertForMaskedLM").save_pretrained(tmp_path)
    with tensors_of(tmp_path) as tensors:
        for name in [name for name in tensors if "LayerNorm" in name]:
            old = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
            tensors[old] = tensors.pop(name)
        tensors["bert.embeddings.position_ids"] = np.arange(9)[None]
        tensors["bert.embeddings.token_type_ids"] = np.zeros((1, 9), np.int64)
    assert_same_model(open_quietly(tmp_path, np.float32), make("BertForMaskedLM"))


def test_a_tied_table_that_is_in_the_file_as_well_is_reported(tmp_path):
    make("BertForMaskedLM").save_pretrained(tmp_path)
    with tensors_of(tmp_path) as tensors:
        tensors["cls.predictions.decoder.weight"] = tensors["bert.embeddings.word_embeddings.weight"]
    said = []
    assert_same_model(load_pretrained(tmp_path, report=said.append), make("BertForMaskedLM"))
    assert said == [f"BertForMaskedLM from {tmp_path}: not used: cls.predictions.decoder.weight"]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("kind", ["BertForMaskedLM", "DistilBertModel"])
def test_half_precision_is_widened_as_pytorch_widens_it(transformers, tmp_path, kind, dtype):
    half = make_theirs(kind, dtype=dtype)
    half.save_pretrained(tmp_path)
    wide = {name: tensor.float().numpy() for name, tensor in half.state_dict().items()}
    prefix = f"{half.config.model_type}."
    for precision in (np.float32, np.float64):
        ours = open_quietly(tmp_path, precision)
        for name, parameter in parameters_by_file_name(ours, ours.model_type):
            assert parameter.dtype == precision
            np.testing.assert_array_equal(parameter.data, wide[name if name in wide else prefix + name], err_msg=name)


def test_all_65536_bfloat16_and_float16_numbers_are_widened_exactly(torch, tmp_path):
    from safetensors.torch import save_file

    bits = np.arange(1 << 16, dtype=np.uint16).view(np.int16)
    for dtype in (torch.bfloat16, torch.float16):
        numbers = torch.from_numpy(bits.copy()).view(dtype)
        save_file({"x": numbers}, tmp_path / "x")
        got = np.zeros(1 << 16, np.float32)
        tensors_in(tmp_path / "x")["x"].read_into(got, "x")
        np.testing.assert_array_equal(got, numbers.float().numpy())


def test_a_float64_file_is_read_in_either_precision(transformers, tmp_path):
    theirs = make_theirs("DistilBertModel")
    theirs.save_pretrained(tmp_path)
    expected = {name: tensor.numpy() for name, tensor in theirs.state_dict().items()}
    for dtype in (np.float64, np.float32):
        for name, parameter in parameters_by_file_name(open_quietly(tmp_path, dtype), "distilbert"):
            np.testing.assert_array_equal(parameter.data, expected[name].astype(dtype), err_msg=name, strict=True)


@each_kind
def test_without_architectures_the_tensors_say_which_model_it_is(tmp_path, kind):
    make(kind).save_pretrained(tmp_path)
    for value in (..., None, []):
        change_config(tmp_path, architectures=value)
        assert_same_model(open_quietly(tmp_path, np.float32), make(kind))


def test_bert_for_pre_training_opens_as_a_masked_lm_model(torch, tmp_path):
    theirs = make_theirs("BertForPreTraining", dtype="float32")
    theirs.save_pretrained(tmp_path)
    said, batch = [], make_batch()
    ours = load_pretrained(tmp_path, report=said.append)
    assert type(ours).__name__ == "BertForMaskedLM"
    assert [line.partition("not used: ")[2] for line in said] == [
        "bert.pooler.dense.bias, bert.pooler.dense.weight, cls.seq_relationship.bias, cls.seq_relationship.weight"
    ]
    with torch.no_grad():
        output = theirs(torch.tensor(batch.ids), attention_mask=torch.tensor(batch.mask).long())
    assert_close(vectors(ours, batch), output.prediction_logits.numpy()[batch.real], SINGLE)


def test_a_config_that_leaves_sizes_out_means_what_transformers_means_by_it(transformers):
    for model_type, name in (("bert", "BertConfig"), ("distilbert", "DistilBertConfig")):
        theirs = getattr(transformers, name)().to_dict()
        _, ours = read_config({"model_type": model_type}, "config.json")
        assert {n: getattr(ours, n) for n in SETTINGS[model_type]} == {
            n: theirs[their] for n, their in SETTINGS[model_type].items()
        }


@each_tie
@pytest.mark.parametrize("names", [["bias"], ["decoder.bias"], ["bias", "decoder.bias"]], ids="-".join)
def test_the_bias_of_bert_has_either_name_or_both_and_the_second_is_in_use(transformers, tmp_path, tied, names):
    make("BertForMaskedLM", tied=tied).save_pretrained(tmp_path)
    with tensors_of(tmp_path) as tensors:
        for name in ("bias", "decoder.bias"):
            tensors.pop(f"cls.predictions.{name}", None)
        for i, name in enumerate(names):
            tensors[f"cls.predictions.{name}"] = np.full(VOCAB, i + 1, np.float32)
    bias = open_quietly(tmp_path).head.de_embedding.bias.data
    assert (bias == len(names)).all()
    if tied or "decoder.bias" in names:  # otherwise transformers starts it anew, at 0
        theirs = transformers.BertForMaskedLM.from_pretrained(tmp_path).cls.predictions.decoder.bias
        np.testing.assert_array_equal(bias, theirs.detach().numpy())


# What is left over


def test_an_encoder_from_a_masked_lm_folder_reports_the_head_as_the_notebook_does(tmp_path, capsys):
    make("DistilBertForMaskedLM").save_pretrained(tmp_path)
    model = DistilBertModel.from_pretrained(tmp_path)
    out, err = capsys.readouterr()
    assert out == (
        f"DistilBertModel from {tmp_path}: not used: vocab_layer_norm.bias, vocab_layer_norm.weight, "
        "vocab_projector.bias, vocab_transform.bias, vocab_transform.weight\n"
    )
    assert err == ""
    batch, whole = make_batch(), make("DistilBertForMaskedLM")
    np.testing.assert_array_equal(vectors(model, batch), vectors(whole.encoder, batch))


@pytest.mark.parametrize("kind", ["BertModel", "DistilBertModel"])
def test_a_masked_lm_model_from_an_encoder_folder_is_refused_with_a_hint(tmp_path, kind):
    make(kind).save_pretrained(tmp_path)
    with pytest.raises(InputError, match=r"the weights lack .*; without its masked-LM head it can be opened as an enc"):
        getattr(pretrained, kind.replace("Model", "ForMaskedLM")).from_pretrained(tmp_path, report=unexpected)


def test_a_class_of_the_other_architecture_is_refused(tmp_path):
    make("BertModel").save_pretrained(tmp_path)
    with pytest.raises(InputError, match="model_type is bert, which DistilBertModel is not"):
        DistilBertModel.from_pretrained(tmp_path)


@each_kind
@each_tie
@pytest.mark.parametrize("token_types", [0, 2])
def test_the_shapes_that_are_expected_are_those_of_a_model(kind, tied, token_types):
    model = make(kind, tied=tied, token_types=token_types)
    shapes = {name: p.shape for name, p in parameters_by_file_name(model, model.model_type)}
    assert expected_shapes(type(model), model.config) == shapes


def test_an_opened_model_has_no_dropout_until_it_is_trained(tmp_path):
    make("BertForMaskedLM", dropout=0.5).save_pretrained(tmp_path)
    model, ids = open_quietly(tmp_path, np.float32), [[1, 2, 5]]
    still = model(ids).logits.data
    np.testing.assert_array_equal(model(ids).logits.data, still)
    model.train()
    assert not np.array_equal(model(ids).logits.data, still)
    assert all(p.requires_grad and p.data.flags.writeable for p in model.parameters())


def test_a_model_that_starts_from_sinusoids_is_opened_with_its_own_positions(tmp_path):
    make("DistilBertModel", sinusoidal=True).save_pretrained(tmp_path)
    model = open_quietly(tmp_path, np.float32)
    assert model.config.sinusoidal
    assert_same_model(model, make("DistilBertModel", sinusoidal=True))
    positions = model.embeddings.position_embeddings.weight.data
    assert np.abs(positions - sinusoids(*positions.shape)).max() > 0.1


# Memory

PEAK = """
import sys
from minattn.pretrained import load_pretrained
def high():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
load_pretrained(sys.argv[1])
before = high()
model = load_pretrained(sys.argv[2])
print((high() - before) * 1024)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc says what a process took at most")
@pytest.mark.parametrize("parts", [1, 2])
def test_opening_takes_less_than_a_third_more_memory_than_the_file(tmp_path, parts):
    """Pages in use, which tracemalloc cannot tell from zeros that the system has not given yet."""
    make("DistilBertForMaskedLM").save_pretrained(tmp_path / "small")
    model = make("DistilBertForMaskedLM", vocab_size=50_000, width=240, hidden=960, layers=4)
    model.save_pretrained(tmp_path / "large")
    if parts == 2:
        split(tmp_path / "large")
    size = sum(path.stat().st_size for path in (tmp_path / "large").glob("*.safetensors"))
    assert 55e6 < size < 70e6
    command = [sys.executable, "-c", PEAK, str(tmp_path / "small"), str(tmp_path / "large")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert 0.9 * size < int(done.stdout) < 1.3 * size  # below 0.9, the measure would be wrong


def split(folder):
    """Deal the tensors of a folder out to two files."""
    from safetensors.numpy import load_file, save_file

    tensors, parts = load_file(folder / "model.safetensors"), {}
    (folder / "model.safetensors").unlink()
    for i in range(2):
        part = {name: array for j, (name, array) in enumerate(tensors.items()) if j % 2 == i}
        save_file(part, folder / f"part-{i}.safetensors")
        parts |= dict.fromkeys(part, f"part-{i}.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": parts}))


def test_a_model_in_parts_can_lie_beside_the_files_of_others(tmp_path):
    make("DistilBertForMaskedLM").save_pretrained(tmp_path)
    split(tmp_path)
    shutil.copy(tmp_path / "part-0.safetensors", tmp_path / "another.safetensors")
    model = DistilBertForMaskedLM.from_pretrained(tmp_path, report=unexpected)
    assert_same_model(model, make("DistilBertForMaskedLM"))


# Tensors whose names begin in another way


def begin(tensors, before):
    for name in list(tensors):
        tensors[before + name] = tensors.pop(name)


@each_kind
@pytest.mark.parametrize("before", ["module.", "model.", "_orig_mod.module.", "0.auto_model.", "encoder.", "a.b."])
def test_what_a_wrapper_puts_before_every_name_is_taken_off(tmp_path, kind, before):
    make(kind).save_pretrained(tmp_path)
    change_config(tmp_path, architectures=...)
    with tensors_of(tmp_path) as tensors:
        begin(tensors, before)
    assert_same_model(open_quietly(tmp_path, np.float32), make(kind))


def test_two_encoders_in_one_file_are_named(tmp_path):
    make("BertModel").save_pretrained(tmp_path)
    with tensors_of(tmp_path) as tensors:
        for name in list(tensors):
            tensors["question.bert." + name] = tensors["answer.bert." + name] = tensors.pop(name)
    told = "whose tensors' names begin with 'answer.bert.', 'question.bert.'"
    assert refusal(tmp_path, before_memory=False) == f"FOLDER: the weights hold several encoders, {told}"


def test_an_encoder_under_its_usual_name_goes_before_one_that_is_inside_of_something(tmp_path):
    make("BertModel").save_pretrained(tmp_path)
    with tensors_of(tmp_path) as tensors:
        for name in list(tensors):
            tensors["teacher." + name] = tensors[name] + 1
    said = []
    assert_same_model(load_pretrained(tmp_path, report=said.append), make("BertModel"))
    assert said[0].startswith(f"BertModel from {tmp_path}: not used: teacher.embeddings.LayerNorm.bias, ")


def test_layers_that_begin_in_another_way_than_the_embeddings_are_named(tmp_path):
    make("BertModel").save_pretrained(tmp_path)
    with tensors_of(tmp_path) as tensors:
        for name in [name for name in tensors if name.startswith("encoder.")]:
            tensors["module." + name] = tensors.pop(name)
    assert refusal(tmp_path, before_memory=False) == (
        "FOLDER: the names of the layers begin with 'module.', as in "
        "module.encoder.layer.0.attention.output.LayerNorm.bias, those of the embeddings do not; rename them"
    )


def test_two_tensors_that_mean_the_same_are_named(tmp_path):
    make("BertModel").save_pretrained(tmp_path)
    with tensors_of(tmp_path) as tensors:
        tensors["bert.pooler.dense.bias"] = tensors["pooler.dense.bias"] + 1
        tensors["embeddings.LayerNorm.gamma"] = tensors["embeddings.LayerNorm.weight"] + 1
    with pytest.raises(InputError, match=r"the weights hold both .* and .*, which mean the same; leave one out$"):
        open_quietly(tmp_path)
