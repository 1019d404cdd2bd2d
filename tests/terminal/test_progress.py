"""The line that says how far a training is."""

import io

import pytest
from support.small_run import Terminal

from minattn.terminal import Count, Progress, clock


class Clock:
    """Time that passes only when it is told to."""

    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def time():
    return Clock()


def row(step, **more):
    return {"step": step, "loss": 2.5, "tokens_per_second": 12345} | more


def shown(stream, time, steps, last, seconds=0.0):
    """What a training shows up to a step, of which each takes so many seconds."""
    progress = Progress(steps, stream=stream, now=time)
    for step in range(1, last + 1):
        time.now += seconds
        progress.show(row(step))
    return stream.getvalue()


def test_a_file_gets_plain_lines_about_twenty_in_all_and_the_last_step_too(time):
    text = shown(io.StringIO(), time, 1000, 1000)
    assert "\r" not in text and "\x1b" not in text
    assert [line.split()[1] for line in text.splitlines()] == [f"{50 * i:,}/1,000" for i in range(1, 21)]
    lines = shown(io.StringIO(), time, 47, 47).splitlines()
    assert [line.split()[1] for line in lines][-2:] == ["46/47", "47/47"]


def test_a_terminal_gets_one_line_that_rewrites_itself_and_ends_with_the_last_step(time):
    text = shown(Terminal(), time, 3, 3, seconds=1)
    first, *lines = text.split("\r\x1b[K")
    assert first == "" and [line.split()[1] for line in lines] == ["1/3", "2/3", "3/3"]
    assert text.count("\n") == 1 and text.endswith("\n")


def test_a_terminal_is_written_to_at_most_ten_times_a_second(time):
    text = shown(Terminal(), time, 1000, 500, seconds=0.01)
    assert text.count("\r") <= 50 and "step 1/1,000" in text


def test_the_line_tells_step_loss_speed_and_time_left(time):
    stream = io.StringIO()
    progress = Progress(40, first=20, stream=stream, now=time)
    time.now += 30
    progress.show(row(30))  # ten steps in 30 seconds, and ten to go
    assert stream.getvalue() == "step 30/40  loss 2.500  12,345 tokens/s  0:30 left\n"


def test_the_last_score_on_held_out_text_stays_in_the_line(time):
    stream = io.StringIO()
    progress = Progress(2, stream=stream, now=time)
    progress.show(row(1, copied=0.987, blanks_filled=None))
    progress.show(row(2))
    assert all(line.endswith("  held-out: copied 98.7%, blanks -") for line in stream.getvalue().splitlines())


@pytest.mark.parametrize("width", [40, 50, 60, 70, 80, 100])
def test_a_line_on_a_terminal_is_narrower_than_it_and_keeps_what_matters_most(time, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    stream = Terminal()
    progress = Progress(35_000, stream=stream, now=time)
    time.now += 1
    progress.show(row(3_500, tokens_per_second=123_456, copied=0.987, blanks_filled=0.123))
    line = stream.getvalue().removeprefix("\r\x1b[K")
    assert "\n" not in line and len(line) < width
    assert line.startswith("step 3,500/35,000  loss 2.500")
    for part, least in (("copied 98.7%", 60), ("left", 70), ("held-out", 80), ("tokens/s", 100)):
        assert (part in line) == (width >= least), part


def test_a_training_that_is_stopped_takes_its_line_from_a_terminal(time):
    for stream, cleared in ((Terminal(), "\r\x1b[K"), (io.StringIO(), "")):
        Progress(3, stream=stream, now=time).end()
        assert stream.getvalue() == cleared


def test_a_note_stands_in_the_place_of_the_line_and_fits_the_terminal(time, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    for stream, expected in (
        (Terminal(), "\r\x1b[Kstopping after thi…"),
        (io.StringIO(), "stopping after this step\n"),
    ):
        Progress(3, stream=stream, now=time).note("stopping after this step")
        assert stream.getvalue() == expected


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (59.9, "0:59"), (60, "1:00"), (3601, "60:01")])
def test_a_clock_shows_minutes_and_seconds(seconds, shown):
    assert clock(seconds) == shown


def test_without_a_stream_standard_output_is_used(capsys):
    Progress(1).show(row(1))
    assert capsys.readouterr().out.startswith("step 1/1")


# --- Count


def count_to(total, stream, time, seconds_each):
    with Count(total, "texts", stream, now=time) as count:
        for done in range(1, total + 1):
            time.now += seconds_each
            count.show(done)
    return stream.getvalue()


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_a_count_shows_nothing_of_work_of_less_than_two_seconds(time, stream):
    assert count_to(3, stream, time, 0.6).strip("\r\x1b[K") == ""


def test_a_count_gives_a_file_a_line_in_twenty_with_the_time_left(time):
    lines = count_to(100, io.StringIO(), time, 3).splitlines()
    assert len(lines) == 20 and lines[0] == "5/100 texts  4:45 left" and lines[-1] == "100/100 texts  0:00 left"


def test_a_count_rewrites_its_line_on_a_terminal_and_takes_it_away(time):
    assert count_to(2, Terminal(), time, 3) == "\r\x1b[K1/2 texts  0:03 left\r\x1b[K2/2 texts  0:00 left\r\x1b[K"


def test_an_example_in_words_gets_a_line_that_stays(time, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    stream = Terminal()
    progress = Progress(10, stream=stream, now=time)
    progress.show(row(5, example="the old [MASK] slept by the fire in the kitchen.  ->  man, dog, woman"))
    lines = stream.getvalue().replace("\r\x1b[K", "").split("\n")
    assert lines[0] == "step 5  the old [MASK] slept by the fi…" and lines[1].startswith("step 5/10")
    stream = io.StringIO()
    Progress(10, stream=stream, now=time).show(row(5, example="a [MASK]  ->  b"))
    assert stream.getvalue() == "step 5  a [MASK]  ->  b\n" + stream.getvalue().split("\n", 1)[1]
