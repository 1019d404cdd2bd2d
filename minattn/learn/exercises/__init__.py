"""The exercises, a folder for each; the names of the folders give their order, and the README says what is in them."""
