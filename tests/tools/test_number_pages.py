"""The pages of numbers that the course links to are those that the code gives."""

import re
from pathlib import Path

import number_pages
import pytest

ROOT = Path(__file__).parents[2]


def test_the_pages_are_up_to_date_and_small(capsys):
    assert number_pages.main(["--check"]) == 0, "run python tools/number_pages.py"
    for name in number_pages.PAGES:
        assert (number_pages.FOLDER / f"{name}.html").stat().st_size < 1_000_000


def test_each_page_is_linked_from_the_course():
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "walkthroughs").glob("*.md"))
    assert set(re.findall(r"docs/pages/(\w+)\.html", text)) == set(number_pages.PAGES)


@pytest.mark.parametrize(("old", "new"), [("ds", "dr"), ('"language":"en"', '"language":"zh"'), ("start()", "begin()")])
def test_a_page_with_another_word_is_stale(old, new):
    page = (number_pages.FOLDER / "attention.html").read_text(encoding="utf-8")
    assert old in page
    assert number_pages.same(page, page) and not number_pages.same(page, page.replace(old, new, 1))


def test_numbers_may_differ_in_their_last_digits_alone():
    assert number_pages.alike({"data": "0.5"}, {"data": "0.50000001"})
    assert not number_pages.alike({"data": "0.5"}, {"data": "0.501"})
    assert not number_pages.alike({"data": "0.5"}, {"data": "0.5", "more": 1})
