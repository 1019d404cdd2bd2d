"""Wrong ways to fill the gap, each with the sentence that answers it."""

import math


def starts_at_0(step, steps, peak, warmup):
    """The first step has the rate 0 and changes nothing; the rise starts at peak / warmup."""
    done = (step - warmup) / (steps - warmup)
    rate = peak * step / warmup if step < warmup else peak * (1 + math.cos(math.pi * done)) / 2
    return rate


def fall_from_step_0(step, steps, peak, warmup):
    """The fall is counted from step 0, so that the rate jumps at the end of the warm-up."""
    rise = peak * (step + 1) / warmup
    rate = rise if step < warmup else peak * (1 + math.cos(math.pi * step / steps)) / 2
    return rate


def straight_line(step, steps, peak, warmup):
    """The fall is a straight line; it should be half a cosine."""
    done = (step - warmup) / (steps - warmup)
    rate = peak * (step + 1) / warmup if step < warmup else peak * (1 - done)
    return rate


def whole_turn(step, steps, peak, warmup):
    """The cosine runs over a whole turn and rises again; it is half a turn, π."""
    done = (step - warmup) / (steps - warmup)
    rate = peak * (step + 1) / warmup if step < warmup else peak * (1 + math.cos(2 * math.pi * done)) / 2
    return rate


def no_warmup(step, steps, peak, warmup):
    """There is no warm-up: the rate starts at the peak."""
    done = max(step - warmup, 0) / (steps - warmup)
    rate = peak * (1 + math.cos(math.pi * done)) / 2
    return rate
