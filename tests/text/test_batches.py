import dataclasses

import numpy as np
import pytest

from minattn.errors import InputError
from minattn.text import Batches, WordPiece, blank_out, collate, cut
from minattn.text.batches import IGNORED

FIELDS = ("ids", "targets", "attention_mask", "blanked", "scored")


@pytest.fixture(scope="module")
def tokenizer():
    return WordPiece.train(["the old dog slept by the fire and the cat did not"], 60)


def made(tokenizer, count, seed=0, longest=30):
    """Sentences of ordinary ids and of many lengths, each with the number of its place behind [CLS]."""
    rng = np.random.default_rng(seed)
    low, high = 5, tokenizer.vocab_size
    return [
        [tokenizer.cls_id, *rng.integers(low, high, rng.integers(1, longest)).tolist(), tokenizer.sep_id]
        for _ in range(count)
    ]


def true_sentences(batch):
    return [tuple(row[mask].tolist()) for row, mask in zip(batch.targets, batch.attention_mask, strict=True)]


def same(one, other):
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in FIELDS)


# Padding


def test_sentences_are_padded_to_the_longest():
    ids, attention_mask = collate([[2, 7, 3], [2, 3], np.array([2, 8, 9, 3])], pad_id=11)
    assert ids.dtype == np.int64 and attention_mask.dtype == np.bool_
    assert ids.tolist() == [[2, 7, 3, 11], [2, 3, 11, 11], [2, 8, 9, 3]]
    assert attention_mask.tolist() == [[True, True, True, False], [True, True, False, False], [True] * 4]


def test_a_padding_id_inside_a_sentence_is_a_real_token():
    assert collate([[2, 0, 3], [2, 3]], pad_id=0)[1].tolist() == [[True, True, True], [True, True, False]]


def test_padding_nothing_is_refused():
    with pytest.raises(InputError, match="at least one sentence"):
        collate([], 0)
    with pytest.raises(InputError, match="sentence 1 is empty"):
        collate([[2, 3], []], 0)


# Cutting


@pytest.mark.parametrize("length", [2, 3, 4, 7, 8, 9, 23, 100])
@pytest.mark.parametrize("longest", [3, 4, 8, 20])
def test_cutting_loses_nothing_and_frames_every_window(length, longest):
    ids = [2, *range(10, 10 + length - 2), 3]
    windows = cut(ids, longest)
    assert [i for window in windows for i in window[1:-1]] == ids[1:-1]
    assert all(window[0] == 2 and window[-1] == 3 and len(window) <= longest for window in windows)
    sizes = {len(window) for window in windows}
    assert max(sizes) - min(sizes) <= 1
    assert len(windows) == max(1, -(-(length - 2) // (longest - 2)))


def test_a_sentence_that_fits_is_left_as_it_is():
    ids = [2, 10, 11, 3]
    assert cut(ids, 4) == [ids] and cut(ids, 4)[0] is not ids


def test_windows_without_room_are_refused():
    with pytest.raises(InputError, match=r"longest must be at least 3, .* got 2"):
        cut([2, 10, 3], 2)


# Blanks


def blanks(share=1.0, shape=(200, 200), seed=0, **options):
    ids = np.full(shape, 50)
    candidates = np.ones(shape, dtype=bool)
    candidates[:, ::4] = False
    before = ids.copy(), candidates.copy()
    out, chosen = blank_out(ids, candidates, share, np.random.default_rng(seed), 4, 100, 200, **options)
    assert np.array_equal(ids, before[0]) and np.array_equal(candidates, before[1])
    assert out.dtype == np.int64 and chosen.dtype == np.bool_
    assert out is not ids and chosen is not candidates
    return candidates, out, chosen


def test_candidates_alone_are_chosen_each_with_the_probability_asked_for():
    candidates, out, chosen = blanks(0.15)
    assert not (chosen & ~candidates).any()
    # 30,000 draws: four standard deviations are 0.008
    assert chosen[candidates].mean() == pytest.approx(0.15, abs=0.008)
    assert (out[~chosen] == 50).all()


def test_of_the_chosen_eight_in_ten_are_masked_one_is_random_and_one_stays():
    _, out, chosen = blanks(1.0)
    # 30,000 draws: four standard deviations are 0.009 and 0.007
    assert (out[chosen] == 4).mean() == pytest.approx(0.8, abs=0.01)
    assert (out[chosen] == 50).mean() == pytest.approx(0.1, abs=0.008)
    drawn = out[chosen & (out != 4) & (out != 50)]
    assert len(drawn) / chosen.sum() == pytest.approx(0.1, abs=0.008)
    # 3,000 draws out of 100 ids: each of them comes, and about 30 times
    counts = np.bincount(drawn, minlength=200)
    assert len(counts) == 200 and counts[:100].sum() == 0
    assert counts[100:].min() > 8 and counts[100:].max() < 60


def test_evaluation_chooses_what_training_would_and_masks_every_chosen_token():
    _, out, chosen = blanks(0.5, mask_only=True)
    assert (out[chosen] == 4).all() and (out[~chosen] == 50).all() and chosen.any()
    assert np.array_equal(blanks(0.5)[2], chosen)


def test_a_share_of_nothing_and_of_all_are_exact():
    candidates, out, chosen = blanks(0.0)
    assert not chosen.any() and (out == 50).all()
    candidates, _, chosen = blanks(1.0)
    assert np.array_equal(chosen, candidates)


def test_the_choice_depends_on_the_generator_alone():
    assert np.array_equal(blanks(0.5, seed=1)[1], blanks(0.5, seed=1)[1])
    assert not np.array_equal(blanks(0.5, seed=1)[1], blanks(0.5, seed=2)[1])


@pytest.mark.parametrize("share", [-0.1, 1.1, 15, float("nan")])
def test_a_share_outside_0_and_1_is_refused(tokenizer, share):
    with pytest.raises(InputError, match=f"share must lie between 0 and 1, got {share}"):
        blanks(share)
    with pytest.raises(InputError, match=f"share must lie between 0 and 1, got {share}"):
        Batches(made(tokenizer, 4), tokenizer, 2, share, 0)


def test_shapes_that_differ_and_an_empty_range_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match=r"ids have shape \(2, 3\) but candidates \(3,\)"):
        blank_out(np.zeros((2, 3), dtype=np.int64), np.ones(3, dtype=bool), 0.5, rng, 4, 5, 9)
    with pytest.raises(InputError, match=r"low must be below high, got \[5, 5\)"):
        blank_out(np.zeros((2, 3), dtype=np.int64), np.ones((2, 3), dtype=bool), 0.5, rng, 4, 5, 5)


# Batches


def test_a_batch_says_what_is_seen_what_is_true_and_what_counts(tokenizer):
    sentences = [[2, 10, 1, 11, 3], [2, 12, 3]]
    batch = Batches(sentences, tokenizer, 2, 1.0, 0, mask_only=True, shuffle=False).at(0)
    assert [field.name for field in dataclasses.fields(batch)] == list(FIELDS)
    assert batch.ids.tolist() == [[2, 4, 1, 4, 3], [2, 4, 3, 0, 0]]
    assert batch.targets.tolist() == [[2, 10, 1, 11, 3], [2, 12, 3, IGNORED, IGNORED]]
    assert batch.attention_mask.tolist() == [[True] * 5, [True, True, True, False, False]]
    ordinary = [[False, True, False, True, False], [False, True, False, False, False]]
    assert batch.scored.tolist() == batch.blanked.tolist() == ordinary
    assert batch.ids.dtype == batch.targets.dtype == np.int64
    assert batch.attention_mask.dtype == batch.blanked.dtype == batch.scored.dtype == np.bool_
    assert IGNORED == -100


def test_a_batch_cannot_be_changed(tokenizer):
    batch = Batches(made(tokenizer, 4), tokenizer, 2, 0.5, 0).at(0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        batch.ids = batch.targets


def test_nothing_is_blanked_and_everything_scored_for_the_pure_copy(tokenizer):
    batches = Batches(made(tokenizer, 50), tokenizer, 8, 0.0, 0)
    for step in range(len(batches)):
        batch = batches.at(step)
        assert not batch.blanked.any()
        assert np.array_equal(batch.ids[batch.attention_mask], batch.targets[batch.attention_mask])
        assert np.array_equal(batch.scored, (batch.targets >= 5))


@pytest.mark.parametrize("count, size, number", [(7, 7, 1), (64, 8, 8), (65, 8, 9), (1000, 32, 32), (5, 1, 5)])
@pytest.mark.parametrize("shuffle", [True, False])
def test_every_sentence_comes_exactly_once_an_epoch(tokenizer, count, size, number, shuffle):
    sentences = made(tokenizer, count)
    batches = Batches(iter(sentences), tokenizer, size, 0.3, 5, shuffle=shuffle)
    assert len(batches) == number
    for epoch in (0, 1, 7):
        epoch_batches = [batches.at(step) for step in range(epoch * number, (epoch + 1) * number)]
        seen = [sentence for batch in epoch_batches for sentence in true_sentences(batch)]
        assert sorted(seen) == sorted(map(tuple, sentences))
        assert [len(batch.ids) for batch in epoch_batches[:-1]] == [size] * (number - 1)
        if not shuffle:
            assert seen == list(map(tuple, sentences))


def test_a_batch_is_a_function_of_its_step_alone(tokenizer):
    sentences = made(tokenizer, 100)
    forwards = Batches(sentences, tokenizer, 8, 0.3, 5)
    in_order = [forwards.at(step) for step in range(40)]
    backwards = Batches(sentences, tokenizer, 8, 0.3, 5)
    for step in [*range(39, -1, -1), 3, 27, 3]:
        assert same(backwards.at(step), in_order[step])


def test_another_seed_or_epoch_gives_another_order_and_other_blanks(tokenizer):
    sentences = made(tokenizer, 64)
    batches = Batches(sentences, tokenizer, 64, 0.3, 5)
    other = Batches(sentences, tokenizer, 64, 0.3, 6)
    in_order = Batches(sentences, tokenizer, 64, 0.3, 5, shuffle=False)
    assert not np.array_equal(in_order.at(0).blanked, in_order.at(1).blanked)
    small, small_other = (Batches(sentences, tokenizer, 8, 0.3, seed) for seed in (5, 6))
    orders = [[true_sentences(b.at(s)) for s in range(n, n + 8)] for b in (small, small_other) for n in (0, 8)]
    assert all(orders[i] != orders[j] for i in range(4) for j in range(i))
    assert not np.array_equal(batches.at(0).blanked, other.at(0).blanked)


def test_blanks_differ_from_row_to_row_and_step_to_step(tokenizer):
    sentences = [[2, *range(5, 25), 3]] * 16
    batches = Batches(sentences, tokenizer, 8, 0.5, 0, shuffle=False)
    rows = [tuple(row.tolist()) for step in range(4) for row in batches.at(step).blanked]
    assert len(set(rows)) == len(rows)


def test_sentences_of_about_one_length_share_a_batch(tokenizer):
    sentences = made(tokenizer, 640, longest=40)
    batches = Batches(sentences, tokenizer, 16, 0.15, 0)
    padded = sum((~batches.at(step).attention_mask).sum() for step in range(len(batches)))
    plain = Batches(sentences, tokenizer, 16, 0.15, 0, shuffle=False)
    unsorted = sum((~plain.at(step).attention_mask).sum() for step in range(len(plain)))
    assert padded < 0.2 * unsorted


def test_batches_do_not_come_in_the_order_of_their_lengths(tokenizer):
    batches = Batches(made(tokenizer, 160), tokenizer, 16, 0.15, 0)
    lengths = [batches.at(step).ids.shape[1] for step in range(10)]
    assert lengths != sorted(lengths) and lengths != sorted(lengths, reverse=True)


def test_what_is_left_over_is_not_always_the_longest(tokenizer):
    sentences = made(tokenizer, 33)
    batches = Batches(sentences, tokenizer, 8, 0.15, 0)
    left_over = {true_sentences(batches.at(epoch * 5 + 4))[0] for epoch in range(20)}
    assert len(left_over) > 8


def test_random_ids_are_never_special(tokenizer):
    sentences = made(tokenizer, 200)
    batches = Batches(sentences, tokenizer, 200, 1.0, 0)
    batch = batches.at(0)
    drawn = batch.ids[batch.blanked & (batch.ids != tokenizer.mask_id)]
    assert drawn.min() >= 5 and drawn.max() < tokenizer.vocab_size
    assert set(drawn.tolist()) == set(range(5, tokenizer.vocab_size))


@pytest.mark.parametrize(
    "special, ordinary",
    [
        ((0, 1, 2, 3, 4), range(5, 40)),
        ((0, 10, 11, 12, 13), range(14, 40)),  # as in bert-base-uncased, where ids between are unused
        ((35, 36, 37, 38, 39), range(0, 35)),
    ],
)
def test_special_tokens_may_stand_anywhere_in_the_vocabulary(special, ordinary):
    class Elsewhere:
        vocab_size = 40
        pad_id, unk_id, cls_id, sep_id, mask_id = special
        special_ids = frozenset(special)

    token = ordinary[0]
    sentences = [[Elsewhere.cls_id, *[token] * 3000, Elsewhere.sep_id], [Elsewhere.cls_id, Elsewhere.sep_id]]
    batch = Batches(sentences, Elsewhere(), 2, 1.0, 0, shuffle=False).at(0)
    assert batch.ids[1, 2] == Elsewhere.pad_id
    assert set(batch.ids[batch.blanked].tolist()) == {Elsewhere.mask_id, *ordinary}


def test_fewer_sentences_than_a_batch_are_refused_with_both_numbers(tokenizer):
    with pytest.raises(InputError, match=r"expected at least 32 sentences.*got 31; .*smaller batch"):
        Batches(made(tokenizer, 31), tokenizer, 32, 0.15, 0)


@pytest.mark.parametrize(
    "sentence, message",
    [
        ([], r"sentence 1 has shape \(0,\)"),
        ([[2, 3]], r"sentence 1 has shape \(1, 2\)"),
        ([2, 10_000, 3], r"sentence 1 has the id 10000, outside this vocabulary of \d+ pieces"),
        ([2, -1, 3], "sentence 1 has the id -1"),
    ],
)
def test_a_sentence_that_is_none_is_refused_with_its_place(tokenizer, sentence, message):
    with pytest.raises(InputError, match=message):
        Batches([[2, 10, 3], sentence], tokenizer, 1, 0.15, 0)


@pytest.mark.parametrize(
    "size, seed, step, message",
    [(0, 0, 0, "batch_size must be at least 1"), (1, -1, 0, "seed must be 0 or"), (2, 0, -1, "step must be 0 or more")],
)
def test_numbers_out_of_range_are_refused(tokenizer, size, seed, step, message):
    with pytest.raises(InputError, match=message):
        Batches(made(tokenizer, 4), tokenizer, size, 0.15, seed).at(step)


# Sentences that get random tokens


def test_in_a_share_of_the_sentences_random_ids_stand_where_others_have_blanks(tokenizer):
    batches = Batches(made(tokenizer, 400, longest=20), tokenizer, 400, 0.5, 0, mask_only=True, swapped=0.25)
    batch = batches.at(0)
    hidden = batch.blanked & (batch.ids == tokenizer.mask_id)
    swapped = batch.blanked & ~hidden
    of_a_kind = [row for row in range(400) if batch.blanked[row].any()]
    assert all(hidden[row].any() != swapped[row].any() for row in of_a_kind)
    share = np.mean([swapped[row].any() for row in of_a_kind])
    assert abs(share - 0.25) < 0.09  # four deviations of 400 draws
    assert not set(batch.ids[swapped].tolist()) & set(tokenizer.special_ids)
    assert (batch.ids[swapped] != batch.targets[swapped]).mean() > 0.9
    assert (batch.ids == batch.targets)[batch.attention_mask & ~batch.blanked].all()
    assert same(batch, batches.at(0))


def test_blanks_that_are_scored_are_the_same_as_before_there_were_swapped_sentences(tokenizer):
    sentences = made(tokenizer, 8)
    one, other = (Batches(sentences, tokenizer, 8, 0.3, 5, mask_only=True, swapped=s).at(0) for s in (0.0, 0.9))
    assert np.array_equal(one.blanked, other.blanked)
    assert (one.ids[one.blanked] == tokenizer.mask_id).all()
