"""PyTorch's own samples of every op whose name we have: none differs, none crashes, what is refused has its reason."""

import re
from collections import Counter
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

from support.complete_op import SAMPLED  # noqa: E402
from torch_samples import OPERATORS, counterpart, outcomes, sampled  # noqa: E402

DOCUMENT = Path(__file__).parents[2] / "docs" / "PYTORCH.md"
RANDOM = {"nn.functional.dropout"}  # half of its samples draw random numbers


def documented(title):
    """The first column of the table below a title, without its marks: what a message contains."""
    text = DOCUMENT.read_text(encoding="utf-8").partition(f"## {title}\n")[2].partition("\n## ")[0]
    return [row.split("|")[1].strip().strip("`") for row in text.splitlines() if row.startswith("| `")]


REFUSED, ANSWERED = documented("What is refused"), documented("What is answered, where PyTorch refuses")


@pytest.mark.parametrize("info", sampled(), ids=lambda info: f"{info.name} {info.variant_test_name}".strip())
def test_a_sample_agrees_or_is_refused_for_a_documented_reason(info):
    found = list(outcomes(torch, info))
    wrong = [o for o in found if o.kind in ("differs", "crashes")]
    wrong += [o for o in found if o.kind == "refused" and not any(reason in o.said for reason in REFUSED)]
    wrong += [o for o in found if o.kind == "answers" and not any(reason in o.said for reason in ANSWERED)]
    assert not wrong
    counts = Counter(o.kind for o in found)
    assert counts["agrees"] + counts["named"] > counts["refused"] or re.search(
        "rounding|chunked", info.variant_test_name
    )


def test_the_list_of_what_is_compared_is_what_is_compared():
    names = {info.name.removeprefix("nn.functional.") for info in sampled()} - OPERATORS.keys()
    assert names == SAMPLED


def test_a_reason_is_only_listed_if_something_is_refused_for_it():
    assert REFUSED and ANSWERED and counterpart("softmax") is not None and counterpart("svd") is None
