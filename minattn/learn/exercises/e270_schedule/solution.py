"""Schedule: warm up, then cool down

step (0, 1, … steps - 1), steps, peak, warmup -> the learning rate of that step

    step < warmup:    a straight rise: peak / warmup at step 0, and peak at the last step of the warm-up;
                      there is none if warmup is 0
    afterwards:       half a cosine, from peak at step = warmup down to 0 at step = steps

                      peak (1 + cos(π done)) / 2      done: the share of the way from warmup to steps, 0 to 1

At first the running means of Adam know nothing yet, so the steps are small. At the end the model settles.
"""

import math


def learning_rate(step, steps, peak, warmup):
    # --- your part ---
    if step < warmup:
        rise = (step + 1) / warmup
        rate = peak * rise
    else:
        done = (step - warmup) / (steps - warmup)
        fall = (1 + math.cos(math.pi * done)) / 2
        rate = peak * fall
    # --- end of your part ---
    return rate
