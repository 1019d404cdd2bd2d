"""The row of the table that counts both neighbours: its probabilities, by hand and as a whole."""

import numpy as np
import pytest

from minattn.text import Batches, WordPiece
from minattn.training.counting import POWER, BothNeighbours, Side, Successors, both_neighbours

V = 6


def test_interpolated_kneser_ney_by_hand():
    """Bigrams 12, 12, 13, 42, 53: of the four different ones three come once and one twice."""
    bigrams = np.array([[1, 2], [1, 2], [1, 3], [4, 2], [5, 3]])
    model = Successors(bigrams, V)
    d = 3 / (3 + 2 * 1)
    # below: 2 and 3 have two different predecessors each; no count is 1, so that all are lowered by 1/2
    below = np.array([0, 0, 1.5, 1.5, 0, 0]) / 4 + 1 / 4 / V
    np.testing.assert_allclose(model.alone(), below)
    saved = d * 2 / 3
    np.testing.assert_allclose(model.after(1), saved * below + np.array([0, 0, 2 - d, 1 - d, 0, 0]) / 3)
    np.testing.assert_allclose(model.after(0), below)  # never seen


def test_what_is_saved_of_the_shortest_counts_goes_to_all_tokens():
    model = Successors(np.array([[1, 2], [1, 3], [4, 2]]), V)
    d = 1 / (1 + 2 * 1)  # 3 has one predecessor, 2 has two
    expected = np.array([0, 0, 2 - d, 1 - d, 0, 0]) / 3 + 2 * d / 3 / V
    np.testing.assert_allclose(model.alone(), expected)


@pytest.fixture
def text():
    rng = np.random.default_rng(0)
    return [[0, *rng.integers(2, V, rng.integers(1, 9)).tolist(), 1] for _ in range(40)]


def test_probabilities_of_every_context_add_up_to_1(text):
    flat, sentence = np.concatenate(text), np.repeat(np.arange(len(text)), [len(ids) for ids in text])
    side = Side(flat, sentence, V)
    for far in (None, *range(V)):
        for near in (None, *range(V)):
            p = side.told(far, near)
            assert p.min() >= 0
            assert abs(p.sum() - 1) < 1e-12


@pytest.mark.parametrize("times", [1, 2, 3])
def test_no_token_is_impossible_however_often_the_text_repeats_itself(text, times):
    model = BothNeighbours(([*text[:3], [0, 2, 3, 1], [0, 3, 2, 1]]) * times, V)
    for context in np.ndindex(V, V, V, V):
        p = model.between(context[:2], context[2:])
        assert np.isfinite(p).all() and p.min() > 0


def test_the_left_side_is_read_forwards_and_the_right_side_backwards():
    model = BothNeighbours([[0, 2, 3, 4, 1]] * 3, V)
    assert model.left.told(2, 3).argmax() == 4 and model.right.told(4, 3).argmax() == 2
    assert model.left.told(2, None).argmax() == 4 and model.right.told(4, None).argmax() == 2  # one between them


def test_no_context_crosses_the_end_of_a_sentence():
    side = Side(np.array([2, 3, 4, 5]), np.array([0, 0, 1, 1]), V)
    np.testing.assert_array_equal(side.near.contexts, [2, 4])
    assert not len(side.both.tokens)
    assert not len(side.far.tokens)


def test_both_sides_are_multiplied_and_what_stood_between_is_added(text):
    model = BothNeighbours(text, V)
    left, right = model.left.told(3, 2), model.right.told(5, 4)
    product = left * right / model.common
    product /= product.sum()
    between = [ids[i] for ids in text for i in range(1, len(ids) - 1) if (ids[i - 1], ids[i + 1]) == (2, 4)]
    lower = (model.left.told(None, 2) + model.right.told(None, 4)) / 2
    d = model.middle.discount
    counts = np.bincount(between, minlength=V)
    added = np.where(counts, counts - d, 0) + d * (counts > 0).sum() * lower
    np.testing.assert_allclose(model.between((3, 2), (5, 4)), product + added / len(between))
    left, right = model.left.told(3, None), model.right.told(5, 4)
    product = left * right / model.common
    np.testing.assert_allclose(model.between((3, None), (5, 4)), product / product.sum())
    share = (np.bincount(np.concatenate(text), minlength=V) + 0.5) / (sum(map(len, text)) + V / 2)
    np.testing.assert_allclose(model.common, share**POWER)


def test_guesses_look_at_the_tokens_that_are_seen_and_at_no_blank():
    tokenizer = WordPiece.train(["a b c d", "a b e d", "a b c d", "c a d b"], 40)
    training = [tokenizer.encode(line) for line in ["a b c d", "a b e d", "a b c d", "c a d b"]]
    batch = Batches(training, tokenizer, 4, 0.5, 3, mask_only=True, shuffle=False).at(0)
    assert batch.blanked.any()
    model = BothNeighbours(training, tokenizer.vocab_size)
    guesses = both_neighbours(training, tokenizer)(batch)
    for row, column in zip(*np.nonzero(batch.blanked), strict=True):
        seen = {
            place: int(batch.ids[row, place])
            for place in range(batch.ids.shape[1])
            if batch.attention_mask[row, place] and batch.ids[row, place] != tokenizer.mask_id
        }
        left, right = ((seen.get(column + 2 * side), seen.get(column + side)) for side in (-1, 1))
        p = model.between(left, right)
        p[list(tokenizer.special_ids)] = 0
        assert guesses[row, column] == p.argmax()
