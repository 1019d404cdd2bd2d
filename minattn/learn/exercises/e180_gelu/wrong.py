# [variant] The slope of Φ is missing: only the x in front of it was differentiated.
bell = 0 * x

# [variant] Φ itself stands where its slope φ belongs.
bell = cdf

# [variant] Only the x inside of Φ was differentiated, and not the one in front of it.
dx = g * x * bell
