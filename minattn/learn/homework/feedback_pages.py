"""A page for each student: what is right, what is not, and what to look at; nothing of others, and no answer."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from ...runs import make_folder, write_atomically
from ..feedback import MISTAKE
from ..grade import Graded
from ..points import Points
from ..screen import LABELS, state_of
from .formats import file_name, of_each, said_of, sums_of
from .roster import Roster

STYLE = """
body { font: 17px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem;
       color: #1c2024; background: #fff }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin: 1.8rem 0 .3rem }
.points { float: right; font-weight: normal; color: #555c63 }
.passed { color: #14703c } .measured { color: #8a5a00 } .other { color: #a3231f }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f4f5f6; padding: .7rem .9rem; border-radius: 6px;
      font: 15px/1.5 ui-monospace, monospace; margin: .4rem 0 }
img { max-width: 100% } table { border-collapse: collapse } th, td { text-align: left; padding: .2rem .9rem .2rem 0;
      border-bottom: 1px solid #d9dcdf; vertical-align: top }
@media (prefers-color-scheme: dark) { body { color: #e6e8ea; background: #16181a } pre { background: #23272b }
  .points { color: #a4abb2 } .passed { color: #5fc98b } .measured { color: #e0b055 } .other { color: #f0908b }
  th, td { border-color: #3a4046 } img { background: #fff; border-radius: 6px } }
"""
"""Of this page and of the report: readable in light and in dark."""


def html_page(title: str, body: str) -> str:
    """A page that needs nothing else, and loads and runs nothing."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{escape(title)}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def write_feedback(
    folder: Path,
    rows: Sequence[Graded],
    points: Points,
    roster: Roster,
    title: str = "Homework",
    tell: int = MISTAKE,
) -> int:
    """Write a page for each student, and return how many there are.

    tell: how much of a diagnosis a student sees; see `feedback.py`

    Raises:
        RunError: the disk refuses
    """
    make_folder(folder)
    students = of_each(rows)
    for name, own in students.items():
        earned, most = sums_of(own, points)
        body = [f"<h1>{escape(title)} <span class=points>{earned} of {most} points</span></h1>"]
        body.append(f"<p>{escape(roster.of(name).name)}</p>")
        for row in own:
            state, exercise = state_of(row.verdict), row.exercise
            worth = f"{points.earned(exercise, row.verdict):.4g} of {points.of(exercise):.4g}"
            look = state if state in ("passed", "measured") else "other"
            body.append(f"<h2>{exercise.number:02} {exercise.name} <span class=points>{worth}</span></h2>")
            body.append(f"<p>{escape(exercise.title)}: <b class={look}>{LABELS[state]}</b></p>")
            if said := said_of(row, tell):
                body.append(f"<pre>{escape(said)}</pre>")
        write_atomically(folder / f"{file_name(name)}.html", html_page(f"{title}: {name}", "\n".join(body)))
    return len(students)
