"""How a walkthrough becomes a page: its cells are read, executed, woven into Markdown and compared."""
