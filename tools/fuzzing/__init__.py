"""What tools/fuzz.py is made of: damage, what is damaged and how it is held to the truth, and random command lines."""
