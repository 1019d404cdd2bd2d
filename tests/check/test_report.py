"""Reports: what is printed, what a program gets, and the step-size curve."""

import json

import numpy as np
import pytest

from minattn.check import Curve, Evidence, Finding, check_backward, check_model
from minattn.errors import InputError
from minattn.nn import LayerNorm
from minattn.terminal import columns

X = np.random.default_rng(0).normal(size=(3, 4))

RIGHT = check_backward(np.sin, lambda g, x: g * np.cos(x), X, name="sine")
WRONG = check_backward(np.sin, lambda g, x: -g * np.cos(x), X, name="sine")
UNPROVEN = check_backward(lambda x: 0 * x, lambda g, x: 0 * g, X, name="zero")


def test_a_report_starts_with_its_verdict():
    assert str(RIGHT).splitlines()[0] == "sine: right"
    assert str(WRONG).splitlines()[0] == "sine: WRONG, 1 finding"
    assert str(UNPROVEN).splitlines()[0] == "zero: NOT PROVEN, this check could not tell right from wrong"


def test_a_report_has_a_row_for_each_argument_with_error_tolerance_and_method():
    _, _, header, row = str(RIGHT).splitlines()
    assert header.split() == ["argument", "shape", "gradient", "error", "allowed", "checked"]
    assert row.startswith("  x         (3, 4)  right     ") and row.endswith(
        "12 entries × 2 points, complex step, rate 2.01"
    )
    assert "WRONG" in str(WRONG).splitlines()[3]


def test_a_finding_is_told_with_evidence_and_what_to_look_at():
    text = str(WRONG)
    index = ", ".join(map(str, WRONG.findings[0].evidence.index))
    assert "\nx: sign (exactly)\n   This is exactly the right gradient with the sign turned; in `" in text
    assert f"\n   worst entry [{index}]: got " in text and "; 100% of the entries are wrong" in text
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("width", [60, 80])
def test_a_report_fits_the_width_that_it_is_asked_for(width):
    def backward(g, 权重, an_argument_with_quite_a_long_name):
        return -g, 2 * g

    names = ("权重", "an_argument_with_quite_a_long_name")
    wrong = check_backward(np.add, backward, (X, X + 1), names=names, name="a/long/path/" * 9)
    for report in (RIGHT, WRONG, UNPROVEN, wrong):
        assert max(map(columns, report.text(width).splitlines())) <= width
    header = next(line for line in RIGHT.text(width).splitlines() if line.startswith("  "))
    assert header.split() == ["argument", "shape", "gradient", "error", "allowed", "checked"]
    assert "a/long/path/" * 9 in wrong.text(width, inside_words=False)


def test_an_interval_is_told_where_several_values_are_right():
    report = check_backward(np.abs, lambda g, x: g * np.where(x == 0, 2, np.sign(x)), [np.array([0.0, 1.0])])
    low, high = report.findings[0].evidence.expected
    assert low == pytest.approx(-high)
    assert f"right is anything from {low:.6g} to {high:.6g}" in str(report)


def test_numbers_that_are_right_beside_a_broken_contract_are_called_so():
    report = check_backward(np.add, lambda g, a, b: (g, g), (X, X + 1), names="ab")
    assert [row.ok for row in report.arguments] == [True, False] and "right, but" in str(report)


def test_a_note_is_told_at_the_end():
    assert str(UNPROVEN).splitlines()[-3].startswith("note: the true gradient of x is about zero everywhere")


def test_a_sentence_gets_its_capital_and_full_stop_but_a_name_stays_as_it_is():
    def told(text, sure="exactly"):
        return Finding("w", "wrong", text, Evidence(), sure).told

    assert told("the sum is missing") == "The sum is missing."
    assert told("dx is too large.") == "dx is too large."
    assert told("what comes out when it is") == "This is exactly what comes out when it is."
    assert told("the right gradient times 2", "consistent") == "This is probably the right gradient times 2."


@pytest.mark.parametrize("report", [RIGHT, WRONG, UNPROVEN], ids=lambda report: report.verdict)
def test_a_program_gets_everything_as_json(report):
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert data["ok"] is report.ok and data["notes"] == list(report.notes)
    assert [row["name"] for row in data["arguments"]] == ["x"] and data["arguments"][0]["ok"] is report.ok
    for given, finding in zip(data["findings"], report.findings, strict=True):
        assert (given["kind"], given["argument"], given["sure"]) == (finding.kind, finding.argument, finding.sure)
        assert given["evidence"]["index"] == list(finding.evidence.index)


def test_nan_is_null_for_programs():
    report = check_backward(np.sin, lambda g, x: g * np.nan, X)
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert data["findings"][0]["evidence"]["got"] is None and data["arguments"][0]["error"] is None


# --- the curve


def test_the_curve_of_a_right_gradient_is_a_v_with_a_floor():
    curve = RIGHT.curve()
    errors, lowest = np.array(curve.errors), int(np.argmin(curve.errors))
    assert curve.is_right and curve.floor < 1e-8
    assert 0 < lowest < len(errors) - 1
    assert errors[0] > 1e4 * curve.floor and errors[-1] > 1e2 * curve.floor
    falling = errors[: lowest - 2]
    np.testing.assert_allclose(falling[1:] / falling[:-1], 0.1, rtol=0.3)  # a step √10 smaller, an error 10 times


def test_the_curve_of_a_wrong_gradient_is_flat():
    curve = check_backward(np.sin, lambda g, x: 1.01 * g * np.cos(x), X).curve()
    errors = np.array(curve.errors)
    assert not curve.is_right and errors.min() > 1e-3
    np.testing.assert_allclose(errors[4:20], np.median(errors), rtol=0.1)


def test_the_curve_is_drawn_in_the_terminal():
    drawn = str(RIGHT.curve()).splitlines()
    assert sum(line.count("●") for line in drawn) == len(RIGHT.curve().steps)
    assert drawn[-1].startswith("x: a V with its floor at ") and drawn[-1].endswith("The gradient is right.")
    columns = {line.index("●") for line in drawn if "●" in line}
    assert len(columns) > 3
    flat = str(WRONG.curve()).splitlines()
    assert len([line for line in flat if "●" in line]) == 1 and "flat at" in flat[-1]
    assert max(map(len, drawn)) <= 80


def test_the_curve_is_drawn_into_a_file(tmp_path):
    RIGHT.curve().figure(tmp_path / "right.png")
    WRONG.curve().figure(str(tmp_path / "wrong.svg"))
    assert (tmp_path / "right.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "wrong.svg").read_text()


def test_the_curve_shows_the_argument_that_is_wrong_or_the_one_that_is_asked_for():
    a, b = X, X.T.copy()
    report = check_backward(np.matmul, lambda g, a, b: (g @ b.T, 2 * a.T @ g), (a, b), names="ab")
    assert report.curve().argument == "b" and not report.curve().is_right
    assert report.curve("a").is_right and report.curve("a").floor < 1e-8
    with pytest.raises(InputError, match=r"there is no curve for c; there is one for \['a', 'b'\]"):
        report.curve("c")


def test_entries_at_a_kink_do_not_spoil_the_curve():
    x = np.array([0.0, 1.0, -1.0, 0.0, 2.0])
    curve = check_backward(lambda x: np.maximum(x, 0) ** 1.0, lambda g, x: g * (x > 0), x).curve()
    assert curve.is_right and curve.floor < 1e-8


def test_where_there_is_nothing_to_draw_the_curve_says_so():
    for report in (UNPROVEN, check_backward(np.sin, lambda g, x: None, X)):
        with pytest.raises(InputError, match="there is no curve for"):
            report.curve()


def test_a_model_has_a_curve_for_each_parameter():
    report = check_model(LayerNorm(4), X)
    for name in ("weight", "bias"):
        curve = report.curve(name)
        assert isinstance(curve, Curve) and curve.argument == name and curve.is_right and curve.floor < 1e-6


def test_the_figure_of_a_wrong_gradient_is_flat_to_the_eye(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure.axes[0]))
    x = np.random.default_rng(3).normal(size=(2, 3))
    for wrong in (1.0, 1.5):
        check_backward(np.tanh, lambda g, x, c=wrong: c * g * (1 - np.tanh(x) ** 2), [x]).curve().figure(
            tmp_path / "a.png"
        )
    for axis in drawn:
        low, high = axis.get_ylim()
        assert low <= 1e-12 and high >= 1


def test_one_entry_is_spoken_of_as_one():
    x = np.array([[-1.0, 2.0, 0.5], [1.5, 0.3, 0.7]])
    report = check_backward(lambda x: np.maximum(x, 0), lambda g, x: g, x)
    assert report.findings[0].sentence.startswith("an entry of x has no effect on the output and gets a gradient")
    report = check_backward(lambda x: np.maximum(x, 0), lambda g, x: g, -x)
    assert report.findings[0].sentence.startswith("5 entries of x have no effect on the output and get a gradient")


def test_a_notebook_shows_the_verdict_in_colour_and_escapes_what_is_in_the_report():
    wrong = check_backward(lambda x: x**3, lambda g, x: g * x, [np.array([1.0, 2.0])])
    shown = wrong._repr_html_()
    assert "#cf222e" in shown and "WRONG" in shown and "<pre>" in shown
    assert "&lt;lambda&gt;" not in repr(wrong) and repr(wrong) == str(wrong)
    assert "#1a7f37" in check_backward(lambda x: x**2, lambda g, x: 2 * g * x, [np.array([1.0, 2.0])])._repr_html_()
