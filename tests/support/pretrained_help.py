"""Small BERT and DistilBERT models in folders, with every parameter away from its start, and batches for them."""

import contextlib
import json
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest

from minattn import no_grad, pretrained
from minattn.errors import InputError
from minattn.pretrained import EncoderConfig, load_pretrained

KINDS = ("BertModel", "BertForMaskedLM", "DistilBertModel", "DistilBertForMaskedLM")
B, T = 3, 7
VOCAB, WIDTH, HEADS, HIDDEN, POSITIONS, TYPES, PAD = 29, 12, 3, 20, 9, 2, 3
SINGLE = 1e-5
"""Of the largest element: both sides are float32, which gives 3e-6 through these models."""
REAL = np.arange(T) < np.array([T, 4, 1])[:, None]  # (B, T): True at tokens, False at padding

each_kind = pytest.mark.parametrize("kind", KINDS)
each_tie = pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])


def hugging_face():
    """transformers and torch, quiet; skips where they are not there."""
    torch = pytest.importorskip("torch", reason="torch runs the models to compare with: '.[parity]'")
    transformers = pytest.importorskip(
        "transformers", reason="transformers has the models to compare with: '.[parity]'"
    )
    torch.set_num_threads(1)  # these models are tiny
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return transformers, torch


def is_bert(kind):
    return kind.startswith("Bert")


def has_head(kind):
    return kind.endswith("ForMaskedLM")


def make(kind, *, seed=0, **sizes):
    """A float32 model of ours that is not at its start, with dropout off."""
    numbers = {"layers": 2, "token_types": TYPES if is_bert(kind) else 0, **sizes}
    base = {
        "vocab_size": VOCAB,
        "width": WIDTH,
        "heads": HEADS,
        "hidden": HIDDEN,
        "max_tokens": POSITIONS,
        "pad_id": PAD,
    }
    rng = np.random.default_rng(seed)
    model = getattr(pretrained, kind)(EncoderConfig(**{**base, **numbers}), generator=rng).eval()
    for parameter in model.parameters():
        parameter.set(parameter.data + 0.2 * rng.normal(size=parameter.shape))
    return model


def make_theirs(kind, *, tied=True, layers=2, dtype="float64", **settings):
    """A model of transformers that is not at its start, with dropout off and attentions to look at."""
    transformers, torch = hugging_face()
    common = {
        "vocab_size": VOCAB,
        "max_position_embeddings": POSITIONS,
        "pad_token_id": PAD,
        "tie_word_embeddings": tied,
        "attn_implementation": "eager",
        **settings,
    }
    if is_bert(kind):
        config = transformers.BertConfig(
            hidden_size=WIDTH,
            num_hidden_layers=layers,
            num_attention_heads=HEADS,
            intermediate_size=HIDDEN,
            layer_norm_eps=1e-3,  # such that another one shows
            **common,
        )
    else:
        config = transformers.DistilBertConfig(dim=WIDTH, n_layers=layers, n_heads=HEADS, hidden_dim=HIDDEN, **common)
    torch.manual_seed(0)
    model = getattr(transformers, kind)(config).to(getattr(torch, dtype)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model


def make_batch(padded=True, seed=0):
    """ids with the pad id at real places and tokens that repeat; types, labels, and a mask if padded."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, VOCAB, (B, T))
    ids[0, 2] = ids[0, 5] = ids[1, 1] = PAD
    ids[0, 6] = ids[1, 0] = ids[2, 0]
    mask = REAL if padded else np.ones((B, T), bool)
    labels = np.where(mask & (rng.random((B, T)) < 0.7), rng.integers(0, VOCAB, (B, T)), -100)
    labels[0, 0] = 5  # at least one
    ids = np.where(mask, ids, PAD)
    return SimpleNamespace(
        ids=ids, mask=mask if padded else None, real=mask, types=rng.integers(0, TYPES, (B, T)), labels=labels
    )


def open_quietly(folder, dtype=np.float64):
    """A folder that must have nothing to report."""
    return load_pretrained(folder, dtype=dtype, report=unexpected)


def unexpected(line):
    raise AssertionError(f"reported: {line}")


@contextlib.contextmanager
def tensors_of(folder):
    """The tensors of a folder in a dict, to be changed; they are written back as they are at the end."""
    from safetensors.numpy import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    yield tensors
    contiguous = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    save_file(contiguous, folder / "model.safetensors", metadata={"format": "pt"})


def change_config(folder, **changes):
    """Set entries of config.json; those that are set to ... are taken out."""
    path = folder / "config.json"
    settings = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({name: value for name, value in settings.items() if value is not ...}))


def assert_close(got, expected, tolerance, name=""):
    """Within tolerance times the largest absolute element expected."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape, name
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * np.abs(expected).max(), err_msg=name)


ROWS = 60_000
"""Of the vocabulary of `save_good`: a file of 2.9 MB, so that memory for a model shows."""
LITTLE = 400_000
"""Bytes for the texts of headers and messages."""


def save_good(folder):
    """A folder that can be opened, and all that opening imports is imported."""
    make("BertModel", vocab_size=ROWS).save_pretrained(folder)
    open_quietly(folder)
    return folder


def peak(call):
    """The result of a call, and the bytes that it took at most."""
    tracemalloc.start()
    try:
        return call(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def refusal(folder, before_memory=True):
    """The one sentence for which a folder is refused, before memory is taken unless its numbers have to be read."""

    def call():
        with pytest.raises(InputError) as caught:
            load_pretrained(folder, report=unexpected)
        return str(caught.value)

    message, taken = peak(call)
    assert taken < LITTLE or not before_memory
    assert "\n" not in message and len(message) < 600
    return message.replace(str(folder), "FOLDER")


def vectors(model, batch):
    """The logits or the last vectors of our model at real places."""
    with no_grad():
        output = model(batch.ids, batch.mask)
    return (output.logits if hasattr(output, "logits") else output.last_hidden_state).data[batch.real]


def their_vectors(model, batch):
    _, torch = hugging_face()
    with torch.no_grad():
        output = model(torch.tensor(batch.ids), attention_mask=torch.tensor(batch.mask).long())
    return (output.logits if hasattr(output, "logits") else output.last_hidden_state).numpy()[batch.real]


def parameters(model):
    return {name: p.data for name, p in model.named_parameters()}


def assert_same_model(got, expected):
    """The same parameters, bit for bit."""
    assert type(got) is type(expected)
    assert parameters(got).keys() == parameters(expected).keys()
    for name, array in parameters(expected).items():
        np.testing.assert_array_equal(parameters(got)[name], array, err_msg=name, strict=True)
