# %% [markdown]
# # 16. A sentence in, a sentence out
#
# *What happens to one sentence on its way through the whole model?*
#
# The course took the model apart. This page puts one sentence through the whole of it, station by station, with the
# numbers: text, tokens, ids, vectors, what looks at what, vectors, scores, text. This is our reading of the source
# text's Figure 7-19, since the text at hand holds no picture. Beside each station of a trained model stands the same
# station of the untrained one.
#
# The trained model is the one of [page 14](14_why_vectors.md), from the folder `models/en`: one block, $D = 128$, four
# heads, tied de-embedding. Untrained means the same sizes and the same seed, before the first step.

# %%
import json
from pathlib import Path

import numpy as np

from minattn import Tensor, no_grad, open_run
from minattn import functional as F
from minattn.models import ReconstructionModel
from minattn.show.notebook import BLUE, ORANGE, figure, show
from minattn.text import Batches, shipped
from minattn.training import load_data

start = Path(__file__).parent if "__file__" in globals() else Path.cwd()
folders = [
    p / name for p in (start, *start.parents) for name in ("models", "walkthroughs/models")
]
MODELS = next(folder for folder in folders if (folder / "en").is_dir())


def open_both(name):
    """The untrained and the trained model of a run, in float64, and its tokenizer."""
    run = open_run(MODELS / name)
    untrained = ReconstructionModel(run.model.config, generator=np.random.default_rng(0))
    return {
        "untrained": untrained.double().eval(),
        "trained": run.model.double(),
    }, run.tokenizer


models, tokenizer = open_both("en")
trained = models["trained"]
pieces = tokenizer.pieces
text = "The old [MASK] slept by the fire."

# %% [markdown]
# ## Text, tokens, ids
#
# The tokenizer makes small letters, cuts the text into pieces of the vocabulary and looks up their numbers
# ([page 3](03_tokens.md)). `[MASK]` is the blank. Whatever stood there, the model gets the same number.

# %%
ids = np.array([tokenizer.encode(text, blanks=True)])  # (1, T)
tokens = [pieces[i] for i in ids[0]]
T, blank = len(tokens), tokens.index("[MASK]")
print(" ".join(f"{token:>6}" for token in tokens))
print(" ".join(f"{i:6}" for i in ids[0]))

reader = shipped("reader.en.txt")
print("in the reader, 'slept by the fire':", "slept by the fire" in reader.read_text("utf-8"))

# %% [markdown]
# ## Vectors
#
# Each id picks its row of the table, $D$ numbers ([page 4](04_embedding.md)). So the sentence becomes an array
# $(T, D)$. Every column of the picture is one of the {{trained.config.width}} numbers:

# %% tags=["folded"]
vectors = {}
with no_grad():
    for name, model in models.items():
        vectors[name] = model.embedding(ids).data[0]  # (T, D)
title = "The sentence as vectors: a row for each token"
drawing, axes = figure(title, columns=2, height=2.6, sharey=True)
for axis, (name, x) in zip(axes, vectors.items(), strict=True):
    image = axis.imshow(
        x, cmap="RdBu_r", vmin=-0.4, vmax=0.4, aspect="auto", interpolation="nearest"
    )
    axis.grid(False)
    axis.set(title=name, xlabel="which of the D numbers")
    axis.set_yticks(range(T), tokens)
axes[0].set_ylabel("token")
drawing.colorbar(image, ax=axes[1])
show(drawing)

# %%
print("              length of a row       first numbers of [MASK]")
for name, x in vectors.items():
    lengths = np.linalg.norm(x, axis=1)
    print(f"{name:11} {lengths.min():5.2f} to {lengths.max():.2f}", end="          ")
    print(*(f"{number:6.2f}" for number in x[blank, :6]))

# %% [markdown]
# To the eye both are noise. What the trained rows have gained is their place among the others
# ([page 14](14_why_vectors.md)), and that no single row shows. One thing can be seen: the row of `[MASK]` has become
# pale, far shorter than any other. It says nothing of what was there, and it leaves room for what is added.
#
# ## What looks at what
#
# The block comes next. In its attention every token has a query, a key and a value in each of four heads, and takes
# from the values what its weights say ([page 6](06_attention_forward.md)). Here they are, both models, all heads:

# %% tags=["folded"]
maps = {name: model.attention_maps(ids)[0][0] for name, model in models.items()}  # (H, T, T)
title = "What each token looks at, in each of the four heads"
drawing, axes = figure(title, 2, 4, height=2.2, sharex=True, sharey=True)
for row, (name, heads) in zip(axes, maps.items(), strict=True):
    for h, axis in enumerate(row):
        image = axis.imshow(heads[h], cmap="viridis", vmin=0, vmax=1, aspect="auto")
        axis.grid(False)
        axis.set_title(f"{name}, {h + 1}", fontsize=10)
        axis.set_xticks(range(T), tokens, rotation=90, fontsize=7)
        axis.set_yticks(range(T), tokens, fontsize=8)
drawing.supxlabel("looked at")
drawing.supylabel("looks")
drawing.colorbar(image, ax=axes, label="weight")
show(drawing)

# %%
print("the blank looks at")
for name, heads in maps.items():
    for h, weights in enumerate(heads[:, blank], 1):
        most = [f"{tokens[j]} {weights[j]:.0%}" for j in weights.argsort()[:-4:-1]]
        print(f"  {name:10} head {h}: {', '.join(most)}")
print("weight of the tokens that are seen on [CLS] and [SEP], mean over heads")
for name, heads in maps.items():
    ends = heads[:, :, [0, -1]].sum(axis=-1).mean(axis=0)  # (T,)
    print(f"  {name:10} {np.delete(ends, blank).mean():.0%}, of the blank {ends[blank]:.0%}")

# %% [markdown]
# Untrained, each head has its eye on one place: the token before, the one behind, the second before, the second behind.
# So the heads start here ([page 13](13_training.md) says why). At the blank training has kept these places, the last
# two less strictly. The tokens that are seen give most of their weight to `[CLS]` and `[SEP]` by now. They need nothing
# from the others, it seems, and a row of weights has to add up to 1 somewhere.
#
# ## Through the block
#
# The rest of the block, [page 8](08_block.md), by hand. In this model each norm stands behind its sum. After every
# station we ask the de-embedding what the vector at the blank is by now, though it is meant for the last one only:

# %%
out, logits = {}, {}
for name, model in models.items():
    block, mask_row = model.blocks[0], model.token_table()[tokenizer.mask_id]
    with no_grad():
        x0 = model.embedding(ids)  # (1, T, D); relative positions add nothing here
        x1 = block.attention_norm(x0 + block.attention(x0))
        x2 = block.feed_forward_norm(x1 + block.feed_forward(x1))
        out[name], logits[name] = x2.data[0], model.de_embedding(x2).data[0]  # (T, D), (T, V)
        same = np.allclose(model(ids).data[0], logits[name])
        print(f"{name}: by hand as the model does: {same}")
        for station, x in (("row of [MASK]", x0), ("attention", x1), ("feed-forward", x2)):
            vector, score = x.data[0, blank], model.de_embedding(x).data[0, blank]
            cosine = vector @ mask_row / np.linalg.norm(vector) / np.linalg.norm(mask_row)
            best = ", ".join(f"{pieces[i]} {score[i]:.1f}" for i in score.argsort()[:-4:-1])
            print(f"  {station:13}  cosine with [MASK] {cosine:5.2f}   best scores: {best}")

# %% [markdown]
# The untrained vector stays `[MASK]`, by way of the residual path. The trained one has left it after the attention, and
# what it took from the others already says *man* or *woman*. The feed-forward network makes the difference to the rest
# larger. (Of the bare row of `[MASK]` the scores are the biases, nearly: how common each token is.)
#
# ## Scores, probabilities, text
#
# A score is the dot product of the vector with the row of a token, plus the bias of that token
# ([page 9](09_deembedding.md)). Softmax makes probabilities of the scores ([page 10](10_cross_entropy.md)).

# %%
p = {name: F.softmax(Tensor(z), -1).data for name, z in logits.items()}  # (T, V) each
E, b = trained.token_table(), trained.de_embedding.bias.data
print("at the blank     x·e  +  bias  =  score   probability")
for i in p["trained"][blank].argsort()[:-6:-1]:
    told, product = p["trained"][blank, i], out["trained"][blank] @ E[i]
    print(f"{pieces[i]:12} {product:7.2f} {b[i]:8.2f} {product + b[i]:9.2f} {told:13.1%}")

# %% tags=["folded"]
drawing, axes = figure("What the model says at the blank", columns=2, height=2.6)
for axis, (name, colour) in zip(axes, (("untrained", ORANGE), ("trained", BLUE)), strict=True):
    first = p[name][blank].argsort()[:-7:-1]
    axis.barh(range(6), p[name][blank, first], color=colour)
    axis.set(title=name, xlabel="probability", ylabel="token", xlim=(0, 1), ylim=(5.6, -0.6))
    axis.set_yticks(range(6), [pieces[i] for i in first])
show(drawing)

# %%
print("given    " + " ".join(f"{token:>7}" for token in tokens))
for name in models:
    best = p[name].argmax(axis=-1)
    print(f"{name:9}" + " ".join(f"{pieces[i]:>7}" for i in best))
    print(f"{'':9}" + " ".join(f"{p[name][t, i]:7.1%}" for t, i in enumerate(best)))
print(tokenizer.decode(p["trained"].argmax(axis=-1)))

# %% [markdown]
# That is the way of one sentence. *Woman* and *man* come out nearly alike, and rightly: nothing in the sentence decides
# between them. And *##est* is no nonsense: *the oldest slept by the fire*.
#
# ## Copied and filled
#
# What does that prove? That the seen tokens come back, nothing. The untrained model gives them back, too, because its
# tied rows are far apart ([page 9](09_deembedding.md)). Here is a held-out sentence without a blank, and with two. (It
# was chosen because it comes out right; others follow below, as they come.)


# %%
data = load_data(reader, tokenizer, trained.config.max_tokens)
whole = "Once I ran in and could not find the way out."
for given in (whole, whole.replace("find the", "[MASK] [MASK]")):
    print(f"{'given':10} {given}")
    given_ids = np.array([tokenizer.encode(given, blanks=True)])
    for name, model in models.items():
        with no_grad():
            print(f"{name:10} {tokenizer.decode(model(given_ids).data[0].argmax(axis=-1))}")
print("held out:", tokenizer.encode(whole) in data.held_out)

# %% [markdown]
# How often? `minattn train` prints a table at its end, and leaves it in the folder of the run as `report.json`:

# %%
report = json.loads((MODELS / "en" / "report.json").read_text("utf-8"))
print(report["table"])
without = report["held_out"]["scores"]["trained, attention switched off"]

# %% [markdown]
# Copying needs no attention, as the row *trained, attention switched off* says. At the blanks the model is about as
# good as counting which tokens stand between which ([page 13](13_training.md)): one point behind. Let us not take its
# word for it, and score the first of its draws of blanks once more:

# %%
held_out = data.held_out
draw = Batches(held_out, tokenizer, len(held_out), 0.15, 0, mask_only=True, shuffle=False)
batch = draw.at(0)
seen, mask, hidden = batch.ids, batch.attention_mask, batch.blanked  # (B, T) each
true = batch.targets[hidden]  # (N,)


def fill(model, ids=seen, where=hidden):
    """Scores (N, V) at the blanks."""
    with no_grad():
        return model.logits(ids, mask, where).data


scores = fill(trained)
found = scores.argmax(axis=-1)
right = found == true
all_seen = fill(trained, np.where(hidden, batch.targets, seen), batch.scored).argmax(axis=-1)
copied = all_seen == batch.targets[batch.scored]
print(f"copied, trained:   {copied.mean():.2%} of {copied.size:,} tokens")
print(f"filled, trained:   {right.mean():.2%} of {right.size:,} blanks")
untrained = fill(models["untrained"]).argmax(axis=-1) == true
print(f"filled, untrained: {untrained.mean():.2%}")

# %% [markdown]
# ## What it gets wrong
#
# Most of the blanks. Here are the first eight held-out sentences of less than 16 tokens with two blanks, as they come:

# %%
guesses = np.zeros_like(seen)
guesses[hidden] = found
two = np.flatnonzero((hidden.sum(axis=1) == 2) & (mask.sum(axis=1) < 16))[:8]
for row in two:
    print(tokenizer.decode(seen[row, mask[row]]))
    for place in np.flatnonzero(hidden[row]):
        guess, truth = pieces[guesses[row, place]], pieces[batch.targets[row, place]]
        print(f"    {guess:9}", "right" if guess == truth else f"was {truth}")

# %% [markdown]
# Some wrong answers would do as well: nobody can know that it was *the kitchen*. Others are no English. Each blank is
# filled by itself, without knowing what the other one becomes. In numbers, by what stood there, and by how sure the
# model was:

# %%
counts = np.bincount(np.concatenate(data.training), minlength=len(pieces))
is_word = np.array([piece.isalpha() for piece in pieces])
inside = np.array([piece.startswith("##") for piece in pieces])
print("what stood there         blanks   right   among the best five")
best_five = (np.argsort(-scores, axis=1)[:, :5] == true[:, None]).any(axis=1)
for name, these in {
    "a mark, such as a comma": ~is_word & ~inside,
    "a piece inside a word": inside,
    "met 200 times or more": is_word & (counts >= 200),
    "met 50 to 199 times": is_word & (counts >= 50) & (counts < 200),
    "met less often": is_word & (counts < 50),
}.items():
    at = these[true]
    print(f"{name:24} {at.sum():6} {right[at].mean():7.0%} {best_five[at].mean():14.0%}")
sure = F.softmax(Tensor(scores), -1).data.max(axis=-1)
print("\nprobability it gave     blanks   right")
for low in (0.0, 0.2, 0.4, 0.6, 0.8):
    at = (sure >= low) & (sure < low + 0.2)
    print(f"{low:.1f} to {low + 0.2:.1f} {at.sum():20} {right[at].mean():7.0%}")

# %% [markdown]
# Marks it knows, and every second piece inside a word; of words the fewer, the rarer they are. But it can tell when it
# knows: of the answers to which it gives 0.8 or more nearly all are right. (Below that it is somewhat too sure.)
#
# ## Where does the answer come from?
#
# Four changes, all in the trained model: the two neighbours of the blank change places; the words come in reverse
# order; all is hidden that is more than two places from the blank; the attention is switched off.


# %%
def answer(text, model=trained, tokenizer=tokenizer, attends=True):
    """What a model says at the blank."""
    ids = np.array([tokenizer.encode(text, blanks=True)])
    model.attend(attends)
    with no_grad():
        p = F.softmax(model(ids), -1).data[0, list(ids[0]).index(tokenizer.mask_id)]
    model.attend(True)
    return ", ".join(f"{tokenizer.pieces[i]} {p[i]:.0%}" for i in p.argsort()[:-5:-1])


for name, line in {
    "as it is": text,
    "neighbours swapped": "The slept [MASK] old by the fire.",
    "reversed": ". fire the by slept [MASK] old the",
    "two on each side": "The old [MASK] slept by [MASK] [MASK] [MASK]",
}.items():
    print(f"{name:22} {answer(line)}")
print(f"{'attention off':22} {answer(text, attends=False)}")
print(f"{'off, another sentence':22} {answer('They [MASK] very tired.', attends=False)}")

# %% [markdown]
# Without attention the answer is the same in both sentences, and must be in all: the blank sees its own row only. With
# the words in other places it is another, and a worse one. So the answer comes from the others, by way of attention,
# and it matters where they stand. But to hide the fire, and all that is more than two places away, only turns the first
# two answers round. Is that so in general? Take the held-out blanks of above:


# %%
def reordered(change):
    """Ids, blanks and what stood there, the tokens between [CLS] and [SEP] in another order."""
    order = np.tile(np.arange(seen.shape[1]), (len(seen), 1))
    for row, length in zip(order, mask.sum(axis=1), strict=True):
        row[1 : length - 1] = change(row[1 : length - 1])
    return [np.take_along_axis(array, order, axis=1) for array in (seen, hidden, batch.targets)]


def filled(ids=seen, where=hidden, targets=batch.targets):
    return (fill(trained, ids, where).argmax(axis=-1) == targets[where]).mean()


def hide_beyond(distance):
    """Hide what is farther than this from every blank, but for [CLS] and [SEP]."""
    wide = np.pad(hidden, ((0, 0), (distance, distance)))
    windows = np.lib.stride_tricks.sliding_window_view(wide, 2 * distance + 1, axis=1)
    return np.where(windows.any(axis=-1) | ~batch.scored, seen, tokenizer.mask_id)


shares = {f"{d} on each side": filled(hide_beyond(d)) for d in (1, 2, 3)} | {
    "all": right.mean()
}
rng = np.random.default_rng(0)
shares["reversed"] = filled(*reordered(lambda line: line[::-1]))
shares["shuffled"] = filled(*reordered(rng.permutation))
trained.attend(False)
shares["attention off"], alone = filled(), fill(trained).argmax(axis=-1)
trained.attend(True)
for name, share in shares.items():
    print(f"{name:16} {share:6.1%} of the blanks filled")
print("attention off, the answers:", *{pieces[i] for i in alone})

# %% [markdown]
# This says most about the model. **It fills its blanks from the two tokens on each side.** It makes nothing of the rest
# of the sentence. A table of counts with the same four tokens fills as many: that is the row *both neighbours, counted*
# in the report. In reverse order the model fills less than without attention: what it has learned of *before* and
# *behind* now misleads it.
#
# ## The same in Chinese
#
# The model in `models/zh` has the same shape, and was trained on the Chinese reader. Its tokens are mostly single
# characters. The sentence is *the old [MASK] fell asleep by the fire*:

# %%
chinese, characters = open_both("zh")
old = "老[MASK]在火边睡着了。"
zh_ids = np.array([characters.encode(old, blanks=True)])
zh_tokens = [characters.pieces[i] for i in zh_ids[0]]
print("tokens:", " ".join(zh_tokens))
print("ids:   ", *zh_ids[0])
heads = chinese["trained"].attention_maps(zh_ids)[0][0, :, zh_tokens.index("[MASK]")]  # (H, T)
for h, weights in enumerate(heads, 1):
    print(
        f"head {h}:",
        ", ".join(f"{zh_tokens[j]} {weights[j]:.0%}" for j in weights.argsort()[:-4:-1]),
    )
print()
for name, line in {
    "as it is": old,
    "neighbours swapped": "在[MASK]老火边睡着了。",
    "reversed": "。了着睡边火在[MASK]老",
    "two on each side": "老[MASK]在火[MASK][MASK][MASK][MASK][MASK]",
}.items():
    print(f"{name:22} {answer(line, chinese['trained'], characters)}")
print(f"{'attention off':22} {answer(old, chinese['trained'], characters, attends=False)}")
print(f"{'untrained':22} {answer(old, chinese['untrained'], characters)}")
with no_grad():
    best = chinese["trained"](zh_ids).data[0].argmax(axis=-1)
print(characters.decode(best))
reader = shipped("reader.zh.txt").read_text("utf-8")
found_in = {word: reader.count(word) for word in ("老人", "老师", "老板", "老鼠", "火边睡着")}
print("in the reader:", *(f"{word} {times}" for word, times in found_in.items()))
print()
print(json.loads((MODELS / "zh" / "report.json").read_text("utf-8"))["table"])

# %% [markdown]
# 老人 is an old person, 老师 a teacher, 老板 a boss, 老鼠 a mouse. All four are words of the reader; what falls asleep
# by a fire the model does not ask. Again two tokens on each side give nearly the same answer, and again counting is a
# little ahead.
#
# ## Do it yourself
#
# ```
# minattn train                                  a model on the English reader, into runs/; some minutes
# minattn train zh                               the same in Chinese
# minattn train my.txt --out runs/mine           or on a text of your own
# minattn reconstruct "The old [MASK] slept by the fire."
# minattn show "The old [MASK] slept by the fire."
# ```
#
# The last two take the newest run; `--run runs/mine` names another. `reconstruct` prints a table like the one below,
# and draws who looks at whom. `show` writes a page with all the numbers of a training step on this sentence, forward
# and backward, each of which can be clicked. The models of this page were made by
# `minattn train --layers 1 --parts 1`, and the same with `zh`. Three blocks, the default, come out just ahead of
# counting, as its table at the end shows (also in the [README](../README.md)).

# %% tags=["rough"]
print(open_run(MODELS / "en").restore(text))

# %% [markdown]
# ## Where this has led
#
# A number, a loss, a slope; and at the end a machine of {{sum(w.size for w in trained.parameters()):,}} numbers, all
# found by going against their slopes, that gives a sentence back and fills in what is missing. Nearly every line of it,
# forward and backward, has been derived on these pages. What it is not: a language model as one hears of them. It
# has read {{len(data.training):,}} short sentences. It knows which tokens stand together, and nothing of old women, of
# fires or of sleep. It sees one sentence at a time and, in effect, four tokens of it. It cannot go on with a text or
# answer a question, and at the blanks a careful count does as well. What carries over is the machine. The large models
# are made of such parts and trained by such steps, with more blocks, more numbers and very much more text. That this
# makes so great a difference, no page of this course could show.
#
# ## Questions
#
# 1. Which stations of this page does copying need, which not? And why is it no merit that the untrained model copies
#    everything?
#
# <details><summary>Answer</summary>
#
# It needs the table at both ends. It does not need the attention: switched off after training, the model still copies
# {{without["copied"]:.0%}}, for the residual path carries each token past it. So it is in the untrained model. That
# shows that random rows of {{trained.config.width}} numbers are far apart, and nothing about sentences.
#
# </details>
#
# 2. With attention off, the trained model fills {{shares["attention off"]:.1%}} of the blanks, with one and the same
#    token. Which one, and what would a table of counts need to do the same?
#
# <details><summary>Answer</summary>
#
# `{{pieces[alone[0]]}}`, the commonest token: all blanks have the same vector, so all get the same scores. What is left
# in these is how common each token is. A table would need one count for each token, and no pair.
#
# </details>
#
# 3. Two blanks stand side by side, and the model fills each with the token that is best for it. Why can the pair be
#    nonsense, and what could you do about it, without training anew?
#
# <details><summary>Answer</summary>
#
# Each is chosen as if the other stayed hidden: *flow* and *##e* are both possible, *flow##e* is not. Fill the one of
# which the model is surer, put it into the sentence, and ask again for the other.
#
# </details>
#
# ## The exercise
#
# `minattn learn check training_step` once more: one whole step by hand, through all stations of this page and back. If
# you did it after [page 13](13_training.md), do it now without looking, and `minattn learn run training_step` restores
# a sentence with nothing but your own files. [`whole.py`](whole.py) is the model of this course in one file, with
# [page 15](15_whole_model.md) beside it.
