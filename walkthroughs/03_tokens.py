# %% [markdown]
# # 3. Tokens
#
# *How does text become numbers, and what is lost?*
#
# A model computes with numbers, a text is letters. Between them stands a fixed list of pieces of words, the
# [[vocabulary]]. A text is cut into pieces of this list, called [[token|tokens]], and each token is replaced by its
# place in the list, its [[id]]. This page cuts by hand first, then with the tokenizer. Then it counts what the ids no
# longer know.

# %%
import re
from collections import Counter

import numpy as np

from minattn.show.notebook import BLUE, GREEN, ORANGE, figure, show
from minattn.text import Batches, WordPiece, read_pieces, shipped

# %% [markdown]
# ## A word, cut by hand
#
# The rule is called [[WordPiece]]. Take the longest piece of the vocabulary that the word begins with. Then the longest
# that the rest begins with. Go on until nothing is left. A piece inside a word is written with `##` before it: `ed`
# begins a word, `##ed` goes on with one. If nothing fits, the whole word becomes `[UNK]`, unknown.


# %%
def split_word(word, vocabulary):
    pieces, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):  # the longest first
            piece = ("##" if start else "") + word[start:end]
            if piece in vocabulary:
                break
        else:
            return ["[UNK]"]
        pieces, start = [*pieces, piece], end
    return pieces


small = ["u", "un", "##n", "##l", "##lock", "##o", "##c", "##k", "##e", "##d", "##ed"]
for word in ("unlocked", "uncle", "lock"):
    print(f"{word:9} {' '.join(split_word(word, small))}")

# %% [markdown]
# `unlocked` begins with `u` and with `un`; the longer wins. `uncle` is cut into letters where nothing longer is known.
# `lock` is unknown: the list has `##lock`, which cannot begin a word, and nothing else that starts with an `l`.
#
# ## A sentence, with the shipped vocabulary
#
# Before words are cut, the text is cleaned: capitals become small, accents go, and each punctuation mark becomes a word
# of its own. For plain English a regular expression does it:

# %%
tokenizer = WordPiece.load(shipped("en/tokenizer.json"))
vocabulary = set(tokenizer.pieces)


def split_text(text):
    words = re.findall(r"\w+|[^\w\s]", text.lower())
    pieces = [piece for word in words for piece in split_word(word, vocabulary)]
    return ["[CLS]", *pieces, "[SEP]"]


sentence = "The watchman unlocked the garden."
pieces = split_text(sentence)
ids = tokenizer.encode(sentence)
for piece, i in zip(pieces, ids, strict=True):
    print(f"{i:4} {piece}")
print("the same pieces:", [tokenizer.pieces[i] for i in ids] == pieces)

# %% [markdown]
# `[CLS]` and `[SEP]` mark the two ends of a sentence. Common words are whole. `watchman` and `unlocked` are
# not among the {{tokenizer.vocab_size:,}} pieces, and are built from what is.
#
# One sentence proves little. With the package comes a reader: some hundred short stories in simple English, a text
# file. Do ten lines and the tokenizer agree on all of its sentences?

# %%
reader = read_pieces(shipped("reader.en.txt"))
sentences = [sentence for story in reader for sentence in story.sentences]
encoded = tokenizer.encode_batch(sentences)
pairs = list(zip(sentences, encoded, strict=True))
agree = [split_text(text) == [tokenizer.pieces[i] for i in ids] for text, ids in pairs]
print(f"the same pieces: {sum(agree)} of {len(agree)}")

# %% [markdown]
# Longest first is quick, but it does not look ahead. The fewest pieces that a word can be cut into are found by
# trying all cuts:


# %%
def fewest(word, vocabulary):
    best = {0: []}  # for the first 0, 1, 2, … letters
    for end in range(1, len(word) + 1):
        for start in sorted(best):
            piece = ("##" if start else "") + word[start:end]
            shorter = end not in best or len(best[start]) + 1 < len(best[end])
            if piece in vocabulary and shorter:
                best[end] = [*best[start], piece]
    return best[len(word)]


counts = Counter(w for text in sentences for w in re.findall(r"\w+|[^\w\s]", text.lower()))
greedy = {word: split_word(word, vocabulary) for word in counts}
best = {word: fewest(word, vocabulary) for word in counts}
for word in ("none", "proud", "itself"):
    print(f"{word:7} longest first: {' '.join(greedy[word]):16} fewest: {' '.join(best[word])}")
longer = sum(len(greedy[word]) > len(best[word]) for word in counts)
print(f"more pieces than needed: {longer} of {len(counts)} words")

# %% [markdown]
# ## How the vocabulary was learned
#
# Begin with single letters. Find the two neighbouring pieces that occur together most often in the text. Make them one
# piece, everywhere. Repeat until the vocabulary is as large as wanted.


# %%
def learn(counts, merges):
    split = {word: [word[0], *("##" + letter for letter in word[1:])] for word in counts}
    for _ in range(merges):
        pairs = Counter()
        for word, count in counts.items():
            for pair in zip(split[word], split[word][1:], strict=False):
                pairs[pair] += count
        (left, right), times = pairs.most_common(1)[0]
        yield left, right, times
        for pieces in split.values():
            i = 0
            while i < len(pieces) - 1:
                if (pieces[i], pieces[i + 1]) == (left, right):
                    pieces[i : i + 2] = [left + right[2:]]
                i += 1


letters = [piece for piece in tokenizer.pieces if len(piece.removeprefix("##")) == 1]
first = len(letters) + 5  # after five special ones, [PAD] [UNK] [CLS] [SEP] [MASK]
print("id   shipped  learned here")
for i, (left, right, times) in enumerate(learn(counts, 8), first):
    print(f"{i}   {tokenizer.pieces[i]:8} {left + ' + ' + right:10} {times:5} times")

# %% [markdown]
# {{first}} ids are taken by the special pieces, by punctuation marks, and by every letter twice, at the start of a word
# and inside. From there
# on, ids are in the order in which pieces were learned. The commonest pair is not `t` and `h`: `h` and `e` also meet in
# `she`, `her` and `when`, where `th` has no part.
#
# So merging makes the pieces, and longest-first uses them. The two do not quite fit. `##ool` was made on the way to
# `school`, and is used by no word of the reader, `cool` and `wool` included:

# %%
flat = np.concatenate([ids[1:-1] for ids in encoded])  # without [CLS] and [SEP]
uses = np.bincount(flat, minlength=tokenizer.vocab_size)
idle = [piece for i, piece in enumerate(tokenizer.pieces) if uses[i] == 0 and i >= first]
print(f"learned, never used: {len(idle)}, such as {', '.join(idle[-8:])}")
print("##ool is one of them:", "##ool" in idle)
for word in ("school", "cool", "wool"):
    print(f"{word:7}", *split_word(word, vocabulary))

# %% [markdown]
# How large should the list be? The engine's trainer, `WordPiece.train`, at several sizes:

# %%
sizes = (80, 200, 500, 1000, 2500)
lengths, rare = [], []
for size in sizes:
    trained = WordPiece.train(sentences, size)
    found = trained.encode_batch(sentences)
    often = np.bincount(np.concatenate(found), minlength=size)
    lengths.append(np.mean([len(ids) - 2 for ids in found]))
    rare.append(np.mean(often < 20))
print("pieces             ", *(f"{size:6}" for size in sizes))
print("tokens a sentence  ", *(f"{length:6.1f}" for length in lengths))
print("seen below 20 times", *(f"{share:6.0%}" for share in rare))

# %% tags=["folded"]
drawing, (left, right) = figure(
    "A larger vocabulary: shorter sentences, rarer pieces", columns=2
)
left.semilogx(sizes, lengths, "o-", color=BLUE)
right.semilogx(sizes, 100 * np.array(rare), "o-", color=ORANGE)
left.set(title="Length", ylabel="tokens a sentence", ylim=(0, 40))
right.set(title="Rare pieces", ylabel="% seen below 20 times", ylim=(0, 100))
for axis in (left, right):
    axis.set_xlabel("pieces in the vocabulary")
    axis.set_xticks((100, 300, 1000, 2500), ("100", "300", "1000", "2500"))
    axis.minorticks_off()
show(drawing)

# %% [markdown]
# Short sentences are cheap, since there is less to compute, but a piece that is hardly ever seen is hardly ever
# learned. Beyond about {{sizes[3]:,}} pieces the sentences of this small text get little shorter, and most pieces are
# rare.
#
# ## What is lost
#
# `decode` puts the pieces together again. Compare what went in:

# %%
for text in (
    "Rose gave José the naïve crêpe.",
    "rose gave  jose the naive crepe .",
    "It was 1990, and ☺ rain.",
):
    back = tokenizer.encode(text)
    print(f"in    {text}\nout   {tokenizer.decode(back)}\nlost  {tokenizer.lost(text)}\n")

# %% [markdown]
# - **Case and accents.** The first two texts have the same ids. No model, however good, can tell them apart.
# - **Unknown words.** The reader has no digit, so the vocabulary has none, and a year is one `[UNK]`. `lost` lists such
#   words: show them to whoever gave the text.
# - **Spacing.** The ids do not say that the full stop followed without a space. `decode` guesses it.
#
# How often does a line come back?


# %%
def with_spaces(ids):
    """Pieces joined to words, and a space between all of them."""
    return " ".join(tokenizer.pieces[i] for i in ids[1:-1]).replace(" ##", "")


backs = [tokenizer.decode(ids) for ids in encoded]
again = tokenizer.encode_batch(backs)
small_letters = [text.lower() for text in sentences]
rules = {
    "as it was": [a == b for a, b in zip(backs, sentences, strict=True)],
    "small letters, a space between words": [
        with_spaces(ids) == text for ids, text in zip(encoded, small_letters, strict=True)
    ],
    "small letters, spacing guessed": [
        a == b for a, b in zip(backs, small_letters, strict=True)
    ],
    "as ids": [a == b for a, b in zip(again, encoded, strict=True)],
}
for name, same in rules.items():
    print(f"{name:37} {np.mean(same):7.2%}")
for text in ("a - b", "Yes, ma'am."):
    print(f"but {text!r} comes back as {tokenizer.decode(tokenizer.encode(text))!r}")

# %% [markdown]
# A measure of text would give a perfect model {{np.mean(rules["as it was"]):.0%}} or
# {{np.mean(rules["small letters, spacing guessed"]):.0%}}, by how it treats capitals and spaces. That says nothing
# about the model. The task of our model is [[reconstruction]]: text goes in, and the same text shall come out. (To make
# it hard, some tokens are replaced by `[MASK]` first; such a [[blank]] must be filled from what stands around it.) So
# **reconstruction is scored on ids**: which of the tokens that went in came out?
#
# Ids have a blind spot of their own. One word can be cut in several ways; the tokenizer gives only one of them.

# %%
other = [tokenizer.pieces.index(piece) for piece in ("n", "##one")]
usual = tokenizer.encode("none")[1:-1]
print(other, "reads", tokenizer.decode(other))
print(usual, "reads", tokenizer.decode(usual))

# %% [markdown]
# A model that answers with the first would be counted wrong, with the right word in hand.
#
# ## Lengths and frequencies
#
# What will a model be fed with?

# %%
length = np.array([len(ids) for ids in encoded])
order = np.argsort(-uses)
share = uses[order].cumsum() / uses.sum()
print(
    f"a sentence has {length.min()} to {length.max()} tokens, {length.mean():.1f} in the mean"
)
commonest = [f"{tokenizer.pieces[i]} {uses[i] / uses.sum():.1%}" for i in order[:6]]
print("commonest:", ", ".join(commonest))
print("half of the text is made of", np.searchsorted(share, 0.5) + 1, "pieces")
print(
    f"the rarer half of the pieces makes {1 - share[tokenizer.vocab_size // 2 - 1]:.1%} of it"
)

words, ranks = np.sort(list(counts.values()))[::-1], np.arange(10, 301)
for name, times in (("words", words), ("tokens", uses[order])):
    slope = np.polyfit(np.log(ranks), np.log(times[ranks - 1]), 1)[0]
    print(f"{name:6} at rank 10 to 300: times used ~ rank^{slope:.2f}")

# %% tags=["folded"]
drawing, (left, right) = figure("Lengths are much alike, frequencies are not", columns=2)
left.bar(*np.unique(length, return_counts=True), color=BLUE, width=0.8)
left.set(title="Lengths", xlabel="tokens in a sentence", ylabel="sentences")
for times, colour, name in ((words, ORANGE, "words"), (uses[order], BLUE, "tokens")):
    times = times[times > 0]
    right.loglog(np.arange(1, len(times) + 1), times, color=colour, linewidth=2, label=name)
right.loglog((1, 3000), (6000, 2), color=GREEN, linestyle="--", label="1 / rank")
right.set(title="Frequencies", xlabel="rank", ylabel="times used", ylim=(0.7, 2e4))
right.legend(frameon=False)
show(drawing)

# %% [markdown]
# Both pictures matter later. Always to guess the commonest token is right {{uses.max() / uses.sum():.1%}} of the time:
# a model has to beat that first.
#
# That the frequency of words falls as 1 / rank is called Zipf's law. That of tokens falls less: a rare word is cut into
# pieces that other words use too. And their curve ends in a cliff. A piece was learned because it was common; those
# that are rare now lost their places to longer pieces made from them.
#
# And a batch is a rectangle: short sentences are filled up with `[PAD]` to the longest, which is called [[padding]].
# Random company is wasteful; `Batches` puts sentences of like length together:

# %%
mixed = np.random.default_rng(0).permutation(length)[: len(length) // 32 * 32].reshape(-1, 32)
batches = Batches(encoded, tokenizer, batch_size=32, blanks=0.0, seed=0)
masks = [batches.at(step).attention_mask for step in range(len(batches))]  # True at tokens
padding = 1 - mixed.sum() / (mixed.max(axis=1) * 32).sum()
sorted_padding = 1 - sum(mask.sum() for mask in masks) / sum(mask.size for mask in masks)
print(
    f"padding in random batches of 32: {padding:.1%}, in those of Batches: {sorted_padding:.1%}"
)

# %% [markdown]
# ## Questions
#
# 1. Take `##q` out of the vocabulary. What happens to `quick`, and what to `unique`?
#
# <details><summary>Answer</summary>
#
# `quick` begins with `q`, which is still there: `{{" ".join(split_word("quick", vocabulary - {"##q"}))}}`. `unique`
# becomes `{{" ".join(split_word("unique", vocabulary - {"##q"}))}}`: one missing letter makes the whole word unknown.
# That is why every letter has a place in both forms before anything is merged.
#
# </details>
#
# 2. Two models of the same text have a loss of {{np.log(1000):.2f}} and of {{np.log(2500):.2f}} per token; their
#    vocabularies have 1,000 and 2,500 pieces. (A model that guesses among $V$ equally likely tokens has the surprise
#    $\ln V$ at each.) Is the first better?
#
# <details><summary>Answer</summary>
#
# Per token it is. But its sentences have more tokens: {{lengths[3]:.1f}} against {{lengths[-1]:.1f}}. Per sentence the
# first has {{lengths[3] * np.log(1000):.0f}}, the second {{lengths[-1] * np.log(2500):.0f}}. Losses per token of
# different vocabularies cannot be compared; per sentence, or per letter, they can.
#
# </details>
#
# 3. `decode` of any row of ids, then `encode`: do you always get the ids back? And `encode`, `decode`, `encode`?
#
# <details><summary>Answer</summary>
#
# The first, no: `n ##one` comes back as `{{" ".join(tokenizer.pieces[i] for i in usual)}}`. The second held for
# {{np.mean(rules["as ids"]):.0%}} of the reader: what the tokenizer cut itself, it cuts the same way again. Not for all
# texts: `[UNK]`, once it is text, is read as
# `{{" ".join(tokenizer.pieces[i] for i in tokenizer.encode("[UNK]")[1:-1])}}`.
#
# </details>
#
# ## The exercise
#
# This page has no gradient, so none of the graded exercises belongs to it. Close it and write `split_word`; the reader
# is the check. Where ids go next is on [page 4](04_embedding.md).
