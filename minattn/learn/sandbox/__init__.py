"""What runs in the process beside a learner's code. It imports nothing of minattn: what is not there cannot be read."""
