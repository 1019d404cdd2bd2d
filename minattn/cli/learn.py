"""`minattn learn`: the course of exercises, and each of its commands."""

import argparse
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from ..errors import InputError
from ..learn.checking import check_in_folder
from ..learn.course import Exercise
from ..learn.feedback import FORMULA, told
from ..learn.learner_folder import (
    hand_out,
    make_folder_of_exercises,
    require_exercises,
    restore_template,
)
from ..learn.progress import VARIANT_FILE, Assignment, CourseProgress, recorded_key
from ..learn.runner import Runner
from ..learn.screen import Screen, clean
from ..learn.variants import as_key
from ..terminal import stoppable
from .learn_grade import ONLY, TELL, add_bundle, add_grade, chosen, counted, learn_bundle, learn_grade, limits_of
from .learn_run import learn_page, learn_run

EXAMPLES = """examples, of starting or going on, of one check, of a hint,
of grading:
  minattn learn init course && cd course && minattn learn
  minattn learn check softmax
  minattn learn check --all
  minattn learn hint
  minattn learn grade anna ben --csv grades.csv

minattn learn alone checks files when they are saved, and
needs a terminal. Exit code 0: right, or graded; 1: not
right yet; 2: nothing that can be checked."""


def add_learn(learn: argparse.ArgumentParser) -> None:
    """Give the parser of `minattn learn` its options and its commands."""
    folder = argparse.ArgumentParser(add_help=False)
    folder.add_argument("--dir", metavar="DIR", default=argparse.SUPPRESS, help="the folder of exercises (this one)")
    learn.add_argument("--dir", metavar="DIR", default=".", help="the folder of exercises (this one)")
    learn.set_defaults(run_part=learn_watch)
    parts = learn.add_subparsers(metavar="COMMAND", title="without the terminal")

    def part(
        run: Callable[[argparse.Namespace], int], text: str, takes_name: bool = False, in_folder: bool = True
    ) -> argparse.ArgumentParser:
        name = run.__name__.removeprefix("learn_")
        sub = parts.add_parser(name, help=text, description=text + ".", parents=[folder] if in_folder else [])
        sub.set_defaults(run_part=run, parser=sub)
        if takes_name:
            sub.add_argument("name", nargs="?", metavar="NAME", help="name, number or file (the first not passed)")
        return sub

    init = part(learn_init, "make a folder of exercises", in_folder=False)
    init.add_argument("folder", metavar="DIR")
    init.add_argument("--only", metavar="NAMES", help=ONLY)
    init.add_argument("--tell", type=int, choices=(1, 2, 3), help=f"{TELL} (3)")
    init.add_argument("--locked", action="store_true", help="show no solution before it is passed")
    check = part(learn_check, "check an exercise and say what is wrong", takes_name=True)
    check.add_argument("--all", action="store_true", help="all exercises, a line for each")
    check.add_argument("--borrow", action="store_true", help="take what it imports from us where yours is not solved")
    hint = part(learn_hint, "a hint; again, a clearer one", takes_name=True)
    reset = part(learn_reset, "put the template back; your file is kept", takes_name=True)
    reset.add_argument("--yes", action="store_true", help="do not ask")
    page = part(learn_page, "your numbers beside the right ones, on a page", takes_name=True)
    page.add_argument("--out", metavar="FILE", help="the file to write (beside that of the exercise)")
    page.add_argument("--open", action="store_true", help="open it where there is a screen, even without a terminal")
    page.add_argument("--borrow", action="store_true", help="take what it imports from us where yours is not solved")
    run = part(learn_run, "run a file by itself, with what it imports", takes_name=True)
    run.add_argument("--borrow", action="store_true", help="take what it imports from us where yours is not solved")
    part(learn_list, "all exercises, and how far you are")
    solution = part(learn_solution, "the solution of an exercise, and other ways", takes_name=True)
    solution.add_argument("--anyway", action="store_true", help="although it is not passed yet")
    graded = part(learn_grade, "for teachers: grade what a class has handed in", in_folder=False)
    add_grade(graded)
    add_bundle(part(learn_bundle, "for teachers: an autograder for other tools", in_folder=False))
    for sub in (init, check, hint, solution):
        sub.add_argument("--variant", metavar="KEY", help="the variants for a key (as init recorded, else none)")
    for sub in (check, graded):
        sub.add_argument("--seconds", type=float, default=5.0, metavar="S", help="time limit of an exercise (5)")


@stoppable()
def run_learn(options: argparse.Namespace) -> int:
    """Do what was asked. Returns the exit code: 0 right or done, 1 not right yet."""
    code: int = options.run_part(options)
    return code


def learn_init(options: argparse.Namespace) -> int:
    """Make a folder of exercises, or add what a newer version has."""
    folder, screen = options.folder, Screen()
    only = () if options.only is None else tuple(exercise.name for exercise in chosen(options.only))
    is_set = only or options.tell or options.locked
    assignment = Assignment(only, options.tell or FORMULA, options.locked) if is_set else None
    added, kept, later = make_folder_of_exercises(Path(folder), _key(options), assignment)
    if added and kept:
        stay = "file was there and stays as it is" if len(kept) == 1 else "files were there and stay as they are"
        screen.say(f"{folder}: {counted(len(added), 'exercise')} added, {len(kept)} {stay}", has_path=True)
    elif added:
        which = f", from {added[0]} to {added[-1]}" if added[1:] else f", {added[0]}"
        screen.say(f"{folder}: {counted(len(added), 'exercise')}{which}", has_path=True)
    else:
        screen.say(f"{folder}: all {len(kept)} exercises are there already; nothing was changed", has_path=True)
    if later:
        screen.say(f"{len(later)} more come when what they show is solved: {', '.join(later)}")
    if key := recorded_key(Path(folder)):
        screen.say(f"their formulas are those of the key {clean(key)}; {VARIANT_FILE} keeps it")
    here = "" if Path(folder).resolve() == Path.cwd() else f"cd {shlex.quote(folder)} && "
    screen.say(f"next: {here}minattn learn", has_path=True)
    return 0


def learn_watch(options: argparse.Namespace) -> int:
    """Watch the folder, with keys; needs a terminal."""
    place = Path(options.dir)
    require_exercises(place)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        current = CourseProgress.load(place).current()
        raise InputError(
            f"watching needs a terminal; without one: minattn learn check {current.name}, hint, list, solution"
        )
    from ..learn.watch import watch_folder
    from ..terminal import keyboard

    screen = Screen()
    with Runner(ahead=True) as runner, keyboard() as keys:
        watch_folder(place, runner, keys, screen)
    return 0


def learn_check(options: argparse.Namespace) -> int:
    """Check one exercise, the current one if none is named, or all."""
    name: str | None = options.name
    if name is not None and options.all:
        raise InputError("give the name of an exercise, or --all, not both")
    place, screen, limits = Path(options.dir), Screen(), limits_of(options.seconds)
    if name is not None and name.endswith(".py") and Path(name).is_file():
        place = Path(name).parent
    require_exercises(place)
    progress = CourseProgress.load(place, _key(options))
    with Runner(limits, ahead=options.all) as runner:
        if options.all:
            return _check_all(place, progress, runner, screen, options.borrow)
        exercise = progress.find(name)
        verdict = check_in_folder(place, exercise, runner, borrow=options.borrow)
    progress.record(exercise, verdict)
    step = progress.step(exercise)
    screen.verdict(exercise, told(exercise, verdict, step))
    screen.notes(progress)
    screen.write()
    if verdict.solved:
        screen.write(screen.bar(progress))
        if added := hand_out(place, progress):
            screen.say(f"new in this folder: {', '.join(added)}")
        following = progress.after(exercise)
        screen.say(f"next: {following.file}" if following else "All are right.")
    else:
        rises = verdict.result == "wrong" and step < progress.assignment.tell
        more = "more is told at your next try, or after" if rises else "stuck?"
        screen.say(f"{more} minattn learn hint {exercise.name}", "dim")
    return 0 if verdict.solved else 1


def _check_all(place: Path, progress: CourseProgress, runner: Runner, screen: Screen, borrow: bool) -> int:
    all_right = True
    for exercise in progress.exercises:
        verdict = check_in_folder(place, exercise, runner, borrow=borrow)
        progress.record(exercise, verdict, counts=False)
        hand_out(place, progress)
        screen.line(exercise, verdict)
        all_right = all_right and verdict.solved
    screen.notes(progress)
    screen.write()
    screen.write(screen.bar(progress))
    return 0 if all_right else 1


def learn_hint(options: argparse.Namespace) -> int:
    """Show the hints so far, and one more."""
    exercise, progress, screen = _open(options)
    count = progress.add_hint(exercise)
    progress.save()
    screen.heading(exercise)
    for number, text in enumerate(exercise.hints[:count], 1):
        screen.write()
        screen.labelled(f"hint {number} of {len(exercise.hints)}", text)
    screen.notes(progress)
    if count == len(exercise.hints) and not progress.is_passed(exercise) and not progress.assignment.locked:
        screen.write()
        screen.say(
            f"That was the last hint. minattn learn solution {exercise.name} --anyway shows the solution.", "dim"
        )
    return 0


def learn_reset(options: argparse.Namespace) -> int:
    """Put a template back, after asking; the learner's file is kept."""
    exercise, progress, screen = _open(options)
    if not options.yes:
        if not sys.stdin.isatty():
            raise InputError(f"reset asks first, and there is no one to ask; minattn learn reset {exercise.name} --yes")
        screen.say(f"Put the template of {exercise.name} back? Your file is kept in backups.")
        print("[y/N] ", end="", flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            screen.say("nothing was changed")
            return 1
    backup = restore_template(Path(options.dir), exercise)
    progress.reopen(exercise)
    progress.save()
    kept = f"; your file is kept as {backup}" if backup else ""
    screen.say(f"{exercise.file} is the template again{kept}", has_path=True)
    screen.notes(progress)
    return 0


def learn_list(options: argparse.Namespace) -> int:
    """Show all exercises, and how far one is."""
    require_exercises(Path(options.dir))
    progress, screen = CourseProgress.load(Path(options.dir)), Screen()
    screen.course(progress, screen.height and screen.height - 1)
    screen.notes(progress)
    return 0


def learn_solution(options: argparse.Namespace) -> int:
    """Show the solution and the alternatives, once the exercise is passed."""
    exercise, progress, screen = _open(options)
    is_passed = progress.of(exercise).first != "-"
    if progress.assignment.locked and not is_passed:
        raise InputError(f"{exercise.name} is not passed yet, and in this homework solutions are shown only then")
    if not is_passed and not options.anyway:
        raise InputError(f"{exercise.name} is not passed yet; --anyway shows its solution all the same")
    for title, gap in {"the solution": exercise.solution, **exercise.alternatives}.items():
        screen.say(f"# {title}", "bold")
        screen.write(gap + "\n")
    screen.say(exercise.note)
    return 0


def _open(options: argparse.Namespace) -> tuple[Exercise, CourseProgress, Screen]:
    """The exercise that is meant, how far the learner is, and where to show it."""
    require_exercises(Path(options.dir))
    progress = CourseProgress.load(Path(options.dir), _key(options))
    return progress.find(options.name), progress, Screen()


def _key(options: argparse.Namespace) -> str | None:
    """The key of --variant, where a command has that option and it is given."""
    key: str | None = getattr(options, "variant", None)
    return None if key is None else as_key(key)
