"""A folder with a vocabulary in BERT's layout, and lines of everything that a tokenizer can meet."""

import itertools
import json
import random
import unicodedata

from minattn.text import WordPiece

TRAINING = [
    "The old dog slept by the fire, and the cat slept by the old door.",
    "She didn't say yes; she said that the fire burned from seven to nine.",
    "Why was it warm? The door was well closed, the fire was burning, the night was long.",
]
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789àéîõüñçłøßſŉǆαβγωάώбжяёйאבגעابتहिंกำ"
UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZÀÉÎÕÜÑÇŁØẞΑΒΓΩΆΏБЖЯЁЙİIıKÅ"
MARKS = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~¡¿§¶·…–—‘’“”«»、。「」，！？°±×÷€£¥©®™→∑√"
CHINESE = "老狗在火边睡觉我爱你他说走吧語漢字々〇㐀豈𠀀𪚥"
KANA, HANGUL = "あいうえおかがきぎアイウガギー", "한국어말각힣ㄱㅏ"
COMBINING = "\u0300\u0301\u0308\u0327\u0328\u031b\u20d7\u3099"
EMOJI = "😀🐕🔥👩🚒🏽❤"
JOINING = "\u200d\ufe0f\u20e3\U0001f1e9\U0001f1ea"
CONTROLS = "\x00\x01\x07\x08\x0e\x1b\x7f\x80\x9f\ufffd\ue000\uf8ff\U000f0000\u200b\u200c\u200e\u2060\ufeff\u00ad\u0378"
SPACES = " \t\n\r\x0b\x0c\x1c\x1d\x85\xa0\u1680\u2003\u2028\u2029\u202f\u3000"
LENGTHS = (99, 100, 101, 999, 1000, 1001)


def pieces_for_the_test():
    """BERT's layout, [PAD] at 0 and the other specials from 100 on, with a form of most characters of the lines."""
    known = LETTERS + UPPER + CHINESE + KANA + HANGUL + COMBINING + EMOJI + JOINING
    known += unicodedata.normalize("NFD", known) + known.lower()
    letters = [c for c in dict.fromkeys(known) if c not in "zжЖ"]  # so that some words of letters are lost
    words = [piece for piece in WordPiece.train(TRAINING, 250).pieces[5:] if len(piece.removeprefix("##")) > 1]
    words += [piece.capitalize() for piece in words if not piece.startswith("##")]
    unused = [f"[unused{i}]" for i in range(99)]
    single = [*MARKS[:-9], *letters, *(f"##{c}" for c in letters if c not in CHINESE)]
    return list(dict.fromkeys(["[PAD]", *unused, "[UNK]", "[CLS]", "[SEP]", "[MASK]", *single, *words]))


def lines_for_the_test(count, seed=20):
    """Lines of everything that a tokenizer has met, the same ones at every call."""
    rng = random.Random(seed)
    words = " ".join(TRAINING).split()

    def some(characters, most=4):
        return "".join(rng.choices(characters, k=rng.randint(1, most)))

    def word():
        return rng.choice(
            [
                lambda: rng.choice(words),
                lambda: rng.choice(words).upper(),
                lambda: some(LETTERS, 8),
                lambda: some(LETTERS + UPPER, 8),
                lambda: "".join(c + some(COMBINING, 2) for c in some(LETTERS + UPPER)),
                lambda: unicodedata.normalize(rng.choice(["NFD", "NFKD"]), some(UPPER + HANGUL + KANA)),
                lambda: some(CHINESE + KANA + HANGUL, 6),
                lambda: some(words[0] + CHINESE + MARKS, 6),
                lambda: some(MARKS, 3),
                lambda: "\u200d".join(some(EMOJI + JOINING) for _ in range(3)),
                lambda: rng.choice(words) + some(CONTROLS, 2) + rng.choice(words),
                lambda: some(CONTROLS + COMBINING),
                lambda: chr(rng.choice([rng.randrange(0xD800), rng.randrange(0xE000, 0x110000)])),
            ]
        )()

    lines = ["", " ", "\n", *SPACES, *CONTROLS, *MARKS, SPACES, CONTROLS, "This is a input.", "DİYARBAKIR Iğdır ılık"]
    for length, letters in itertools.product(LENGTHS, ("a", "É", "e\u0301", "狗", "a\u200b", "ab.")):
        lines.append("the " + (letters * length)[:length] + " dog")
    while len(lines) < count:
        lines.append(
            "".join(word() + (some(SPACES, 2) if rng.random() < 0.8 else "") for _ in range(rng.randint(0, 9)))
        )
    return lines


def bert_folder(folder, pieces=None, line_end="\n", **config):
    """A folder with vocab.txt, and tokenizer_config.json if there is anything to put into it."""
    folder.mkdir(exist_ok=True)
    text = "".join(piece + line_end for piece in pieces or pieces_for_the_test())
    (folder / "vocab.txt").write_bytes(text.encode())
    if config:
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder
