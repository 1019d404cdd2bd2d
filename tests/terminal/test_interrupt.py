"""A signal is noted or raised, another Ctrl-C ends it, and afterwards everything is as before."""

import gc
import signal
import sys
import threading
import time

import pytest

from minattn.terminal import SIGNALS, Interrupt, Stopped, stoppable


@pytest.fixture(autouse=True)
def handlers():
    """Signals as they are in a process of its own, whatever the tests were started from."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in set(SIGNALS) - {signal.SIGINT}:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_is_only_noted(number):
    with Interrupt() as interrupt:
        assert not interrupt.requested
        signal.raise_signal(number)
        assert interrupt.requested == number


@pytest.mark.parametrize("error", [None, RuntimeError("reentrant call"), BrokenPipeError])
def test_the_first_signal_is_acknowledged_at_once_if_that_can_be(error):
    seen = []

    def acknowledge():
        seen.append(interrupt.requested)
        if error:
            raise error

    with Interrupt(acknowledge) as interrupt:
        signal.raise_signal(signal.SIGINT)
        assert seen == [signal.SIGINT]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert seen == [signal.SIGINT]


@pytest.mark.parametrize("within", [Interrupt, stoppable])
@pytest.mark.parametrize("first", SIGNALS)
def test_ctrl_c_after_another_signal_interrupts_at_once(first, within):
    ended = []
    with pytest.raises(KeyboardInterrupt), within():
        try:
            signal.raise_signal(first)
        finally:
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                ended.append(first)
                raise
    assert ended == [first]


@pytest.mark.parametrize("first", SIGNALS)
@pytest.mark.parametrize("second", sorted({*SIGNALS} - {signal.SIGINT}))
def test_of_several_signals_that_a_supervisor_sends_the_first_counts(first, second):
    with Interrupt() as interrupt:
        signal.raise_signal(first)
        signal.raise_signal(second)
        assert interrupt.requested == first
    with pytest.raises(Stopped) as raised, stoppable():
        try:
            signal.raise_signal(first)
        finally:
            signal.raise_signal(second)  # while what was begun is cleaned up
    assert raised.value.number == first


@pytest.mark.parametrize(
    ("name", "said", "code"),
    [("SIGINT", "interrupted", 130), ("SIGTERM", "terminated", 143), ("SIGHUP", "terminated", 129)],
)
def test_a_signal_stops_what_can_be_stopped_with_the_code_that_a_shell_expects(name, said, code):
    if not hasattr(signal, name):
        pytest.skip("not on this system")
    before = sys.unraisablehook
    with pytest.raises(KeyboardInterrupt, match=said) as raised, stoppable():
        signal.raise_signal(getattr(signal, name))
        raise AssertionError("went on")
    assert raised.value.code == code
    assert sys.unraisablehook is before


def test_an_error_that_a_signal_has_brought_about_is_the_signal_and_another_one_is_itself():
    with pytest.raises(Stopped), stoppable():
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            raise ImportError("numpy._core.multiarray failed to import") from None
    with pytest.raises(ImportError, match="no module"), stoppable():
        raise ImportError("no module")


def test_a_signal_that_comes_where_no_exception_can_be_raised_comes_again(capsys):
    class Closing:
        def __del__(self):
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Stopped), stoppable():
        Closing()
        gc.collect()
        time.sleep(10)
        raise AssertionError("the signal was lost")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("error", [None, ValueError])
def test_afterwards_the_handlers_are_those_from_before(error):
    def mine(number, frame):
        pass

    signal.signal(signal.SIGTERM, mine)
    try:
        with Interrupt():
            assert signal.getsignal(signal.SIGTERM) is not mine
            if error:
                raise error
    except ValueError:
        pass
    assert signal.getsignal(signal.SIGTERM) is mine
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_signal_that_was_ignored_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Interrupt() as interrupt:
        signal.raise_signal(signal.SIGINT)
        assert not interrupt.requested
        signal.raise_signal(signal.SIGTERM)
        assert interrupt.requested
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_outside_the_main_thread_it_does_nothing():
    seen = []

    def work():
        with Interrupt() as interrupt:
            seen.append((interrupt.requested, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(False, signal.default_int_handler)]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the system cannot ask again")
@pytest.mark.parametrize("number", SIGNALS)
def test_where_python_may_hold_a_lock_it_is_raised_a_moment_later(number):
    reached = []
    in_a_lock = compile("signal.raise_signal(number); reached.append(1)", threading.__file__, "exec")
    with pytest.raises(Stopped) as stopped, stoppable():
        exec(in_a_lock, {"signal": signal, "number": number, "reached": reached})
        time.sleep(10)
    assert reached == [1] and stopped.value.number == number
