"""Wrong ways to fill the gap, each with the sentence that answers it."""

import numpy as np

from .solution import BETA1, BETA2, EPS


def no_correction(p, g, m, v, step, lr, decay):
    """The correction of line 3 is missing: the first steps are far from their right size."""
    new_m = BETA1 * m + (1 - BETA1) * g
    new_v = BETA2 * v + (1 - BETA2) * g * g
    m_hat = new_m
    v_hat = new_v
    new_p = p * (1 - lr * decay) - lr * m_hat / (np.sqrt(v_hat) + EPS)
    return new_p, new_m, new_v


def decay_in_the_gradient(p, g, m, v, step, lr, decay):
    """The weight decay is added to the gradient, where m and v smear it out: that is Adam with L2, not AdamW."""
    g = g + decay * p

    new_m = BETA1 * m + (1 - BETA1) * g
    new_v = BETA2 * v + (1 - BETA2) * g * g
    m_hat = new_m / (1 - BETA1**step)
    v_hat = new_v / (1 - BETA2**step)
    new_p = p - lr * m_hat / (np.sqrt(v_hat) + EPS)
    return new_p, new_m, new_v


def no_decay(p, g, m, v, step, lr, decay):
    """The weight decay is missing."""
    new_m = BETA1 * m + (1 - BETA1) * g
    new_v = BETA2 * v + (1 - BETA2) * g * g
    m_hat = new_m / (1 - BETA1**step)
    v_hat = new_v / (1 - BETA2**step)
    new_p = p - lr * m_hat / (np.sqrt(v_hat) + EPS)
    return new_p, new_m, new_v


def decay_without_lr(p, g, m, v, step, lr, decay):
    """The weight decay is not multiplied by the learning rate."""
    new_m = BETA1 * m + (1 - BETA1) * g
    new_v = BETA2 * v + (1 - BETA2) * g * g
    m_hat = new_m / (1 - BETA1**step)
    v_hat = new_v / (1 - BETA2**step)
    new_p = p * (1 - decay) - lr * m_hat / (np.sqrt(v_hat) + EPS)
    return new_p, new_m, new_v


def mean_of_g_in_v(p, g, m, v, step, lr, decay):
    """v is a mean of g; it belongs to g²."""
    new_m = BETA1 * m + (1 - BETA1) * g
    new_v = BETA2 * v + (1 - BETA2) * g
    m_hat = new_m / (1 - BETA1**step)
    v_hat = new_v / (1 - BETA2**step)
    new_p = p * (1 - lr * decay) - lr * m_hat / (np.sqrt(v_hat) + EPS)
    return new_p, new_m, new_v


def no_root(p, g, m, v, step, lr, decay):
    """The root of v̂ is missing."""
    new_m = BETA1 * m + (1 - BETA1) * g
    new_v = BETA2 * v + (1 - BETA2) * g * g
    m_hat = new_m / (1 - BETA1**step)
    v_hat = new_v / (1 - BETA2**step)
    new_p = p * (1 - lr * decay) - lr * m_hat / (v_hat + EPS)
    return new_p, new_m, new_v


def uphill(p, g, m, v, step, lr, decay):
    """The step goes uphill: it is subtracted, not added."""
    new_m = BETA1 * m + (1 - BETA1) * g
    new_v = BETA2 * v + (1 - BETA2) * g * g
    m_hat = new_m / (1 - BETA1**step)
    v_hat = new_v / (1 - BETA2**step)
    new_p = p * (1 - lr * decay) + lr * m_hat / (np.sqrt(v_hat) + EPS)
    return new_p, new_m, new_v


def g_in_place_of_m(p, g, m, v, step, lr, decay):
    """The step uses g where m̂ belongs: the running mean is computed and not used."""
    new_m = BETA1 * m + (1 - BETA1) * g
    new_v = BETA2 * v + (1 - BETA2) * g * g
    m_hat = new_m / (1 - BETA1**step)
    v_hat = new_v / (1 - BETA2**step)
    new_p = p * (1 - lr * decay) - lr * g / (np.sqrt(v_hat) + EPS)
    return new_p, new_m, new_v


def step_one_too_few(p, g, m, v, step, lr, decay):
    """The correction counts steps from 0, one too few; the first step is 1."""
    step = step - 1 or 1

    new_m = BETA1 * m + (1 - BETA1) * g
    new_v = BETA2 * v + (1 - BETA2) * g * g
    m_hat = new_m / (1 - BETA1**step)
    v_hat = new_v / (1 - BETA2**step)
    new_p = p * (1 - lr * decay) - lr * m_hat / (np.sqrt(v_hat) + EPS)
    return new_p, new_m, new_v


def betas_swapped(p, g, m, v, step, lr, decay):
    """β1 and β2 have changed places."""
    BETA1, BETA2 = 0.999, 0.9

    new_m = BETA1 * m + (1 - BETA1) * g
    new_v = BETA2 * v + (1 - BETA2) * g * g
    m_hat = new_m / (1 - BETA1**step)
    v_hat = new_v / (1 - BETA2**step)
    new_p = p * (1 - lr * decay) - lr * m_hat / (np.sqrt(v_hat) + EPS)
    return new_p, new_m, new_v
