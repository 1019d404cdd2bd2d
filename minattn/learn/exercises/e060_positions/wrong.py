"""Wrong ways to fill the gap, each with the sentence that answers it."""

import numpy as np


def sines_then_cosines(tokens, width):
    """All sines come first and all cosines after them; they alternate: sin, cos, sin, cos."""
    angles = np.arange(tokens)[:, None] / 10000 ** (np.arange(0, width, 2) / width)
    table = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    return table


def sine_and_cosine_swapped(tokens, width):
    """Sine and cosine have changed places: the even columns are the sines."""
    angles = np.arange(tokens)[:, None] / 10000 ** (np.arange(0, width, 2) / width)
    table = np.empty((tokens, width))
    table[:, 0::2], table[:, 1::2] = np.cos(angles), np.sin(angles)
    return table


def angle_for_each_column(tokens, width):
    """Every column has an angle of its own, 10000^(column / D); the two columns of a pair share one."""
    angles = np.arange(tokens)[:, None] / 10000 ** (np.arange(width) / width)
    table = np.where(np.arange(width) % 2 == 0, np.sin(angles), np.cos(angles))
    return table


def half_the_exponent(tokens, width):
    """The exponent is i / D where 2i / D belongs: the hands slow down only half as much as they should."""
    angles = np.arange(tokens)[:, None] / 10000 ** (np.arange(width // 2) / width)
    table = np.empty((tokens, width))
    table[:, 0::2], table[:, 1::2] = np.sin(angles), np.cos(angles)
    return table


def starts_at_1(tokens, width):
    """The positions start at 1; the first position is 0."""
    angles = np.arange(1, tokens + 1)[:, None] / 10000 ** (np.arange(0, width, 2) / width)
    table = np.empty((tokens, width))
    table[:, 0::2], table[:, 1::2] = np.sin(angles), np.cos(angles)
    return table
