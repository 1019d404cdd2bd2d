"""The exercises, one a file; the names of the files give their order."""
