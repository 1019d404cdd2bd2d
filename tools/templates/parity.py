# ruff: noqa: F821
CASES["new_op"] = [
    (lambda F, arguments: F.new_op(arguments), inputs()),
]
