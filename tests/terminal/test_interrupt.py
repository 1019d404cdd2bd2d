"""The first Ctrl-C is noted, the second one interrupts, and afterwards everything is as before."""

import signal
import threading

import pytest

from minattn.terminal import Interrupt

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def handlers():
    """Signals as they are in a process of its own, whatever the tests were started from."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_is_only_noted(number):
    with Interrupt() as interrupt:
        assert not interrupt.requested
        signal.raise_signal(number)
        assert interrupt.requested


@pytest.mark.parametrize("error", [None, RuntimeError("reentrant call"), BrokenPipeError])
def test_the_first_signal_is_acknowledged_at_once_if_that_can_be(error):
    seen = []

    def acknowledge():
        seen.append(interrupt.requested)
        if error:
            raise error

    with Interrupt(acknowledge) as interrupt:
        signal.raise_signal(signal.SIGINT)
        assert seen == [True]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert seen == [True]


@pytest.mark.parametrize("first", SIGNALS)
@pytest.mark.parametrize("second", SIGNALS)
def test_the_second_signal_interrupts_at_once(first, second):
    with pytest.raises(KeyboardInterrupt), Interrupt():
        signal.raise_signal(first)
        signal.raise_signal(second)
        raise AssertionError("went on")


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
