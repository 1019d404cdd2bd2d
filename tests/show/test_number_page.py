"""The page of numbers, in a browser: it computes what Python computed, explains it, and follows what is changed."""

import json
import re

import numpy as np
import pytest
from support.browser import AUDIT, OpenPage, browser

from minattn import show
from minattn.errors import InputError
from minattn.models import ReconstructionConfig, ReconstructionModel
from minattn.ops import Op, Sample, registry
from minattn.show.elementary import Elementaries
from minattn.show.example import small_model
from minattn.show.number_page import built
from minattn.show.page_data import as_data
from minattn.show.recording import record_op, record_step
from minattn.text import Batch


@pytest.fixture(scope="module")
def chromium():
    with browser() as found:
        yield found


@pytest.fixture
def tab(chromium):
    context = chromium.new_context()
    yield OpenPage(context.new_page())
    context.close()


@pytest.fixture(scope="module")
def large():
    """Two layers of the default width on eight tokens, one of them padding: model, batch, recording."""
    config = ReconstructionConfig(
        vocab_size=1000, width=128, layers=2, max_tokens=16, positions="relative", de_embedding="tied", norm_first=False
    )
    model = ReconstructionModel(config, generator=np.random.default_rng(0))
    ids = np.array([[2, 50, 60, 4, 70, 80, 3, 0]])
    targets = np.where(ids == 4, 55, -100)
    batch = Batch(ids, targets, ids != 0, targets >= 0, ids != 0)
    return model, batch, record_step(model, batch)


def saved(tmp_path, page):
    return page.save(tmp_path / "numbers.html")


def places(recording):
    return Elementaries(recording).place_of


def replayed(recording, changes):
    """Every value of a recording once more, with other numbers at some places {(step, flat index): number}."""
    values = []
    for k, (step, value) in enumerate(zip(recording.steps, recording.values, strict=True)):
        with np.errstate(all="ignore"):  # a changed number may lead to a root of a negative one
            new = np.array(value if step.name == "input" else step.run([values[i] for i in step.parents]))
        for (changed, i), number in changes.items():
            if changed == k:
                new.reshape(-1)[i] = number
        values.append(new)
    return values


# --- a whole step


def test_a_step_of_a_large_model_is_computed_again_explained_and_adds_up(tab, tmp_path, large):
    model, batch, recording = large
    page = show.page(model, batch)
    assert len(page.html.encode()) < 5e6
    tab.go(saved(tmp_path, page))
    assert tab.verified() == {"steps": tab.run("page.verified.steps"), "wrong": 0}
    assert tab.run("page.verified.steps") > 1000
    difference, *where = tab.run(AUDIT, 500)
    assert difference < 1e-12, where
    place_of = places(recording)
    for name, step in recording.outputs.items():
        if name.startswith(("loss", "gradient", "updated embedding.weight")):
            expected = recording.values[step].reshape(-1)
            scale = np.abs(expected).max()  # the gradient of a bias of keys is 0 but for rounding
            np.testing.assert_allclose(tab.numbers(place_of[step]), expected, 1e-9, 1e-12 * scale + 1e-16)
    assert tab.requests == [f"file://{tmp_path}/numbers.html"] and tab.errors == []


def test_twenty_edits_give_the_loss_and_the_gradients_that_python_gives(tab, tmp_path, large):
    model, batch, recording = large
    tab.go(saved(tmp_path, show.page(model, batch)))
    place_of, rng = places(recording), np.random.default_rng(1)
    wanted = [step for name, step in recording.outputs.items() if name.startswith(("loss", "gradient"))]
    before_update = max(wanted)
    sources = [step.source for step in Elementaries(recording).steps if step.value.size > 1 and step.function != "fill"]
    floats = [k for k in sources if k is not None and k < before_update and recording.values[k].dtype.kind == "f"]
    for k in rng.choice(floats, 20, replace=False):
        i = int(rng.integers(recording.values[k].size))
        number = float(rng.normal())
        expected = replayed(recording, {(int(k), i): number})
        tab.run("([k, i, x]) => { page.live.reset(); change(k, i, x); }", [place_of[int(k)], i, number])
        for step in rng.choice(wanted, 6, replace=False):
            right = expected[step].reshape(-1)
            got = tab.numbers(place_of[int(step)])
            np.testing.assert_allclose(got, right, 1e-6, 1e-9 * np.abs(right).max() + 1e-15)


def test_other_tokens_and_one_step_more_are_what_python_computes(tab, tmp_path):
    model, batch, pieces = small_model()
    tab.go(saved(tmp_path, show.page(model, batch, pieces=pieces, lr=0.05, weight_decay=0.1)))
    ids = batch.ids.copy()
    ids[0, [0, 1]] = ids[0, [1, 0]]
    other = record_step(model, Batch(ids, batch.targets, *vars_of(batch)), lr=0.05, weight_decay=0.1)
    tab.run("(ids) => ids.forEach((id, i) => change(page.recording.ids, i, id))", ids[0].tolist())
    loss = tab.run("page.live.value(page.recording.outputs.loss).data[0]")
    assert loss == pytest.approx(float(other.values[other.outputs["loss"]]), rel=1e-12)

    from minattn import textbook
    from minattn.optim import AdamW
    from minattn.training.step import train_step

    twin = small_model()[0].double().eval()
    optimizer = AdamW(twin.named_parameters(), lr=0.05, weight_decay=0.1)
    with textbook():
        for _ in range(3):
            train_step(twin, optimizer, batch.ids, batch.attention_mask, batch.targets, 1.0)
        expected = twin.loss(batch.ids, batch.attention_mask, batch.targets).item()
    tab.run("async () => { reset(); await takeSteps(3); }")
    assert tab.run("page.live.value(page.recording.outputs.loss).data[0]") == pytest.approx(expected, rel=1e-9)


def vars_of(batch):
    return batch.attention_mask, batch.blanked, batch.scored


def test_the_numbers_and_tokens_that_are_in_sight_follow_a_change(tab, tmp_path):
    tab.go(saved(tmp_path, show.example_page()))
    p = tab.run("page.recording.steps.findIndex(({ name }) => name === 'p')")
    tab.run("(k) => choose(k, 0)", p)
    tab.tab.wait_for_selector(f'[data-array="{p}"] .cell.chosen')
    stale = """() => [...document.querySelectorAll(".grid .cell")].filter((cell) => {
      const k = Number(cell.closest(".grid").dataset.step);
      return cell.textContent !== brief(page.live.value(k).data[cell.dataset.i]);
    }).length"""
    header = f'[data-array="{p}"] [role=columnheader]'
    before = tab.tab.inner_text(f'[data-array="{p}"] .grid')
    tab.run("change(page.base.inputsByName().get('embedding.weight'), 21, 0.3)")
    assert tab.run(stale) == 0 and tab.tab.inner_text(f'[data-array="{p}"] .grid') != before
    token = tab.run("page.recording.labels.V[5]")
    assert tab.tab.inner_text(header) != token
    tab.run("change(page.recording.ids, 0, 5)")
    assert tab.run(stale) == 0 and tab.tab.inner_text(header) == token


def test_edits_one_after_another_and_taken_back_are_what_all_at_once_give(tab, tmp_path):
    tab.go(saved(tmp_path, show.example_page()))
    differing = tab.run("""() => {
      const names = page.base.inputsByName();
      const edits = ["embedding.weight", "blocks.0.attention.query.weight", "de_embedding.bias", "ids", "targets"]
        .map((name) => [names.get(name), name === "ids" ? 0 : 2, name === "ids" || name === "targets" ? 5 : 0.3])
        .filter(([k]) => k !== undefined);
      const numbers = (replay) => page.recording.steps.map((_, k) => replay.value(k).data.join());
      const found = [];
      const compare = () => {
        const fresh = new Replay(page.recording, page.base);
        for (const [k, own] of page.live.changes) for (const [i, x] of own) fresh.set(k, i, x);
        const [one, other] = [numbers(page.live), numbers(fresh)];
        found.push(one.filter((text, k) => text !== other[k]).length);
      };
      for (const edit of edits) change(...edit), compare();
      for (const [k, i] of edits.slice(0, 3)) change(k, i, null), compare();
      reset(), compare();
      return found;
    }""")
    assert len(differing) > 6 and set(differing) == {0}


def test_the_loss_line_says_what_the_gradient_had_predicted(tab, tmp_path):
    tab.go(saved(tmp_path, show.example_page()))
    tab.run("change(page.base.inputsByName().get('embedding.weight'), 21, 0.3)")
    line = tab.tab.inner_text(".loss")
    before, after, moved, predicted = (float(x.replace("−", "-")) for x in re.findall(r"[-−+]?\d+\.\d+", line))
    assert moved == pytest.approx(after - before, abs=2e-6) and moved != 0
    slope = tab.run("page.base.value(page.recording.outputs['gradient embedding.weight']).data[21]")
    old = tab.run("page.base.value(page.base.inputsByName().get('embedding.weight')).data[21]")
    assert predicted == pytest.approx(slope * (0.3 - old), abs=2e-6)
    assert tab.run("document.querySelectorAll('.cell.changed').length") >= 0
    tab.run("reset()")
    assert "→" not in tab.tab.inner_text(".loss")


# --- ops


@pytest.fixture(scope="module")
def op_recordings():
    names = [name for name in registry if registry[name].op.__module__.startswith("minattn.")]
    recorded = {name: list(registry[name].samples(np.random.default_rng(0))) for name in names}
    return {name: [record_op(registry[name].op, sample) for sample in samples] for name, samples in recorded.items()}


COMPUTE = """(number) => {
  // a recording without the view of it: which of its arrays differ from what Python computed
  page.recording = page.recordings[number];
  page.base = page.live = new Replay(page.recording);
  return [...page.recording.steps.keys()].filter((k) => !page.base.agrees(k));
}"""


def test_every_registered_op_has_its_page_on_every_sample(tab, tmp_path, op_recordings):
    recordings = [recording for several in op_recordings.values() for recording in several]
    data = [as_data(recording) for recording in recordings]
    assert not [step for entry in data for step in entry["steps"] if step["f"] == "opaque"]
    tab.go(saved(tmp_path, built(data, "ops", (), "en")))
    for number, recording in enumerate(recordings):
        assert tab.run(COMPUTE, number) == [], recording.title
        place_of = places(recording)
        difference, *where = tab.run(AUDIT, 10**9)
        assert difference < 1e-12, (recording.title, where)
        for step in recording.outputs.values():
            expected = recording.values[step].reshape(-1)
            scale = np.abs(expected[np.isfinite(expected)]).max(initial=0)
            np.testing.assert_allclose(
                tab.numbers(place_of[step]), expected, 1e-12, 1e-12 * scale, err_msg=recording.title
            )
    assert tab.errors == []


class Swish(Op):
    """Weigh x by its sigmoid.

    x -> y, same shape

    forward    1  s = 1 / (1 + exp(-x))
               2  y = x s
    backward   2  dx = g s,  ds = g x
               1  dx += ds s (1 - s)
    """

    def forward(self, x):
        self.x = x
        # 1
        self.s = 1 / (1 + np.exp(-x))
        # 2
        return x * self.s

    def backward(self, g):
        # 2  y = x s
        ds = g * self.x
        # 1  s = 1 / (1 + exp(-x))
        return g * self.s + ds * self.s * (1 - self.s)


def test_an_op_that_somebody_makes_up_has_its_page_for_nothing(tab, tmp_path):
    recording = record_op(Swish, Sample("mine", (np.random.default_rng(0).normal(size=(2, 3)),)))
    data = as_data(recording)
    tab.go(saved(tmp_path, built([data], "Swish", (), "en")), "#s3.1")
    assert tab.verified()["wrong"] == 0
    named = {step.get("name") for step in data["steps"]}
    assert {"x", "s", "y", "g", "ds", "dx"} <= named
    s = next(k for k, step in enumerate(data["steps"]) if step.get("name") == "s")
    tab.run("([k, i]) => choose(k, i)", [s, 0])
    tab.tab.wait_for_selector(".cell.chosen")
    panel = tab.tab.inner_text("#panel")
    assert "1  s = 1 / (1 + exp(-x))" in panel and "test_number_page.py" in panel
    assert "its gradient" in panel  # s is tied to ds by its name


class Running(Op):
    """Add up along each row, square, and add up again, with a function of NumPy that the page does not know."""

    def forward(self, x):
        self.total = np.cumsum(x, axis=-1)
        self.square = self.total**2
        return np.cumsum(self.square, axis=-1)

    def backward(self, g):
        dsquare = np.cumsum(g[..., ::-1], axis=-1)[..., ::-1]
        return np.cumsum((2 * dsquare * self.total)[..., ::-1], axis=-1)[..., ::-1]


def test_a_change_that_stops_at_what_cannot_be_run_again_says_so_on_top(tab, tmp_path):
    data = as_data(record_op(Running, Sample("mine", (np.random.default_rng(0).normal(size=(2, 3)),))))
    tab.go(saved(tmp_path, built([data], "Running", (), "en")))
    named = {step["name"]: k for k, step in enumerate(data["steps"]) if "name" in step}
    x, total, square = (named[name] for name in ("x", "total", "square"))
    assert not tab.tab.is_visible("#state")
    before = tab.numbers(square).tolist()
    tab.run("(k) => change(k, 0, 5)", x)
    assert "The change stops at" in tab.tab.inner_text("#state") and "numpy.cumsum" in tab.tab.inner_text("#state")
    assert tab.numbers(square).tolist() == before and tab.run("page.live.stops()") == [total]
    tab.tab.click("#state a")
    tab.until(f"page.chosen?.k === {total}")
    tab.run("([k, total]) => { change(k, 0, null); change(total, 0, 7); }", [x, total])
    assert tab.numbers(square)[0] == 49
    assert tab.run("page.live.stops().map((k) => page.recording.steps[k].back ?? 0)") == [0, 1]  # on both ways
    tab.run("(total) => change(total, 0, null)", total)
    assert not tab.tab.is_visible("#state")
    assert tab.errors == []


# --- reading


def test_a_click_the_keys_and_the_way_back(tab, tmp_path):
    tab.go(saved(tmp_path, show.op_page("softmax")))
    tab.tab.wait_for_selector('[data-array="0"] .cell')
    tab.tab.click('[data-array="0"] .cell[data-i="1"]')
    assert tab.run("location.hash") == "#r0.s0.1"
    assert tab.tab.inner_text("#panel h2") == "x[0, 0, 1]"
    tab.tab.keyboard.press("ArrowDown")
    tab.until("page.chosen.i === 5")
    p = tab.run("page.recording.outputs.y")
    tab.run("([k, i]) => choose(k, i)", [p, 5])
    tab.until(f"page.chosen.k === {p}")
    tab.tab.keyboard.press("Enter")
    tab.until(f"page.chosen.k !== {p}")
    tab.tab.keyboard.press("Backspace")
    tab.until(f"page.chosen.k === {p} && page.chosen.i === 5")


def test_an_address_leads_to_its_number(tab, tmp_path):
    path = saved(tmp_path, show.example_page())
    tab.go(path)
    k = tab.run("page.recording.outputs['gradient embedding.weight']")
    tab.tab.goto("about:blank")
    tab.go(path, f"#s{k}.5")
    tab.tab.wait_for_selector(f'[data-array="{k}"] .cell.chosen[data-i="5"]')


def test_after_many_jumps_what_is_chosen_is_in_sight_and_only_what_is_near_it_has_cells(tab, tmp_path, large):
    model, batch, _ = large
    tab.go(saved(tmp_path, show.page(model, batch)))
    sizes = tab.run("page.recording.steps.map((step, k) => 'print' in step ? page.base.value(k).data.length : 0)")
    rng = np.random.default_rng(0)
    for k in rng.choice([k for k, size in enumerate(sizes) if size > 1], 12, replace=False):
        tab.run("([k, i]) => choose(k, i)", [int(k), int(rng.integers(sizes[k]))])
        tab.until(f"page.chosen?.k === {k}")
        tab.tab.wait_for_timeout(500)
        cell = tab.tab.locator(".cell.chosen")
        box = cell.bounding_box()
        assert 0 <= box["y"] <= tab.tab.viewport_size["height"] - box["height"]
        assert cell.evaluate("(cell) => cell === document.activeElement")
    grids, drawn = (tab.run(f"document.querySelectorAll('{name}').length") for name in (".grid", ".grid:has(.cell)"))
    assert grids > 100 and 1 <= drawn < 30
    assert tab.run("page.grids.get(page.chosen.k).element.contains(document.querySelector('.cell.chosen'))")


def test_the_tour_has_twelve_stops_in_both_languages(tab, tmp_path):
    tab.go(saved(tmp_path, show.example_page(language="zh")))
    assert tab.tab.inner_text("header button:has-text('导览')")
    tab.run("startTour()")
    texts = []
    for _ in range(12):
        texts.append(tab.tab.inner_text("#tour p"))
        assert tab.run("page.chosen !== null") and "{" not in texts[-1]
        tab.run("document.getElementById('next').click()")
        tab.tab.wait_for_timeout(20)
    assert texts[-1].startswith("12 / 12")
    tab.run("speak('en')")
    assert "AdamW takes the step" in tab.tab.inner_text("#tour")


def test_both_languages_say_the_same_things():
    words = json.loads((show.number_page._FOLDER / "words.json").read_text(encoding="utf-8"))
    assert words["en"].keys() == words["zh"].keys()
    for key, text in words["en"].items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", words["zh"][key])), key


def test_in_a_notebook_the_page_stands_in_a_frame(tab, tmp_path):
    frame = show.op_page("exp")._repr_html_()
    (tmp_path / "notebook.html").write_text(f"<!doctype html><p>above</p>{frame}", encoding="utf-8")
    tab.tab.goto(f"file://{tmp_path}/notebook.html")
    inside = tab.tab.frames[1]
    inside.wait_for_selector(".cell")
    assert "agreed" in inside.inner_text("#agreement") or inside.inner_text("h1") == "Exp, number by number"


def test_on_paper_every_array_is_drawn(tab, tmp_path):
    tab.go(saved(tmp_path, show.op_page("softmax")))
    tab.tab.emulate_media(media="print")
    tab.run("window.dispatchEvent(new Event('beforeprint'))")
    drawn, arrays = (tab.run(f"document.querySelectorAll('{name}').length") for name in (".grid:has(.cell)", ".array"))
    assert drawn == arrays > 5
    assert tab.tab.pdf()[:4] == b"%PDF"


# --- bad input

HOSTILE = ["</script><script>alert(1)</script>", "\"'`<b>&amp;", "\u202eright to left", "🙂", "a\x00b"]


def test_hostile_text_is_shown_as_text(tab, tmp_path):
    model, batch, pieces = small_model()
    named = [*pieces[:2], *HOSTILE, *pieces[7:]]
    tab.go(saved(tmp_path, show.page(model, batch, pieces=named, title=HOSTILE[0])))
    assert tab.verified()["wrong"] == 0 and tab.errors == []
    assert tab.tab.inner_text("h1") == HOSTILE[0] and tab.tab.title() == HOSTILE[0]
    assert tab.run("page.recording.labels.V.slice(2, 7)") == HOSTILE
    assert tab.run("document.querySelectorAll('script, b').length") == 2


def test_nothing_else_can_run_on_the_page_or_be_fetched_from_it(tab, tmp_path):
    html = show.op_page("exp").html
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)[1]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    path = tmp_path / "numbers.html"
    path.write_text(html.replace("</body>", "<script>page.taken = 1</script></body>"), encoding="utf-8")
    tab.go(path)
    assert tab.run("page.taken") is None and any("Content Security Policy" in error for error in tab.errors)


def test_a_model_that_is_too_large_is_refused_with_what_to_do():
    config = ReconstructionConfig(vocab_size=20_000, width=64, layers=1)
    model = ReconstructionModel(config, generator=np.random.default_rng(0))
    ids = np.array([[1, 2]])
    with pytest.raises(InputError, match=r"2,\d{3},\d{3} numbers, and a page holds 1,000,000; .*--layers.*--top 50"):
        show.page(model, Batch(ids, ids, ids > 0, ids > 0, ids > 0))
    with pytest.raises(InputError, match="expected the name of an op, got 'nothing'"):
        show.op_page("nothing")
    with pytest.raises(InputError, match="language must be one of en, zh"):
        show.op_page("exp", language="fr")
