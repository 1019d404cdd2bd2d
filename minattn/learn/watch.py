"""The terminal loop: it looks at the files, checks what was saved, and listens to a few keys."""

import shutil
import subprocess
import sys
from pathlib import Path

from ..terminal import Keys
from .checking import check_in_folder
from .course import Exercise, course
from .feedback import told
from .learner_folder import find_file, hand_out, restore_template
from .progress import CourseProgress
from .runner import Runner
from .screen import Screen
from .verdict import Verdict

LOOK_SECONDS = 0.1
"""Seconds between two looks at the files."""

FOOT = 4
"""The lines below a verdict, with the one that the cursor is in."""

PAGE_SECONDS = 60
"""The most seconds that a page of numbers may take."""

Stamp = tuple[int, int, int]


class Watch:
    """Watches a folder of a learner's files; `run()` returns when the learner quits."""

    def __init__(self, folder: Path, runner: Runner, keys: Keys, screen: Screen) -> None:
        self.folder, self.runner, self.keys, self.screen = folder, runner, keys, screen
        self.progress = CourseProgress.load(folder)
        self.exercise = self.progress.current()
        self.stamps = self.look()

    def run(self) -> None:
        """Check the current exercise, then whatever is saved."""
        actions = {"h": self.hint, "r": self.reset, "l": self.list, "n": self.next, "p": self.page}
        self.check(self.exercise, counts=False)
        while True:
            try:
                key = self.keys.get(LOOK_SECONDS)
            except EOFError:
                return
            if key == "q":
                return
            if key in actions:
                actions[key]()
            elif key in ("\n", "\r", " ", "c"):
                self.check(self.exercise)
            elif (saved := self.saved()) is not None:
                self.check(saved)

    def look(self) -> dict[str, Stamp]:
        """Note when each exercise's file was last changed."""
        stamps = {}
        for exercise in course():
            path = find_file(self.folder, exercise)
            try:
                status = path.stat() if path else None
            except OSError:  # an editor is just putting a new one in its place
                continue
            if status is not None and status.st_size:
                stamps[exercise.name] = (status.st_mtime_ns, status.st_size, status.st_ino)
        return stamps

    def saved(self) -> Exercise | None:
        """Find an exercise whose file has changed since the last look."""
        before, self.stamps = self.stamps, self.stamps | self.look()
        changed = (one for one in self.progress.exercises if self.stamps.get(one.name) != before.get(one.name))
        return next(changed, None)

    def check(self, exercise: Exercise, counts: bool = True) -> None:
        """Check an exercise, which is the current one from now on, and show the verdict."""
        self.exercise = exercise
        self.screen.say("checking …", "dim")
        verdict = check_in_folder(self.folder, exercise, self.runner, borrow=False)
        self.progress.record(exercise, verdict, counts)
        hand_out(self.folder, self.progress)
        self.head()
        with self.screen.cut_off(FOOT, f"all of it: minattn learn check {exercise.name}"):
            self.screen.verdict(exercise, told(exercise, verdict, self.progress.step(exercise)))
        self.foot(verdict)

    def head(self) -> None:
        """Start an empty screen with the progress bar and the exercise."""
        self.screen.clear()
        self.screen.write(f"minattn learn   {self.screen.bar(self.progress)}")
        self.screen.write()
        path = find_file(self.folder, self.exercise)
        self.screen.say(self.exercise.title, "bold")
        self.screen.say(str(path or self.folder / self.exercise.file), "dim")
        self.screen.write()

    def foot(self, verdict: Verdict | None = None) -> None:
        """Say what one can do now."""
        self.screen.notes(self.progress)
        self.screen.write()
        if verdict is not None and verdict.solved:
            rest = len(self.progress.exercises) - self.progress.passed
            self.screen.say("n takes you to the next one" if rest else "That was the last one. All are right.", "bold")
        else:
            self.screen.say("edit the file and save it: it is checked at once", "bold")
        self.screen.say("h hint · p page · r reset · l list · n next · q quit", "dim")

    def hint(self) -> None:
        """Show the hints so far, and one more."""
        count = self.progress.add_hint(self.exercise)
        self.progress.save()
        self.head()
        with self.screen.cut_off(FOOT, f"all of it: minattn learn hint {self.exercise.name}"):
            for number, text in enumerate(self.exercise.hints[:count], 1):
                if number > 1:
                    self.screen.write()
                self.screen.labelled(f"hint {number} of {len(self.exercise.hints)}", text)
        self.foot()

    def list(self) -> None:
        """Show all exercises."""
        self.screen.clear()
        self.screen.course(self.progress, shutil.get_terminal_size((80, 24)).lines - 6)
        self.foot()

    def next(self) -> None:
        """Go to the next exercise that is not passed, after this one if there is any."""
        self.check(self.progress.after(self.exercise) or self.exercise, counts=False)

    def page(self) -> None:
        """Open the page of what was just checked: the learner's numbers beside the right ones."""
        command = [sys.executable, "-m", "minattn", "learn", "page", self.exercise.name, "--open"]
        command += ["--dir", str(self.folder)]
        self.head()
        self.screen.say("making the page …", "dim")
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PAGE_SECONDS
            )
            said = done.stdout if done.returncode == 0 else done.stderr.removeprefix("minattn: ")
        except subprocess.TimeoutExpired:
            said = f"the page was not done after {PAGE_SECONDS} s; is there a loop without end?"
        self.head()
        self.screen.say(said.strip(), has_path=True)
        self.foot()

    def reset(self) -> None:
        """Put the template back, if the learner means it."""
        self.head()
        self.screen.say("Put the template back? Your file is kept in the folder backups.   y yes · any other key no")
        key = None
        while key is None:
            key = self.keys.get(60.0)
        if key == "y":
            backup = restore_template(self.folder, self.exercise)
            self.progress.reopen(self.exercise)
            self.progress.save()
            self.stamps |= self.look()
            self.progress.notes.append(f"your file is kept as {backup}" if backup else "the template is back")
        self.check(self.exercise, counts=False)


def watch_folder(folder: Path, runner: Runner, keys: Keys, screen: Screen) -> None:
    """Watch a folder until the learner quits."""
    Watch(folder, runner, keys, screen).run()
    screen.write()
    screen.say("Until next time: minattn learn goes on where you are.")
