"""The options of `minattn learn`, and what each of its commands calls."""

import argparse

EXAMPLES = """examples:
  minattn learn init course && cd course && minattn learn   start, or go on: files are checked when they are saved
  minattn learn check softmax                               check one exercise, without the terminal of above
  minattn learn check --all                                 check all, a line each
  minattn learn hint                                        a hint for the current exercise, then a clearer one
  minattn learn grade anna ben --csv grades.csv             for teachers: grade folders of submissions

Exit code 0: right, or graded; 1: not right yet; 2: nothing that can be checked."""


def add_learn(learn: argparse.ArgumentParser) -> None:
    """Give the parser of `minattn learn` its options and its commands."""
    folder = argparse.ArgumentParser(add_help=False)
    folder.add_argument("--dir", metavar="DIR", default=argparse.SUPPRESS, help="the folder of exercises (this one)")
    learn.add_argument("--dir", metavar="DIR", default=".", help="the folder of exercises (this one)")
    learn.set_defaults(part="watch")
    parts = learn.add_subparsers(metavar="COMMAND", title="without the terminal")

    def part(name: str, text: str, takes_name: bool = False, in_folder: bool = True) -> argparse.ArgumentParser:
        sub = parts.add_parser(name, help=text, description=text + ".", parents=[folder] if in_folder else [])
        sub.set_defaults(part=name)
        if takes_name:
            sub.add_argument("name", nargs="?", metavar="NAME", help="name, number or file (the first not passed)")
        return sub

    part("init", "make a folder of exercises", in_folder=False).add_argument("folder", metavar="DIR")
    check = part("check", "check an exercise and say what is wrong", takes_name=True)
    check.add_argument("--all", action="store_true", help="all exercises, a line each")
    part("hint", "a hint; again, a clearer one", takes_name=True)
    reset = part("reset", "put the template back; your file is kept", takes_name=True)
    reset.add_argument("--yes", action="store_true", help="do not ask")
    part("list", "all exercises, and how far you are")
    solution = part("solution", "the solution of an exercise, and other ways", takes_name=True)
    solution.add_argument("--anyway", action="store_true", help="although it is not passed yet")
    grade = part("grade", "for teachers: grade folders of submissions", in_folder=False)
    grade.add_argument("folders", nargs="+", metavar="DIR", help="a folder of exercises, one a learner")
    grade.add_argument("--csv", required=True, metavar="FILE", help="where the table goes")
    grade.add_argument("--seed", type=int, metavar="N", help="of the inputs they are tried on (a random one)")
    only = "names, numbers or files of the exercises that count, with commas: softmax,attention (all)"
    grade.add_argument("--only", metavar="NAMES", help=only)
    for sub in (check, grade):
        sub.add_argument("--seconds", type=float, default=5.0, metavar="S", help="time limit of an exercise (5)")


def run_learn(options: argparse.Namespace) -> int:
    """Do what was asked; returns the exit code."""
    from . import learn as command

    if options.part == "init":
        return command.learn_init(options.folder)
    if options.part == "grade":
        return command.learn_grade(options.folders, options.csv, options.seed, options.seconds, options.only)
    if options.part == "check":
        return command.learn_check(options.dir, options.name, options.all, options.seconds)
    if options.part == "hint":
        return command.learn_hint(options.dir, options.name)
    if options.part == "reset":
        return command.learn_reset(options.dir, options.name, options.yes)
    if options.part == "list":
        return command.learn_list(options.dir)
    if options.part == "solution":
        return command.learn_solution(options.dir, options.name, options.anyway)
    return command.learn_watch(options.dir)
