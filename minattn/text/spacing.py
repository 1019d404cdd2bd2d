"""Where the spaces go when separate words and marks become a line of text again.

A tokenizer splits marks from words and forgets the spaces round them, so they are guessed here. The guess is
for people who read; nothing is ever scored on it.
"""

from collections.abc import Sequence

CLOSING = frozenset(".,!?;:)]}’”»…%")
OPENING = frozenset("([{“‘«$£€")
AFTER_APOSTROPHE = frozenset(("s", "t", "m", "d", "re", "ve", "ll", "clock"))

CJK_RANGES = (
    (0x2E80, 0x303F),  # radicals, and the punctuation 、 。 「 」 《 》
    (0x3040, 0x30FF),  # hiragana and katakana
    (0x3400, 0x4DBF),  # ideographs, extension A
    (0x4E00, 0x9FFF),  # ideographs
    (0xF900, 0xFAFF),  # compatibility ideographs
    (0xFF00, 0xFFEF),  # full-width forms: ， ！ ？
    (0x20000, 0x3FFFF),  # ideographs, all later extensions
)


def is_cjk(character: str) -> bool:
    """Say whether a character belongs to a script that puts no space between words.

    >>> is_cjk("火"), is_cjk("。"), is_cjk("a")
    (True, True, False)
    """
    code = ord(character)
    return any(first <= code <= last for first, last in CJK_RANGES)


def join_words(words: Sequence[str]) -> str:
    """Join words and marks into a line, with spaces where a printer would put them.

    words: whole words, and punctuation marks as words of their own; none is empty
    Returns the line.

    >>> join_words(["he", "didn", "'", "t", "say", "\\"", "yes", "\\"", "."])
    'he didn\\'t say "yes".'
    >>> join_words(["我", "爱", "你", "。"])
    '我爱你。'
    """
    marks = _paired_quotes(words)
    line = ""
    for i, word in enumerate(words):
        if i > 0 and not _touch(words, marks, i):
            line += " "
        line += word
    return line


def _touch(words: Sequence[str], marks: dict[int, str], i: int) -> bool:
    """Say whether word i follows word i - 1 without a space."""
    left, right = words[i - 1], words[i]
    return (
        marks.get(i) == "closing"
        or marks.get(i - 1) == "opening"
        or right in CLOSING
        or left in OPENING
        or _binds(words, i)
        or _binds(words, i - 1)
        or is_cjk(left[-1])
        or is_cjk(right[0])
    )


def _binds(words: Sequence[str], i: int) -> bool:
    """Say whether the mark at i stands inside a word or number: don't, well-known, 3.5, 1,500."""
    if not 0 < i < len(words) - 1:
        return False
    left, mark, right = words[i - 1], words[i], words[i + 1]
    if mark in ("'", "’"):
        return left[-1].isalpha() and right.lower() in AFTER_APOSTROPHE
    if mark in ("-", "/"):
        return left[-1].isalnum() and right[0].isalnum()
    if mark in (".", ":"):
        return left.isdigit() and right.isdigit()
    # 1,500 but not "in 1990, 12 of them": only three digits can be a group of thousands
    return mark == "," and left.isdigit() and right.isdigit() and len(right) == 3


def _paired_quotes(words: Sequence[str]) -> dict[int, str]:
    """Say which straight quotation marks open and which close; one left without a partner closes."""
    marks = {}
    for quote in ('"', "'"):
        places = [i for i, word in enumerate(words) if word == quote and not _binds(words, i)]
        for n, i in enumerate(places):
            opens = n % 2 == 0 and n + 1 < len(places)
            marks[i] = "opening" if opens else "closing"
    return marks
