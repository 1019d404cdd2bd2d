"""The terms of the course: marked where a page introduces them, kept in a glossary, and never used before."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from minattn.errors import InputError
from minattn.runs import read_bytes

GLOSSARY = "glossary.toml"
# A term that is introduced here, [[softmax]] or [[logit|logits]]; code and mathematics are passed over.
MARK = re.compile(r"`[^`]+`|\$[^$]+\$|\[\[([^\[\]|]+)(?:\|([^\[\]]+))?\]\]")
_WORDS = (
    "# Glossary\n\nThe terms and letters of the course, and the page that introduces each. "
    "[中文](glossary.zh.md)\n\nSome letters have several meanings, as elsewhere: p, P (probabilities, attention "
    "weights, positions), v (values; the running mean of squares), r (relative positions; 1 / deviation), H (heads; "
    "entropy), e (base; a row of the table), n (a count; a normed vector). Each page says which one it means.\n",
    "# 术语表\n\n教程里的术语和字母，以及引入它们的那一页。[English](glossary.md)\n\n"
    "有些字母照文献的习惯一字多用：p、P（概率、注意力权重、位置），v（值；平方的滑动平均），r（相对位置；标准差的倒数），"
    "H（头数；熵），e（自然对数的底；表的一行），n（个数；归一化的向量）。用到的那一页会说明是哪一个。\n",
)


@dataclass(frozen=True)
class Term:
    """One entry of the glossary.

    Args:
        name, chinese: the word in both languages
        symbol: its letter in formulas, "" where it has none
        means, means_chinese: what it is, in a sentence
        seen: words and LaTeX commands that count as a use of it, in prose and in code
    """

    name: str
    chinese: str
    means: str
    means_chinese: str
    symbol: str = ""
    seen: tuple[str, ...] = ()

    @property
    def anchor(self) -> str:
        """What a link to it ends with."""
        return re.sub(r"\W+", "-", self.name.lower()).strip("-")

    def used_in(self, text: str, following: str = "") -> bool:
        """Whether a line of prose or code uses it; what begins on the line may end on the following one."""
        both = f"{text} {following.removeprefix('#').strip()}"
        found = (re.search(rf"(?<![\w-]){re.escape(word)}(?!\w)", both, _case(word)) for word in self.seen)
        return any(one is not None and one.start() < len(text) for one in found)


@dataclass(frozen=True)
class TermLine:
    """A line of a page, as the check of the order reads it.

    Args:
        number: of the line in the source
        text: the line
        marked: the terms that it introduces
        is_prose: whether it is a sentence of the page; code and headings may name what the page is about to explain
    """

    number: int
    text: str
    marked: tuple[str, ...] = ()
    is_prose: bool = True


def _case(word: str) -> re.RegexFlag:
    """How a word is compared: commands of LaTeX, of which \\pi and \\Pi are two, letter by letter."""
    return re.NOFLAG if word.startswith("\\") else re.IGNORECASE


def read_glossary(folder: Path) -> dict[str, Term]:
    """The terms in the folder of the walkthroughs, by name.

    Raises:
        InputError: the file is not of the form
    """
    file = folder / GLOSSARY
    try:
        entries = tomllib.loads(read_bytes(file).decode("utf-8"))
        return {name: Term(name, **(entry | {"seen": tuple(entry.get("seen", ()))})) for name, entry in entries.items()}
    except (tomllib.TOMLDecodeError, TypeError) as error:
        form = "an entry has chinese, means, means_chinese, and may have symbol, seen"
        raise InputError(f"{file}: {error}; {form}") from None


def marked_in(line: str) -> tuple[str, ...]:
    """The terms that a line of prose marks as introduced.

    >>> marked_in("its [[slope]], the [[logit|logits]] and `x[[0]]`")
    ('slope', 'logit')
    """
    return tuple(found[1] for found in MARK.finditer(line) if found[1])


def with_links(line: str, glossary: str) -> str:
    """The marks of a line as links.

    Args:
        line: of prose
        glossary: the page of the glossary in the line's language

    >>> with_links("the [[logit|logits]]", "glossary.md")
    'the [logits](glossary.md#logit)'
    """

    def link(found: re.Match[str]) -> str:
        return f"[{found[2] or found[1]}]({glossary}#{Term(found[1], '', '', '').anchor})" if found[1] else found[0]

    return MARK.sub(link, line)


def order_problems(glossary: dict[str, Term], pages: Mapping[Path, Sequence[TermLine]]) -> Iterator[str]:
    """What is used before it is introduced, introduced twice or never, or not in the glossary: a sentence for each.

    A use in the text of a link to the page that introduces the term is a promise, and counts for nothing.

    Args:
        glossary: the terms
        pages: the lines of each page, in the order of the course
    """
    introduced: dict[str, tuple[Path, int]] = {}
    for page, lines in pages.items():
        for line in lines:
            for name in line.marked:
                if name not in glossary:
                    yield f"{page}:{line.number}: [[{name}]] is not in {GLOSSARY}; add it"
                elif name in introduced:
                    yield f"{page}:{line.number}: [[{name}]] is introduced at {_place(introduced[name])} already"
                introduced.setdefault(name, (page, line.number))
    ranks = {page: rank for rank, page in enumerate(pages)}
    for name, term in glossary.items():
        if name not in introduced:
            yield f"{GLOSSARY}: {name} is introduced nowhere; mark it in a page, [[{name}]]"
            continue
        home, first = introduced[name]
        for page, lines in pages.items():
            for line, following in zip_longest(lines, lines[1:]):
                early = ranks[page] < ranks[home] or (page == home and line.is_prose and line.number < first)
                text = re.sub(rf"\[[^\[\]]*\]\({home.stem}[^)]*\)", "", line.text)
                if early and term.used_in(text, following.text if following else ""):
                    yield f"{page}:{line.number}: uses {name} before {_place(introduced[name])}: {line.text.strip()}"


def glossary_pages(
    glossary: dict[str, Term], pages: Mapping[Path, Sequence[TermLine]], titles: Sequence[Mapping[Path, str]]
) -> tuple[str, str]:
    """The glossary as a page in English and in Chinese.

    Args:
        glossary: the terms
        pages: the lines of each page
        titles: for each language the titles of the pages that it has; the other language's stands in where it has none
    """
    homes = {name: page for page, lines in pages.items() for line in lines for name in line.marked}
    return tuple(  # type: ignore[return-value]  # two languages
        head + "".join(_entry(term, homes[term.name], titles, language) for term in _sorted(glossary, homes))
        for language, head in enumerate(_WORDS)
    )


def _sorted(glossary: dict[str, Term], homes: dict[str, Path]) -> list[Term]:
    return [glossary[name] for name in sorted(glossary, key=str.lower) if name in homes]


def _entry(term: Term, home: Path, titles: Sequence[Mapping[Path, str]], language: int) -> str:
    symbol = f", $`{term.symbol}`$" if term.symbol else ""
    chinese = language and home in titles[1]
    link = f"[{titles[1][home]}]({home.stem}.zh.md)" if chinese else f"[{titles[0][home]}]({home.stem}.md)"
    if language:
        return f'\n<a id="{term.anchor}"></a>**{term.chinese}** ({term.name}){symbol}：{term.means_chinese} {link}\n'
    return f'\n<a id="{term.anchor}"></a>**{term.name}**{symbol} ({term.chinese}): {term.means} {link}\n'


def _place(where: tuple[Path, int]) -> str:
    return f"{where[0].name}:{where[1]}"
