# Only the de-embedding's use of the table is there; the lookup's is missing.
dtable = g.T @ h

# Only the lookup's use of the table is there; the de-embedding's is missing.
dtable = np.zeros_like(table)
np.add.at(dtable, ids, dx)

# The lookup's gradient overwrites rows of the other one; the two uses add up.
dtable[ids] = dx

# dtable[ids] += dx adds only once for equal tokens; np.add.at adds for each.
dtable[ids] += dx

# The slope of tanh is missing on the way to the lookup.
dx = dh

# The two uses are averaged; they add up.
dtable = g.T @ h
np.add.at(dtable, ids, dx)
dtable = dtable / 2
