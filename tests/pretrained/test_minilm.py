"""A real model: all-MiniLM-L6-v2 (BERT, 6 layers), against known figures and against transformers."""

import hashlib

import numpy as np
import pytest
from support.encoder_help import minilm_folder, needs_minilm
from support.pretrained_help import assert_close, hugging_face, open_quietly

from minattn import no_grad
from minattn.pretrained import BertModel, load_tokenizer

pytestmark = needs_minilm

SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
IDS = [101, 2023, 2003, 1037, 7953, 1012, 102]
"""[CLS] this is a input . [SEP]"""
SINGLE = 1e-5
"""Of the largest element: both sides are float32, which gives 3e-6 through six layers."""


@pytest.fixture(scope="module")
def folder():
    return minilm_folder()


@pytest.fixture(scope="module")
def model(folder):
    return open_quietly(folder, np.float32)


def test_the_weights_are_those_that_the_figures_are_of(folder):
    with open(folder / "model.safetensors", "rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == SHA256


def test_the_model_is_bert_with_its_sizes(model):
    config = model.config
    assert type(model) is BertModel
    assert (config.vocab_size, config.width, config.layers, config.heads) == (30522, 384, 6, 12)
    assert (config.hidden, config.max_tokens, config.token_types, config.eps) == (1536, 512, 2, 1e-12)
    assert model.pooler is not None


def test_the_ids_of_a_sentence(folder):
    assert load_tokenizer(folder).encode("This is a input.") == IDS


def test_word_embeddings_are_the_known_figures_and_their_rows_iterate(model):
    vectors = model.embeddings.word_embeddings(IDS)
    assert vectors.shape == (1, 7, 384)
    expected = [-0.01761940, -0.00760055, 0.04710554, -0.08691827, -0.02544986, -0.00131433]
    np.testing.assert_allclose(vectors.data[0, 0, :6], expected, rtol=0, atol=1e-8)  # as many digits as are written
    (text,) = vectors
    for row, i in zip(text, IDS, strict=True):
        np.testing.assert_array_equal(row.data, model.embeddings.word_embeddings.weight.data[i])


def test_the_last_hidden_state_is_the_known_figures(model):
    with no_grad():
        last = model(IDS).last_hidden_state
    expected = [0.02169401, -0.01401561, -0.12527114, -0.09431816, -0.07402502, 0.15171554]
    np.testing.assert_allclose(last.data[0, 0, :6], expected, rtol=0, atol=2e-6)  # float32 in another order


def test_every_hidden_state_attention_and_the_pooler_agree_with_transformers(model, folder):
    transformers, torch = hugging_face()
    theirs = transformers.BertModel.from_pretrained(folder, attn_implementation="eager").eval()
    rng = np.random.default_rng(0)
    ids = np.zeros((3, 24), np.int64)
    real = np.arange(24) < np.array([24, 7, 15])[:, None]
    ids[real] = rng.integers(999, 30522, real.sum())
    ids[1, :7] = IDS
    types = (np.arange(24) > 10) * real
    options = {"output_hidden_states": True, "output_attentions": True}
    with no_grad(), torch.no_grad():
        got = model(ids, real, types, **options)
        tensors = {"attention_mask": torch.tensor(real).long(), "token_type_ids": torch.tensor(types).long()}
        expected = theirs(torch.tensor(ids), **tensors, **options)
    for i, (state, other) in enumerate(zip(got.hidden_states, expected.hidden_states, strict=True)):
        assert_close(state.data[real], other.numpy()[real], SINGLE, f"state {i}")
    for i, (weights, other) in enumerate(zip(got.attentions, expected.attentions, strict=True)):
        assert_close(weights.swapaxes(1, 2)[real], other.numpy().swapaxes(1, 2)[real], SINGLE, f"attention {i}")
    assert_close(got.pooler_output.data, expected.pooler_output.numpy(), SINGLE)


def test_it_goes_to_transformers_and_back_bit_for_bit(model, folder, tmp_path):
    transformers, _ = hugging_face()
    model.save_pretrained(tmp_path)
    theirs, info = transformers.BertModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values()), info
    first = transformers.BertModel.from_pretrained(folder).state_dict()
    for name, tensor in theirs.state_dict().items():
        np.testing.assert_array_equal(tensor.numpy(), first[name].numpy(), err_msg=name)
