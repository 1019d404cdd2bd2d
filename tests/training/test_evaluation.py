"""The table at the end of a training: what is counted, and what the model is compared with."""

import json

import numpy as np
import pytest
from support.small_run import MODEL

from minattn.models import ReconstructionConfig, ReconstructionModel
from minattn.text import WordPiece
from minattn.training import HeldOut, Score
from minattn.training.evaluation import BLANKED, DRAWS, SENTENCES, commonest_token, left_neighbour

CLS, SEP = 2, 3
A, B, C, D, E = range(10, 15)
TOY = [[CLS, A, B, SEP], [CLS, A, C, SEP], [CLS, A, C, D, SEP], [CLS, B, D, SEP], [CLS, C, B, SEP]]


class Asked:
    """A batch of which only the ids are asked."""

    def __init__(self, *ids):
        self.ids = np.array(ids)


@pytest.fixture(scope="module")
def held_out(data):
    return HeldOut(data.held_out, data.tokenizer)


def make_model(data, seed=0, **changes):
    config = ReconstructionConfig(data.tokenizer.vocab_size, **MODEL | changes)
    return ReconstructionModel(config, generator=np.random.default_rng(seed))


# --- what can be had without a model


def test_the_commonest_token_is_counted_without_the_special_ones_and_guessed_everywhere():
    guess = commonest_token([*TOY, [CLS, C, C, SEP]], 20)  # A 3, B 3, C 5, D 2
    np.testing.assert_array_equal(guess(Asked([CLS, A, SEP], [CLS, E, 0])), np.full((2, 3), C))
    # of tokens that are equally common, the first
    assert commonest_token(TOY, 20)(Asked([CLS])) == A  # A and B 3 times, C 3


def test_the_left_neighbour_guesses_what_most_often_followed_in_training_and_else_the_commonest_token():
    guess = left_neighbour(TOY, 20)
    # after [CLS]: A 3, B 1, C 1; after A: B 1, C 2; after B: D 1; after C: B 1, D 1, of which B is first
    asked = Asked([CLS, A, B, C, E])
    np.testing.assert_array_equal(guess(asked)[:, 1:], [[A, C, D, B]])
    asked = Asked([D, D, E, 0, A])  # D only ends sentences, E is new
    np.testing.assert_array_equal(guess(asked), [[A, A, A, A, A]])


def test_the_left_neighbour_sees_a_blank_where_the_model_sees_one(data):
    mask = data.tokenizer.mask_id
    guess = left_neighbour(data.training, data.tokenizer.vocab_size)
    commonest = commonest_token(data.training, data.tokenizer.vocab_size)
    assert guess(Asked([CLS, mask, A]))[0, 2] == commonest(Asked([A]))[0, 0]


# --- what is counted


def test_held_out_text_is_the_same_each_time_it_is_made(data, held_out):
    again = HeldOut(data.held_out, data.tokenizer)
    assert len(again.blanked) == len(held_out.blanked) > 0
    for mine, theirs in zip(again.whole + again.blanked, held_out.whole + held_out.blanked, strict=True):
        np.testing.assert_array_equal(mine.ids, theirs.ids)
        np.testing.assert_array_equal(mine.blanked, theirs.blanked)


def test_whole_sentences_have_no_blanks_and_blanked_ones_only_masks(data, held_out):
    for batch in held_out.whole:
        assert not batch.blanked.any()
        np.testing.assert_array_equal(batch.ids[batch.attention_mask], batch.targets[batch.attention_mask])
    for batch in held_out.blanked:
        np.testing.assert_array_equal(batch.ids == data.tokenizer.mask_id, batch.blanked)
    draws = [batch.blanked.tobytes() for batch in held_out.blanked]
    assert len(set(draws)) == len(draws) == DRAWS


def test_tokens_are_counted_without_the_special_ones_and_blanks_in_every_draw(data, held_out):
    assert held_out.sentences == len(data.held_out)
    assert held_out.tokens == sum(len(ids) - 2 for ids in data.held_out)
    assert held_out.blanks == sum((batch.ids == data.tokenizer.mask_id).sum() for batch in held_out.blanked)


def test_of_a_long_text_some_sentences_are_scored_spread_over_all_of_it(data):
    many = [ids for ids in data.training[:5] for _ in range(1, SENTENCES)]
    held_out = HeldOut(many, data.tokenizer)
    assert SENTENCES / 2 < held_out.sentences <= SENTENCES
    assert held_out.sentences * len(held_out.blanked) / len(held_out.whole) <= BLANKED
    scored = {tuple(row[row >= 0]) for batch in held_out.whole for row in batch.targets}
    assert scored == {tuple(ids) for ids in data.training[:5]}


def test_a_guess_that_is_always_right_scores_one_and_one_that_never_is_zero(data, held_out):
    assert held_out.score_without_model(lambda batch: batch.targets) == Score(None, 1.0)
    assert held_out.score_without_model(lambda batch: batch.targets + 1) == Score(None, 0.0)


def test_a_guess_is_scored_at_the_blanks_alone(data, held_out):
    assert held_out.score_without_model(lambda batch: np.where(batch.blanked, batch.targets, -1)).blanks_filled == 1.0
    assert held_out.score_without_model(lambda batch: np.where(batch.blanked, -1, batch.targets)).blanks_filled == 0.0


def test_a_score_is_the_share_of_the_blanks_that_are_right(data, held_out):
    the = data.tokenizer.encode("the")[1]
    right = sum(((batch.targets == the) & batch.blanked).sum() for batch in held_out.blanked)
    score = held_out.score_without_model(lambda batch: np.full_like(batch.ids, the))
    assert score.blanks_filled == right / held_out.blanks
    assert 0 < right < held_out.blanks


def test_the_best_token_of_a_model_is_its_guess(data, held_out):
    model = make_model(data, layers=0, positions="none", de_embedding="tied")
    table = model.embedding.weight.data
    normed = (table - table.mean(axis=1, keepdims=True)) / table.std(axis=1, keepdims=True)
    best = (normed @ table.T).argmax(axis=1)  # without blocks and positions, a token's logits depend on it alone
    right = sum(((best[batch.ids] == batch.targets) & batch.scored).sum() for batch in held_out.whole)
    assert held_out.score(model) == Score(right / held_out.tokens, 0.0)  # a blank gives [MASK] back
    assert best[data.tokenizer.mask_id] == data.tokenizer.mask_id and right > 0


def test_scoring_uses_no_dropout_and_leaves_the_model_as_it_was(data, held_out):
    model = make_model(data, dropout=0.5)
    model.blocks[0].dropout.generator.bit_generator.state = np.random.default_rng(3).bit_generator.state
    before = model.blocks[0].dropout.generator.bit_generator.state
    weights = {name: array.copy() for name, array in model.state_dict().items()}
    model.train()
    first = held_out.score(model)
    assert model.training and all(module.training for module in model.modules())
    model.eval()
    assert held_out.score(model) == first
    assert not any(module.training for module in model.modules())
    assert model.blocks[0].dropout.generator.bit_generator.state == before
    for name, parameter in model.named_parameters():
        assert parameter.grad is None
        np.testing.assert_array_equal(parameter.data, weights[name])


def test_fewer_draws_score_fewer_blanks_of_the_same(data, held_out):
    model = make_model(data)
    one = held_out.score(model, draws=1)
    assert one.copied == held_out.score(model).copied
    held_out_once = HeldOut(data.held_out, data.tokenizer)
    held_out_once.blanked = held_out_once.blanked[: len(held_out_once.whole)]
    assert held_out_once.score(model) == one


def test_where_nothing_is_blanked_out_there_is_no_score_and_json_stays_json(data):
    held_out = HeldOut(data.held_out[:1], data.tokenizer, blanks=1e-9)
    score = held_out.score(make_model(data))
    assert score.blanks_filled is None and score.copied is not None
    assert str(held_out.table({"trained": score})).endswith("-")
    json.dumps(held_out.table({"trained": score}).to_dict(), allow_nan=False)


def test_a_model_that_gives_nan_is_refused_with_the_op(data, held_out):
    model = make_model(data)
    model.blocks[0].feed_forward.widen.weight.data[:] = np.nan
    with pytest.raises(FloatingPointError, match=r"forward: Linear called at .* gave NaN: its input 1"):
        held_out.score(model)


def test_the_share_that_is_restored_weighs_copies_and_blanks_as_they_come():
    assert Score(0.9, 0.2).restored(0.15) == pytest.approx(0.85 * 0.9 + 0.15 * 0.2)
    assert Score(0.9, 0.2).restored(0.0) == 0.9 and Score(0.9, 0.2).restored(1.0) == 0.2
    assert Score(None, None).restored(0.5) == 0


# --- the table


def test_the_table_compares_the_model_with_everything_it_has_to_beat(data, held_out):
    trained, untrained = make_model(data, seed=1), make_model(data, seed=0)
    scores = held_out.compare(trained, untrained, data.training)
    assert list(scores) == [
        "untrained model",
        "commonest token",
        "left neighbour's commonest successor",
        "both neighbours, counted",
        "trained, attention switched off",
        "trained",
    ]
    size = data.tokenizer.vocab_size
    assert scores["untrained model"] == held_out.score(untrained)
    assert scores["commonest token"] == held_out.score_without_model(commonest_token(data.training, size))
    neighbour = held_out.score_without_model(left_neighbour(data.training, size))
    assert scores["left neighbour's commonest successor"] == neighbour
    assert scores["trained"] == held_out.score(trained)


def test_attention_is_off_for_its_row_only(data, held_out):
    trained = make_model(data)
    trained.blocks[0].attention.out.weight.data *= 100  # so that attention drowns what the tokens themselves say
    scores = held_out.compare(trained, make_model(data), data.training)
    assert all(block.attends for block in trained.blocks)
    assert scores["trained"] == held_out.score(trained)
    trained.attend(False)
    assert scores["trained, attention switched off"] == held_out.score(trained)
    assert scores["trained, attention switched off"] != scores["trained"]


def test_without_blocks_attention_off_changes_nothing(data, held_out):
    scores = held_out.compare(make_model(data, layers=0), make_model(data), data.training)
    assert scores["trained, attention switched off"] == scores["trained"]


def test_the_table_shows_the_scores_in_columns(held_out):
    scores = {"commonest token": Score(None, 0.0625), "trained": Score(1.0, 0.5)}
    lines = str(held_out.table(scores)).splitlines()
    counts = f"{held_out.sentences} sentences, {held_out.tokens} tokens, {held_out.blanks} blanks in 8 draws"
    assert lines[0] == f"held-out: {counts}"
    assert lines[1].split() == ["copied", "blanks", "filled"]
    assert lines[2].split() == ["commonest", "token", "-", "6.25%"]
    assert lines[3].split() == ["trained", "100.00%", "50.00%"]
    assert {len(line) for line in lines[1:]} == {len(lines[1])}
    assert len(str(held_out.table({"left neighbour's commonest successor": Score(1.0, 1.0)})).splitlines()[1]) <= 60
    assert held_out.table(scores).to_dict()["scores"]["trained"] == {"copied": 1.0, "blanks_filled": 0.5}


def test_a_single_held_out_sentence_is_enough():
    tokenizer = WordPiece.train(["the cat sat", "the cat ran"], 60)
    held_out = HeldOut([tokenizer.encode("the cat")], tokenizer)
    assert (held_out.sentences, held_out.tokens, len(held_out.whole)) == (1, 2, 1)


# --- what is shown beside the table


def test_the_example_is_a_sentence_with_one_blank_and_the_best_pieces_for_it(data, held_out):
    model = make_model(data)
    text, _, best = held_out.example(model).partition("  ->  ")
    assert text.count("[MASK]") == 1 and len(best.split(", ")) == 3
    ids = np.array([data.tokenizer.encode(text, blanks=True)])
    logits = model.eval()(ids).data[ids == data.tokenizer.mask_id][0]
    assert best == ", ".join(data.tokenizer.pieces[i] for i in np.argsort(-logits, kind="stable")[:3])


def test_every_piece_is_put_into_sentences_where_it_does_not_belong(data, held_out):
    tokenizer = data.tokenizer
    put = [
        (int(row[place][0]), len(row))
        for b in held_out.out_of_place
        for row, place in zip(b.ids, b.blanked, strict=True)
    ]
    ordinary = set(range(tokenizer.vocab_size)) - set(tokenizer.special_ids)
    assert {piece for piece, _ in put} == ordinary and len(put) == 3 * len(ordinary)
    for batch in held_out.out_of_place:
        assert (batch.blanked.sum(axis=1) == 1).all() and not (batch.blanked & ~batch.attention_mask).any()
        assert (batch.targets[batch.blanked] == batch.ids[batch.blanked]).all()


def test_pieces_that_come_back_are_a_line_below_the_table(data, held_out):
    model = make_model(data, de_embedding="tied")
    share = held_out.pieces_copied(model)
    table = held_out.table(held_out.compare(model, None, data.training), share)
    assert str(table).endswith(f"pieces put into these sentences at random: {table.pieces:,}, copied {share:.2%}")
    assert table.to_dict()["pieces_copied"] == share and table.pieces == 3 * (data.tokenizer.vocab_size - 5)
    assert "pieces" not in str(held_out.table(table.scores))
    assert table.without_model().keys() == {
        "commonest token",
        "left neighbour's commonest successor",
        "both neighbours, counted",
    }
