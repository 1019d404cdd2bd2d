"""What somebody would try who wants points without mathematics, by kind; each entry is what stands in the gap.

ROOT is the folder of minattn, CLASS that of all submissions, TABLE the file of the grades, PID the process that grades:
a learner would have to guess them. RIGHT in a text is the solution's gap, which spoils what is not stopped before.
"""
