"""Damaged and hand-edited files of weights: one sentence each, before any memory is taken."""

import json
import struct

import numpy as np
import pytest
from support.pretrained_help import ROWS, open_quietly, refusal

from minattn.errors import InputError
from minattn.pretrained.folder import fill, tensors_of

NAME = "pooler.dense.bias"
NO_HEADER = "it does not begin with a whole header of safetensors"


def header_of(folder):
    content = (folder / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def write_header(folder, header, body, length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    content = struct.pack("<Q", len(text) if length is None else length) + text + body
    (folder / "model.safetensors").write_bytes(content)


def damaged(folder):
    message = refusal(folder)
    assert message.startswith("FOLDER/model.safetensors is damaged: ") and message.endswith("; get the file again")
    return message


@pytest.mark.parametrize("length", [0, 4, 8, 500, -1])
def test_a_file_that_was_cut(folder, length):
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[:length])
    whole, has = f"{len(content):,}", f"{len(content[:length]):,}"
    reason = f"it has {has} bytes, and {whole} by its header" if length == -1 else NO_HEADER
    assert f" is damaged: {reason}; " in damaged(folder)


def test_a_file_with_something_after_its_end(folder):
    with open(folder / "model.safetensors", "ab") as file:
        file.write(b"more")
    assert " bytes, and " in damaged(folder)


def test_a_file_of_something_else(folder):
    (folder / "model.safetensors").write_bytes(b"<html>not found</html>\n" * 3)
    assert NO_HEADER in damaged(folder)


def test_a_pointer_of_git_lfs(folder):
    (folder / "model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\n" * 3)
    assert refusal(folder) == "FOLDER/model.safetensors only names a file of Git LFS; git lfs pull there gets it"


@pytest.mark.parametrize("length", [10**8, 10**12, 2**63, 2**64 - 1, 3])
def test_a_header_of_another_length_than_it_says(folder, length):
    write_header(folder, *header_of(folder), length=length)
    damaged(folder)


def spoil(name, **changes):
    def change(header):
        header[name] = {**header[name], **changes}

    return change


def overlap(header):
    first, second = "pooler.dense.bias", "encoder.layer.0.output.dense.bias"
    header[first]["data_offsets"] = header[second]["data_offsets"]


@pytest.mark.parametrize(
    "change",
    [
        overlap,
        spoil("pooler.dense.bias", data_offsets=[0, 10**12]),
        spoil("pooler.dense.bias", data_offsets=[48, 0]),
        spoil("pooler.dense.bias", data_offsets=[-48, 0]),
        spoil("pooler.dense.bias", data_offsets=[0]),
        spoil("pooler.dense.bias", shape=[13]),
        spoil("pooler.dense.bias", shape=[-12]),
        spoil("pooler.dense.bias", shape=[2**62, 2**62]),
        spoil("pooler.dense.bias", shape="12"),
        spoil("pooler.dense.bias", shape=[float("nan")]),
        spoil("pooler.dense.bias", dtype="F33"),
        spoil("pooler.dense.bias", dtype=None),
        spoil("pooler.dense.bias", dtype="F64"),
        lambda header: header.update({"pooler.dense.bias": 3}),
        lambda header: header.update({"more": float("nan")}),
        lambda header: header["pooler.dense.bias"].pop("dtype"),
        lambda header: header.pop("pooler.dense.bias"),  # a hole
    ],
)
def test_a_header_edited_by_hand(folder, change):
    header, body = header_of(folder)
    change(header)
    write_header(folder, header, body)
    message = damaged(folder)
    assert not any(word in message for word in ("variant", "deserializ", "Header", "(", "`"))


@pytest.mark.parametrize("header", [b"", b"{", b"[]", b"null", b"NaN", b"\xff\xff", b'{"a": ' * 200 + b"}" * 200])
def test_a_header_that_is_not_a_table_of_tensors(folder, header):
    write_header(folder, header, header_of(folder)[1])
    damaged(folder)


def test_a_file_that_gets_shorter_while_it_is_read(folder):
    """The header was right when it was looked at."""
    model, tensors = open_quietly(folder), tensors_of(folder, "bert")
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[:-1])
    with pytest.raises(InputError, match=r"model.safetensors ends inside [a-z.A-Z0-9_]+; get the file again$"):
        fill(model, tensors)


@pytest.mark.parametrize("number", [1e39, -1e300])
def test_a_number_that_the_dtype_of_the_weights_cannot_hold(folder, number):
    import safetensors.numpy

    tensors = safetensors.numpy.load_file(folder / "model.safetensors")
    tensors[NAME] = np.full(12, number)
    safetensors.numpy.save_file(tensors, folder / "model.safetensors")
    message = refusal(folder, before_memory=False)
    assert message == f"FOLDER/model.safetensors: {NAME} holds NaN or Inf, as would every result; get the file again"


def test_a_header_that_says_two_things_of_one_tensor(folder):
    header, body = header_of(folder)
    text = json.dumps(header).replace('{"', f'{{"{NAME}": {json.dumps(header[NAME])}, "', 1)
    write_header(folder, text.encode(), body)
    assert refusal(folder).endswith(f"its header is broken, because it has '{NAME}' twice in one object")


# The index of a model in parts


def with_index(folder, content):
    """The folder's one file becomes the part `one.safetensors` of an index."""
    (folder / "model.safetensors").rename(folder / "one.safetensors")
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    (folder / "model.safetensors.index.json").write_bytes(text)


def test_an_index_of_one_part_is_read(folder):
    with_index(folder, {"weight_map": dict.fromkeys(set(header_of(folder)[0]) - {"__metadata__"}, "one.safetensors")})
    assert open_quietly(folder).config.vocab_size == ROWS


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", {}, {"weight_map": None}, {"weight_map": []}, {"weight_map": {NAME: 3}}]
)
def test_an_index_that_is_none(folder, content):
    with_index(folder, content)
    assert refusal(folder).startswith("FOLDER/model.safetensors.index.json is damaged: expected ")


@pytest.mark.parametrize(
    "part", ["../model/one.safetensors", "/etc/passwd", "a/b", "./one.safetensors", "one.safetensors/"]
)
def test_an_index_that_names_a_file_elsewhere(folder, part):
    with_index(folder, {"weight_map": {NAME: part}})
    assert refusal(folder) == (
        f"FOLDER/model.safetensors.index.json: expected the name of a file beside it, got {part!r}"
    )


@pytest.mark.parametrize("part", ["", ".", "..", "a\0b", "x" * 300, "\ud800", "none.safetensors", "config.json"])
def test_an_index_that_names_what_is_no_file_of_tensors(folder, part):
    with_index(folder, {"weight_map": {NAME: part}})
    message = refusal(folder)
    assert message.startswith("FOLDER")
    assert not part.startswith("none") or message == "FOLDER/none.safetensors is missing"


def test_an_index_that_names_a_tensor_that_is_not_there(folder):
    with_index(folder, {"weight_map": {"another": "one.safetensors"}})
    assert refusal(folder) == (
        "FOLDER/model.safetensors.index.json says that one.safetensors holds another, which it does not"
    )


def test_an_index_that_leaves_a_tensor_out(folder):
    names = set(header_of(folder)[0]) - {"__metadata__", "embeddings.LayerNorm.bias"}
    with_index(folder, {"weight_map": dict.fromkeys(names, "one.safetensors")})
    assert refusal(folder) == "FOLDER: the weights lack embeddings.LayerNorm.bias"
