"""Walkthroughs: what is built is what its source computes, and what no longer is so is found."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pages.cells import read_cells, read_translation
from pages.compare import close
from pages.execute import PageError
from pages.weave import build, check

from minattn.errors import InputError
from minattn.show.notebook import needs
from walkthroughs import main, run

FOLDER = Path(__file__).parents[2] / "walkthroughs"
PAGES = sorted(FOLDER.glob("[0-9][0-9]_*.py"))

SOURCE = """\
# %% [markdown]
# # 1. Thirds
#
# Two thirds are $\\frac{2}{3}$.

# %%
import os
from pathlib import Path

from minattn.show.notebook import figure, show

two = 2 / 3
print("two thirds ", two)
print("3 of 4")

# %%
# no output
Path("note.txt").write_text("in the folder of the run")

# %% [markdown]
# So {{two:.2f}} of {{"a" + 'b'}} in 2024, and `$x`.
#
# $$
# a \\\\ b
# $$

# %% tags=["timed"]
print(f"took {os.getpid()} ms")

# %% tags=["folded"]
drawing, axis = figure("A line")
axis.plot([0, 1], [0, two], label="slope")
axis.set(xlabel="x", ylabel="y")
axis.legend()
show(drawing)
"""

TRANSLATION = """\
# 1. 三分之一

<!-- cell -->
{{two:.2f}} 和 {{"a" + 'b'}}。
"""

BUILT = """\
# 1. Thirds

[As a script](01_thirds.py) or [notebook](notebooks/01_thirds.ipynb) · [中文](01_thirds.zh.md)

Two thirds are $`\\frac{2}{3}`$.

```python
import os
from pathlib import Path

from minattn.show.notebook import figure, show

two = 2 / 3
print("two thirds ", two)
print("3 of 4")
```

```text
two thirds  0.6666666666666666
3 of 4
```

```python
# no output
Path("note.txt").write_text("in the folder of the run")
```

So 0.67 of ab in 2024, and `$x`.

```math
a \\\\ b
```

```python
print(f"took {os.getpid()} ms")
```

```text
took … ms
```

<details>
<summary>Code of the figure</summary>

```python
drawing, axis = figure("A line")
axis.plot([0, 1], [0, two], label="slope")
axis.set(xlabel="x", ylabel="y")
axis.legend()
show(drawing)
```

</details>

![A line](figures/01_thirds-1.svg)
"""


def write(folder, source=SOURCE, translation=TRANSLATION, name="01_thirds"):
    page = folder / f"{name}.py"
    page.write_text(source, encoding="utf-8")
    if translation is not None:
        (folder / "zh").mkdir(exist_ok=True)
        (folder / "zh" / f"{name}.txt").write_text(translation, encoding="utf-8")
    return page


def run_as_script(page, where):
    """Run a page with plain Python in a folder."""
    paths = {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([sys.executable, page], cwd=where, env=os.environ | paths, capture_output=True, text=True)


def cells_of(folder, source):
    return read_cells(write(folder, source, None))


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """One page, executed once: what is checked against files that differ."""
    page = write(tmp_path_factory.mktemp("once"))
    return page, run(page)


@pytest.fixture
def built(executed, tmp_path):
    page, done = write(tmp_path), executed[1]
    build(page, done)
    assert check(page, done) is None
    return page, done


def replace(file, old, new):
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


# Building


def test_a_page_is_its_prose_its_code_and_what_the_code_prints_and_draws(built):
    page, _ = built
    text = page.with_suffix(".md").read_text(encoding="utf-8")
    assert re.sub(r"took \d+ ms", "took … ms", text) == BUILT


def test_the_translation_has_its_own_prose_and_the_code_outputs_and_figures_of_the_page(built):
    page, _ = built
    english, chinese = (page.with_suffix(kind).read_text(encoding="utf-8") for kind in (".md", ".zh.md"))
    assert chinese.startswith(
        "# 1. 三分之一\n\n[脚本](01_thirds.py)或[笔记本](notebooks/01_thirds.ipynb) · [English](01_thirds.md)\n"
    )
    assert "0.67 和 ab。\n" in chinese and "Two thirds" not in chinese
    blocks = r"```(?:python|text)\n.*?```|!\[.*?\)"
    assert re.findall(blocks, english, re.DOTALL) == re.findall(blocks, chinese, re.DOTALL)


def test_the_same_page_gives_the_same_bytes_in_another_process(executed, tmp_path):
    source = SOURCE.replace("os.getpid()", "7")
    contents = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        page = write(tmp_path / name, source, None)
        build(page, run(page))
        contents.append([page.with_suffix(".md").read_bytes(), (page.parent / "figures/01_thirds-1.svg").read_bytes()])
    assert contents[0] == contents[1]


def test_a_page_runs_as_a_script_from_any_folder_and_names_its_figures(tmp_path):
    page = write(tmp_path, SOURCE.replace('Path("note.txt").write_text', "Path"))
    where = tmp_path / "elsewhere"
    where.mkdir()
    ran = run_as_script(page, where)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[1] == "3 of 4" and ran.stdout.endswith("[figure] A line\n")
    assert not list(where.iterdir()) and {file.name for file in tmp_path.iterdir()} == {page.name, "zh", "elsewhere"}


def test_what_a_page_writes_goes_to_a_folder_that_is_gone_afterwards(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = write(tmp_path)
    run(page)
    assert {file.name for file in tmp_path.iterdir()} == {page.name, "zh"}


def test_figures_are_numbered_in_their_order_and_older_ones_go(tmp_path):
    page = write(tmp_path, SOURCE + '\n# %%\ndrawing.suptitle("Two")\nshow(drawing)\n\n# %%\nprint("end")\n', None)
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "01_thirds-3.svg").write_text("older")
    build(page, run(page))
    text = page.with_suffix(".md").read_text(encoding="utf-8")
    assert re.findall(r"!\[(.*)\]\((.*)\)", text) == [
        ("A line", "figures/01_thirds-1.svg"),
        ("Two", "figures/01_thirds-2.svg"),
    ]
    assert sorted(file.name for file in tmp_path.glob("figures/*")) == ["01_thirds-1.svg", "01_thirds-2.svg"]


def test_outputs_with_fences_and_titles_with_brackets_stay_what_they_are(tmp_path):
    source = SOURCE.replace('print("3 of 4")', 'print("```")').replace('"A line"', '"A [line]"')
    page = write(tmp_path, source, None)
    build(page, run(page))
    text = page.with_suffix(".md").read_text(encoding="utf-8")
    assert "````text\ntwo thirds  0.6666666666666666\n```\n````\n" in text
    assert "![A \\[line\\]](figures/01_thirds-1.svg)" in text


# Stale pages

LINE = "two thirds  0.6666666666666666"
STALE = {
    "a number": (".md", LINE, "two thirds  0.668", ["01_thirds.md:19", "01_thirds.py:7", LINE, "0.668"]),
    "a whole number": (".md", "\n3 of 4", "\n4 of 4", ["01_thirds.md:20", "3 of 4", "4 of 4"]),
    "a word in an output": (".md", "two thirds  0", "two third  0", ["01_thirds.md:19"]),
    "a quoted number": (".md", "So 0.67", "So 0.69", ["01_thirds.md:28", "So 0.69", "01_thirds.py:21"]),
    "a number of the prose": (".md", "in 2024", "in 2025", ["01_thirds.md:28", "in 2025"]),
    "a word of the prose": (".md", "Two thirds are", "Two thirds were", ["01_thirds.md:5", "01_thirds.py:2"]),
    "code": (".md", "two = 2 / 3", "two = 2.0 / 3", ["01_thirds.md:13", "two = 2.0 / 3"]),
    "a word of a timed output": (".md", "took ", "spent ", ["spent"]),
    "the alternative text": (".md", "![A line]", "![A curve]", ["![A curve]"]),
    "an end that is missing": (".md", "\n![A line](figures/01_thirds-1.svg)\n", "", ["has   (the page ends)"]),
    "an end that is too much": (".md", "1.svg)\n", "1.svg)\n\nmore\n", ["wants (the page ends)"]),
    "the translation's prose": (".zh.md", "和", "与", ["01_thirds.zh.md:26: stale", "zh/01_thirds.txt:4)", "与", "和"]),
}


@pytest.mark.parametrize(("kind", "old", "new", "told"), STALE.values(), ids=STALE)
def test_a_page_that_is_not_what_its_source_gives_is_named_with_both_lines(built, kind, old, new, told):
    page, done = built
    replace(page.with_suffix(kind), old, new)
    message = check(page, done)
    assert message is not None and all(words in message for words in told), message


@pytest.mark.parametrize(
    ("old", "new"), [(LINE, "two thirds 0.66667"), (LINE, "two  thirds  0.667"), ("\ntook ", "\ntook 1")]
)
def test_numbers_within_the_tolerance_and_measured_times_are_not_stale(built, old, new):
    page, done = built
    replace(page.with_suffix(".md"), old, new)
    assert check(page, done) is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda file: file.unlink(), "01_thirds-1.svg is missing"),
        (lambda file: file.with_name("01_thirds-2.svg").write_text(""), "01_thirds-2.svg is no longer drawn"),
        (lambda file: replace(file, "A line\nx\ny\nslope", "A line\nz\ny\nslope"), "has   z\n  wants x"),
        (lambda file: replace(file, "A line\nx\ny\nslope", "A line\nx\ny"), "wants slope"),
    ],
)
def test_a_figure_that_is_missing_left_over_or_has_other_words_is_stale(built, change, told):
    page, done = built
    change(page.parent / "figures" / "01_thirds-1.svg")
    message = check(page, done)
    assert message is not None and told in message


def test_an_axis_label_that_changed_in_the_source_makes_the_figure_stale(built):
    page, _ = built
    name = page.parent / "figures" / "01_thirds-1.svg"
    replace(page, 'xlabel="x"', 'xlabel="ex"')
    replace(page.with_suffix(".md"), 'xlabel="x"', 'xlabel="ex"')
    replace(page.with_suffix(".zh.md"), 'xlabel="x"', 'xlabel="ex"')
    message = check(page, run(page))
    assert message is not None and name.name in message and "has   x\n  wants ex" in message


def test_the_command_checks_and_builds_and_goes_on_after_a_page_that_fails(tmp_path, capsys):
    bad = write(tmp_path, SOURCE.replace("two = 2 / 3", "two = 2 / 0"), None)
    good = write(tmp_path, "# %% [markdown]\n# # 2. Nothing\n", None, "02_nothing")
    assert main([str(bad), str(good)]) == 1
    out, err = capsys.readouterr()
    assert [line.split()[0] for line in out.splitlines()] == ["01_thirds", "02_nothing"]
    assert f"{bad}:7: the cell failed" in err and f'"{bad}", line 12' in err and "ZeroDivisionError" in err
    assert "execute.py" not in err  # the traceback begins on the page
    assert main(["--check", str(good)]) == 0
    replace(good, "Nothing", "Something")
    assert main(["--check", str(good)]) == 1
    assert "# 2. Nothing" in capsys.readouterr().err


# Packages

NEEDS = """\
# %% [markdown]
# # 2. Weights

# %%
from minattn.show.notebook import needs

print("before")
folder = needs("PACKAGE", "pip install gt-weights==1")
print("after")
"""


def test_a_page_whose_package_is_absent_is_said_not_to_be_checked_and_the_next_one_is(tmp_path, capsys):
    absent = write(tmp_path, NEEDS.replace("PACKAGE", "gt_weights"), None, "02_weights")
    built = "as it was"
    absent.with_suffix(".md").write_text(built, encoding="utf-8")
    good = write(tmp_path, "# %% [markdown]\n# # 3. Nothing\n", None, "03_nothing")
    assert main([str(good)]) == 0
    capsys.readouterr()
    assert main(["--check", str(absent), str(good)]) == 0
    out, err = capsys.readouterr()
    first, second = out.splitlines()
    assert first.split() == [
        *("02_weights", "not", "checked:", "gt_weights", "is", "not", "installed,", "and", "this", "page", "needs"),
        *("it:", "pip", "install", "gt-weights==1"),
    ]
    assert second.startswith("03_nothing") and not err
    assert main([str(absent), str(good)]) == 1  # what was asked for is not done
    assert "02_weights               not built: gt_weights is not installed" in capsys.readouterr().out
    assert absent.with_suffix(".md").read_text(encoding="utf-8") == built


def test_a_page_whose_package_is_absent_ends_as_a_script_with_one_sentence_and_no_error(tmp_path):
    page = write(tmp_path, NEEDS.replace("PACKAGE", "gt_weights"), None)
    ran = run_as_script(page, tmp_path)
    told = "gt_weights is not installed, and this page needs it: pip install gt-weights==1"
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"before\n{told}\n", "")


def test_a_page_whose_package_is_there_runs_on_and_the_package_is_not_imported(tmp_path, monkeypatch):
    (tmp_path / "gt_weights").mkdir()
    (tmp_path / "gt_weights" / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert needs("gt_weights", "pip install gt-weights==1") == tmp_path / "gt_weights"
    page = write(tmp_path, NEEDS.replace("PACKAGE", "gt_weights"), None)  # its own folder is on its path
    assert run(page)[1].output == ("before", "after")


# Sources


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("print(1)\n", ":1: a page must start with a cell"),
        ("# %%\nprint(1)\n", ":1: the first cell must be"),
        ("# %% [markdown]\n# # A\nprint(1)\n", ":3: a line of a"),
        ("# %% [markdown]\n# # A\n\n# %%\n\n", ":4: an empty cell"),
        ('# %% [markdown]\n# # A\n\n# %% tags=["slow"]\n1\n', ":4: tags must be a list of folded, rough, timed"),
        ("# %% [markdown]\n# # A\n\n# %% tags=[timed]\n1\n", ":4: tags must be a list of"),
        ("# %% [raw]\n# # A\n", ":1: expected"),
        ("# %% [markdown]\n# # A\n#\n# $$\n# a\n", "$$ in this cell is not closed"),
    ],
)
def test_a_source_that_is_not_of_the_form_is_refused_with_its_line(tmp_path, source, told):
    with pytest.raises(InputError, match=re.escape(f"01_thirds.py{told}" if told[0] == ":" else told)):
        cells_of(tmp_path, source)


@pytest.mark.parametrize("line", ["a$x$", "字$x$", "， $x$$y$", "：$x$", "$x$3", "$x", "a $$x$$", "$ x$", "$x $"])
def test_mathematics_that_github_would_show_as_text_is_refused(tmp_path, line):
    with pytest.raises(InputError, match=r"01_thirds\.py:4: a \$ of mathematics"):
        cells_of(tmp_path, f"# %% [markdown]\n# # A\n#\n# {line}\n")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("($x_{i}$), $a \\{ b \\$ $", None),
        ("($x_{i}$), $a\\, b$; $c$.", "($`x_{i}`$), $`a\\, b`$; $`c`$."),
        ("`$x` costs \\$5, `a $b$ c`", "`$x` costs \\$5, `a $b$ c`"),
        ("概率 $p$，和 $q$ 。", "概率 $`p`$，和 $`q`$ 。"),
        ("$p = {{1 + 1}}$", "$`p = {{1 + 1}}`$"),
    ],
)
def test_mathematics_becomes_githubs_safe_form_and_code_stays(tmp_path, line, shown):
    source = f"# %% [markdown]\n# # A\n#\n# {line}\n"
    if shown is None:
        with pytest.raises(InputError):
            cells_of(tmp_path, source)
    else:
        assert cells_of(tmp_path, source)[0].lines[2] == shown


def test_tags_say_how_exactly_numbers_must_come_back(tmp_path):
    source = '# %% [markdown] tags=["rough"]\n# # A\n\n# %% tags=["folded", "timed"]\n1\n\n# %%\n1\n'
    assert [cell.tolerance for cell in cells_of(tmp_path, source)] == [0.1, np.inf, 1e-3]


def test_a_translation_with_another_number_of_cells_is_refused_with_both_numbers(tmp_path):
    cells = read_cells(write(tmp_path, SOURCE, TRANSLATION + "<!-- cell -->\nmore\n"))
    with pytest.raises(InputError, match=r"01_thirds\.txt: 3 cells of prose, but its page has 2"):
        read_translation(tmp_path / "zh" / "01_thirds.txt", cells)


def test_a_translation_that_quotes_other_numbers_is_refused_with_both_lines(tmp_path):
    cells = read_cells(write(tmp_path, SOURCE, TRANSLATION.replace("two:.2f", "two:.3f")))
    with pytest.raises(InputError, match=r"01_thirds\.txt:4: this cell quotes .*two:\.3f.* at line 21 of"):
        read_translation(tmp_path / "zh" / "01_thirds.txt", cells)


# Cells that raise


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("two = 2 / 3", "two = 2 / 0", ["01_thirds.py:7:", "line 12", "ZeroDivisionError"]),
        ("import os\n", "\n\nimport us\n", ["01_thirds.py:9:", "line 9", "ModuleNotFoundError"]),
        ("two = 2 / 3", "two = (", ["01_thirds.py:7:", "SyntaxError"]),
        ("two = 2 / 3", "raise SystemExit(0)", ["01_thirds.py:7:", "SystemExit"]),
        ("two = 2 / 3", "import warnings; warnings.warn('hm')", ["01_thirds.py:7:", "UserWarning: hm"]),
        ("{{two:.2f}}", "{{tow:.2f}}", ["01_thirds.py:21:", "{{tow:.2f}}", "NameError"]),
        ("{{two:.2f}}", "{{'a' + chr(10) + 'b'}}", ["01_thirds.py:21:", "one line"]),
        ('xlabel="x", ', "", ["01_thirds.py:31:", "has no xlabel"]),
        ("print(f", "os._exit(3); print(f", ["ended abruptly"]),
    ],
)
def test_a_cell_that_raises_is_named_with_its_line_and_the_traceback(tmp_path, old, new, told):
    assert old in SOURCE
    page = write(tmp_path, SOURCE.replace(old, new), None)
    with pytest.raises(PageError) as raised:
        run(page)
    assert all(words in str(raised.value) for words in told), raised.value


# Tolerance


@pytest.mark.parametrize(
    ("one", "other", "tolerance", "same"),
    [
        ("loss 0.6931", "loss 0.6932", 1e-3, True),  # one unit of the last decimal
        ("loss 0.6931", "loss 0.6951", 1e-3, False),
        ("0.12", "0.13", 1e-3, True),  # 0.125 may be rounded either way
        ("0.12", "0.14", 1e-3, False),
        ("1234.5678", "1235.0", 1e-3, True),
        ("1.5e-05", "1.8e-05", 1e-3, False),
        ("1.5e-05", "-1.5e-05", 1e-3, False),
        ("3.1e-17", "-2.2e-16", 1e-3, True),  # both are rounding
        ("-0.00", "0.00", 1e-3, True),
        ("(2, 3)", "(2, 4)", 1e-3, False),
        ("7,363 tokens", "7,364 tokens", 1e-3, False),
        ("7,363 tokens", "7,400 tokens", 0.1, True),
        ("7,363 tokens", "8,400 tokens", 0.1, False),
        ("[ 0.5 -1.  ]", "[0.5 -1. ]", 1e-3, True),  # white space does not count
        ("12", "1 2", 1e-3, False),
        ("nan", "0.5", np.inf, False),
        ("3 s", "4 s", np.inf, True),
        ("0 s", "0.0 s", np.inf, True),
        ("3 s", "4 ms", np.inf, False),
        ("3 s", "3 s 4", np.inf, False),
        ("2.0", "2", 1e-3, True),
    ],
)
def test_two_lines_are_the_same_where_words_are_equal_and_numbers_near(one, other, tolerance, same):
    assert close(one, other, tolerance) is same
    assert close(other, one, tolerance) is same


# The pages of the repository


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_committed_page_has_the_prose_and_the_code_of_its_source(page):
    # Without running it: what its cells print and draw is compared by --check.
    cells = read_cells(page)
    languages = {".md": [cell for cell in cells if cell.is_prose]}
    translation = page.parent / "zh" / f"{page.stem}.txt"
    assert translation.exists() == page.with_suffix(".zh.md").exists()
    if translation.exists():
        languages[".zh.md"] = read_translation(translation, cells)
    for kind, prose in languages.items():
        text = page.with_suffix(kind).read_text(encoding="utf-8")
        assert re.findall(r"^```python\n(.*?)\n```$", text, re.DOTALL | re.MULTILINE) == [
            "\n".join(cell.lines) for cell in cells if not cell.is_prose
        ]
        for cell in prose:
            for line in cell.lines:
                pattern = ".*".join(map(re.escape, re.split(r"\{\{.+?\}\}", line)))
                assert re.search(f"^{pattern}$", text, re.MULTILINE), line
        drawn = re.findall(r"^!\[.*\]\((figures/.*)\)$", text, re.MULTILINE)
        assert drawn == [f"figures/{page.stem}-{n}.svg" for n in range(1, len(drawn) + 1)]
        assert {file.name for file in page.parent.glob(f"figures/{page.stem}-*.svg")} == {Path(f).name for f in drawn}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_code_and_outputs_of_a_page_fit_its_width(page):
    text = page.with_suffix(".md").read_text(encoding="utf-8")
    for block in re.findall(r"^```(?:python|text)\n(.*?)\n```$", text, re.DOTALL | re.MULTILINE):
        assert max(map(len, block.splitlines())) <= 98, block


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_the_map_leads_to_every_page_by_its_title_and_nowhere_else(name):
    text = (FOLDER / name).read_text(encoding="utf-8")
    links = {target: title for title, target in re.findall(r"\[([^]]+)\]\(([^)]+)\)", text)}
    assert all((FOLDER / target).exists() for target in links)
    for page in FOLDER.glob("[0-9][0-9]_*" + name.removeprefix("README")):
        if name == "README.zh.md" or not page.name.endswith(".zh.md"):
            first = page.read_text(encoding="utf-8").partition("\n")[0]
            assert links.get(page.name) == first.removeprefix("# "), page.name
