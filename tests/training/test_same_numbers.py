"""The shipped readers give the pieces, the ids and the batches that they gave when these were recorded."""

import hashlib
import json

import pytest

from minattn.text import Batches, WordPiece, read_pieces, shipped, split_pieces
from minattn.training import HeldOut, Text, choose_tokenizer, load_data
from minattn.training.counting import both_neighbours
from minattn.training.data import hold_back
from minattn.training.evaluation import commonest_token, left_neighbour

KINDS = {"mask only": {"mask_only": True, "swapped": 0.05}, "random": {}, "in order": {"shuffle": False}}
RECORDED = {
    "en": {
        "pieces": "24b4ce6d940bfe27",
        "split": "5b9acd8d549be9de",
        "another split": "b03d7f831f015096",
        "vocabulary": "192be5f5723a7a33",
        "counted": ["869e25db74ab3f93", "3d5910f738f33547", "bfdba8f4723ab6fe"],
        64: {
            "data": "2165e40ff4b09ec0",
            "held back": "6b56dd18bbd62450",
            "mask only": (67, "95ebd33eaa4c943e"),
            "random": (67, "5d081b06379d9881"),
            "in order": (67, "de24d9fd51924309"),
        },
        12: {
            "data": "7a9a374b34181425",
            "held back": "2146b57d914e9880",
            "mask only": (134, "e8f6f4e82e49b9aa"),
            "random": (134, "e3bd8959e2405bfe"),
            "in order": (134, "388c63006e114945"),
        },
    },
    "zh": {
        "pieces": "1c2f1008ee9b20c5",
        "split": "04ef703c81c710ec",
        "another split": "1a6ec4474f98ce1f",
        "vocabulary": "f56690ba9bc27d9d",
        "counted": ["120bf90275aaa6b2", "399551ecdb170b92", "ffe5393ea81459b8"],
        64: {
            "data": "687551f6c78d89a1",
            "held back": "17a50a02b6b0708b",
            "mask only": (56, "5494edc9473aa248"),
            "random": (56, "7df6fb869ac7745f"),
            "in order": (56, "1e2f020ce297dfd3"),
        },
        12: {
            "data": "a28c126250413972",
            "held back": "d45586ccb0af6bad",
            "mask only": (114, "ae2137ca2d35b3dd"),
            "random": (114, "96e869ac2c6c4656"),
            "in order": (114, "9589d24ea633e2b7"),
        },
    },
}


def digest(value):
    return hashlib.sha256(json.dumps(value, ensure_ascii=False).encode()).hexdigest()[:16]


def digest_of_arrays(arrays):
    found = hashlib.sha256()
    for array in arrays:
        found.update(array if isinstance(array, bytes) else array.tobytes())
    return found.hexdigest()[:16]


def digest_of_batches(batches):
    n, found = len(batches), []
    for step in (0, 1, n - 1, n, 3 * n + 7, 2):  # back and forth, over the ends of epochs
        batch = batches.at(step)
        for array in (batch.ids, batch.targets, batch.attention_mask, batch.blanked, batch.scored):
            found += [f"{array.shape}{array.dtype}".encode(), array]
    return n, digest_of_arrays(found)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_reader_is_divided_as_before(language):
    pieces = read_pieces(shipped(f"reader.{language}.txt"))

    def told(some):
        return [[piece.title, *piece.sentences] for piece in some]

    recorded = RECORDED[language]
    assert digest(told(pieces)) == recorded["pieces"]
    assert digest([told(part) for part in split_pieces(pieces)]) == recorded["split"]
    assert digest([told(part) for part in split_pieces(pieces, 0.3, 4)]) == recorded["another split"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_vocabulary_is_learned_as_before(language):
    assert choose_tokenizer(Text.read(language), 3000).fingerprint[:16] == RECORDED[language]["vocabulary"]


@pytest.mark.parametrize("longest", [64, 12])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_ids_what_is_held_back_and_batches_are_as_before(language, longest):
    recorded = RECORDED[language][longest]
    tokenizer = WordPiece.load(shipped(f"{language}/tokenizer.json"))
    data = load_data(shipped(f"reader.{language}.txt"), tokenizer, longest)
    parts = [list(data.training), list(data.held_out), data.tokens, data.cut, data.unknown, data.repeated]
    assert digest(parts) == recorded["data"]
    learned, held_back = hold_back(data.training, 64)
    assert digest([list(learned), held_back]) == recorded["held back"]
    for kind, options in KINDS.items():
        assert digest_of_batches(Batches(learned, tokenizer, 64, 0.4, 5, **options)) == recorded[kind], kind
        assert digest_of_batches(Batches(list(learned), tokenizer, 64, 0.4, 5, **options)) == recorded[kind], kind


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_counted_guesses_as_before(language):
    tokenizer = WordPiece.load(shipped(f"{language}/tokenizer.json"))
    data = load_data(shipped(f"reader.{language}.txt"), tokenizer, 12)
    batches, size = HeldOut(data.held_out, tokenizer).blanked[:3], tokenizer.vocab_size
    guesses = [
        commonest_token(data.training, size),
        left_neighbour(data.training, size),
        both_neighbours(data.training, tokenizer),
    ]
    assert [digest_of_arrays(map(guess, batches)) for guess in guesses] == RECORDED[language]["counted"]
