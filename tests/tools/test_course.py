"""The course as a whole: terms before their use, exercises on pages, every op of a training step derived."""

import ast
import shutil
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from pages.course import PAGES, Page, build_course, whole_course
from pages.terms import Term, TermLine, order_problems

import minattn
from minattn.errors import InputError
from minattn.learn.course import course
from minattn.models import ReconstructionConfig, ReconstructionModel
from minattn.ops import Op
from minattn.optim import AdamW
from minattn.text import Batches, WordPiece, shipped
from minattn.training.settings import RECIPE, TrainingConfig
from minattn.training.step import train_step
from walkthroughs import main

FOLDER = Path(__file__).parents[2] / "walkthroughs"
FILES = sorted(FOLDER.glob(PAGES))
# Views: these move numbers and compute none. Page 6 cuts heads with them, and the exercise split_heads undoes them.
VIEWS = {"Reshape", "Transpose"}
SENTENCES = ("The old cat slept by the fire.", "A boat came down the river.", "She read a letter from the sea.")


def term(name, *seen):
    return Term(name, "", "", "", seen=seen)


def lines(*texts):
    return [
        TermLine(i, text, tuple(w for w in ("slope", "loss") if f"[[{w}]]" in text)) for i, text in enumerate(texts)
    ]


def problems_of(glossary, *pages):
    named = {Path(f"{i:02}_page.py"): lines(*texts) for i, texts in enumerate(pages)}
    return list(order_problems({one.name: one for one in glossary}, named))


def test_the_course_uses_no_term_before_it_is_introduced_and_its_map_and_glossary_are_up_to_date():
    written, problems = whole_course(FOLDER)
    assert problems == []
    for file, text in written.items():
        assert file.read_text(encoding="utf-8") == text, f"{file.name}: python tools/walkthroughs.py --map"


def test_a_term_that_is_used_on_an_earlier_page_or_line_is_found():
    slope = term("slope", "slope", "slopes")
    assert problems_of([slope], ["the [[slope]]", "a slope"], ["slopes"]) == []
    assert "uses slope before 01_page.py:1" in problems_of([slope], ["A Slope"], ["", "a [[slope]]"])[0]
    assert "uses slope before 00_page.py:1" in problems_of([slope], ["slopes", "a [[slope]]"])[0]
    assert problems_of([slope], ["slopes_of and sloped"], ["a [[slope]]"]) == []
    steep = term("slope", "steep slope")
    assert "uses slope before 01_page.py:0" in problems_of([steep], ["# a steep", "# slope"], ["a [[slope]]"])[0]


def test_a_link_to_the_page_that_introduces_a_term_may_promise_it():
    promise = "[the slope](01_page.md) comes later"
    assert problems_of([term("slope", "slope")], [promise], ["the [[slope]]"]) == []
    assert problems_of([term("slope", "slope")], [promise], [""], ["the [[slope]]"]) != []


def test_a_term_that_is_introduced_twice_or_never_or_stands_in_no_glossary_is_found():
    assert "introduced at 00_page.py:0 already" in problems_of([term("slope")], ["[[slope]]"], ["[[slope]]"])[0]
    assert "introduced nowhere" in problems_of([term("slope")], ["nothing"])[0]
    assert "not in glossary.toml" in problems_of([], ["[[loss]]"])[0]


@pytest.fixture
def copied(tmp_path):
    """A copy of the course without its models and figures."""
    folder = tmp_path / "walkthroughs"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("models", "figures", "kinds", "notebooks", "*.ipynb"))
    return folder


def test_a_page_that_lost_its_exercise_its_number_or_its_question_is_found(copied):
    page = copied / "06_attention_forward.py"
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("minattn learn check split_heads", "nothing"), encoding="utf-8")
    assert any("the exercise split_heads stands on no page" in problem for problem in build_course(copied, check=True))
    page.write_text(text.replace("# # 6. ", "# # 7. "), encoding="utf-8")
    assert any("its title must begin with 6." in problem for problem in build_course(copied, check=True))
    page.write_text(text.replace("[page 7]", "[page 8]"), encoding="utf-8")
    assert any("a link to page 7 says 8" in problem for problem in build_course(copied, check=True))
    page.write_text(text.replace("# *How do tokens", "# How do tokens"), encoding="utf-8")
    with pytest.raises(InputError, match="what the page answers, in italics"):
        build_course(copied, check=True)


def test_a_map_that_is_out_of_date_is_found_and_written_anew(copied):
    stale = (copied / "README.md").read_text(encoding="utf-8").replace("Self-attention forward", "Attention")
    (copied / "README.md").write_text(stale, encoding="utf-8")
    assert any("README.md is stale" in problem for problem in build_course(copied, check=True))
    assert build_course(copied, check=False) == [] == build_course(copied, check=True)


def test_minutes_are_reckoned_from_what_stands_on_a_page(copied):
    page = copied / "06_attention_forward.py"
    before = Page(page).minutes
    page.write_text(page.read_text(encoding="utf-8") + "# " + "word " * 600 + "\n", encoding="utf-8")
    assert Page(page).minutes == (before[0] + 3, before[1])
    assert Page(copied / "03_tokens.py").minutes[1] == 0 < before[1]


def test_every_exercise_stands_on_the_page_that_it_names_and_every_page_has_something_to_do():
    pages = {file.stem: Page(file) for file in FILES}
    assert all(exercise.name in pages[exercise.page].exercises for exercise in course())
    assert all("## The exercise" in file.read_text(encoding="utf-8") for file in FILES)


def ops_of_a_default_training_step():
    """The classes of the ops that a step of `minattn train` runs, forward or backward."""
    tokenizer = WordPiece.load(shipped("en/tokenizer.json"))
    training, seen = TrainingConfig(), set()
    batches = Batches(
        [tokenizer.encode(sentence) for sentence in SENTENCES],
        tokenizer,
        len(SENTENCES),
        training.blanks,
        0,
        mask_only=True,
        swapped=training.swapped,
    )
    model = ReconstructionModel(
        ReconstructionConfig(tokenizer.vocab_size, **RECIPE), generator=np.random.default_rng(0)
    )
    optimizer, batch = AdamW(model.named_parameters(), training.lr), batches.at(0)

    def note(frame, event, argument):
        owner = (
            frame.f_locals.get("self") if event == "call" and frame.f_code.co_name in ("forward", "backward") else None
        )
        if isinstance(owner, Op):
            seen.add(type(owner).__name__)

    sys.setprofile(note)
    try:
        with minattn.textbook():
            train_step(model, optimizer, batch.ids, batch.attention_mask, batch.targets, training.clip)
    finally:
        sys.setprofile(None)
    return seen


def names_in_code(page):
    """The names that a page imports or uses in its code, which runs when the page is built."""
    code = "\n".join("\n".join(cell.lines) for cell in Page(page).cells if not cell.is_prose)
    nodes = list(ast.walk(ast.parse(code)))
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return attributes | {node.id for node in nodes if isinstance(node, ast.Name)}


def test_every_op_and_every_update_that_a_default_training_step_runs_is_used_in_the_code_of_a_page():
    used = set().union(*(names_in_code(file) for file in FILES))
    ops = ops_of_a_default_training_step()
    assert {"Embedding", "ScaledDotProductAttention", "LayerNorm", "ReLU", "Dropout"} <= ops
    assert ops - VIEWS - used == set(), "compare the op with what is derived, on the page where it is derived"
    assert {"AdamW", "clip_grad_norm_", "learning_rate"} <= names_in_code(FOLDER / "02_optimizer.py")


def test_a_notebook_whose_output_or_words_are_no_longer_those_of_its_page_is_found(tmp_path):
    page = tmp_path / "00_halves.py"
    page.write_text("# %% [markdown]\n# # 0. Halves\n\n# %%\nprint(1 / 2)\n", encoding="utf-8")
    assert main([str(page)]) == 0 == main(["--check", str(page)])
    notebook = tmp_path / "notebooks" / "00_halves.ipynb"
    text = notebook.read_text(encoding="utf-8")
    for wrong in (text.replace("0.5", "0.7"), text.replace("Halves", "Thirds"), text.replace("1 / 2", "2 / 4")):
        notebook.write_text(wrong, encoding="utf-8")
        assert wrong != text and main(["--check", str(page)]) == 1
    notebook.unlink()
    assert main(["--check", str(page)]) == 1


@pytest.mark.parametrize("page", FILES, ids=lambda page: page.stem)
def test_a_notebook_holds_what_its_page_holds_with_outputs_and_figures(page):
    book = nbformat.read(FOLDER / "notebooks" / f"{page.stem}.ipynb", as_version=4)
    nbformat.validate(book)
    cells = Page(page).cells
    assert [cell.cell_type == "markdown" for cell in book.cells] == [cell.is_prose for cell in cells]
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert [tuple(cell.source.split("\n")) for cell in code] == [cell.lines for cell in cells if not cell.is_prose]
    drawn = sum(
        output.get("data", {}).get("image/png", "").startswith("iVBOR") for cell in code for output in cell.outputs
    )
    assert drawn == len(list((FOLDER / "figures").glob(f"{page.stem}-*.svg")))
    assert not any("$`" in cell.source or "```math" in cell.source for cell in book.cells)
