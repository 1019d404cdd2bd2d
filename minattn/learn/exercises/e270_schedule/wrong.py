# The first step has the rate 0 and changes nothing; the rise starts at peak / warmup.
rise = step / warmup

# The fall is counted from step 0, so that the rate jumps at the end of the warm-up.
done = step / steps

# [-line, -root] The fall is a straight line; it should be half a cosine.
fall = 1 - done

# [-line, -root] The cosine runs over a whole turn and rises again; it is half a turn, π.
fall = (1 + math.cos(2 * math.pi * done)) / 2

# There is no warm-up: the rate starts at the peak.
rise = 1.0
