"""Rewrites a learner's file so that every value of every expression of it can be looked at, and every call."""

import ast
from typing import Any

from .reading import shape_of

SEE, ENTER = "· see", "· enter"
"""Names that no source can spell."""

FORWARDS = ("forward", "run")
"""What the functions of a template are called whose gradient is asked for."""

SEEN = ast.Name | ast.Attribute | ast.Subscript | ast.BinOp | ast.UnaryOp | ast.List | ast.ListComp
"""Expressions whose values are looked at; calls are, too."""


class Follow(ast.NodeTransformer):
    """Rewrites a file so that each value passes through `SEE`, and each call of its functions through `ENTER`."""

    def __init__(self, forwards: set[str]) -> None:
        self.forwards = forwards

    def visit(self, node: ast.AST) -> Any:
        """Visit what can be followed; annotations, patterns and how numbers are printed stay as they are."""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inside = [ast.Expr(self._enter(node)), *node.body[bool(ast.get_docstring(node)) :]]
            node.decorator_list = [self.visit(part) for part in node.decorator_list]
            node.args.defaults = [self.visit(part) for part in node.args.defaults]
            node.body = [*node.body[: bool(ast.get_docstring(node))], *(self.visit(part) for part in inside)]
            return node
        if isinstance(node, ast.Lambda):
            enter = self._enter(node)
            both = ast.Tuple([enter, self.visit(node.body)], ast.Load())
            node.body = ast.copy_location(ast.Subscript(both, ast.Constant(1), ast.Load()), node)
            return node
        if isinstance(node, ast.AnnAssign):
            node.value, node.target = node.value and self.visit(node.value), self.visit(node.target)
            return node
        if isinstance(node, ast.FormattedValue):
            node.value = self.visit(node.value)
            return node
        if isinstance(node, ast.Call):
            is_ours = isinstance(node.func, ast.Name) and node.func.id in (SEE, ENTER)
            if isinstance(node.func, ast.Attribute):
                node.func.value = self.visit(node.func.value)
            elif not isinstance(node.func, ast.Name):
                node.func = self.visit(node.func)
            if not is_ours:
                node.args = [self.visit(part) for part in node.args]
                for keyword in node.keywords:
                    keyword.value = self.visit(keyword.value)
            return node if is_ours else self._see(node)
        if isinstance(node, ast.pattern):
            return node
        node = self.generic_visit(node)
        is_read = isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
        return self._see(node) if is_read and isinstance(node, SEEN) else node

    def _see(self, node: Any) -> ast.Call:
        return ast.copy_location(ast.Call(ast.Name(SEE, ast.Load()), [node], []), node)

    def _enter(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> ast.Call:
        args = [*node.args.posonlyargs, *node.args.args, *([node.args.vararg] if node.args.vararg else [])]
        is_forward = not isinstance(node, ast.AsyncFunctionDef) and shape_of(node) in self.forwards
        said = [ast.Constant(is_forward), ast.Constant(node.lineno), *(ast.Name(a.arg, ast.Load()) for a in args)]
        return ast.copy_location(ast.Call(ast.Name(ENTER, ast.Load()), said, []), node)


def followed(source: str, path: str, template: str) -> Any:
    """Compile a file so that it is followed.

    template: what the learner was given; copies of its forward are known for what they are
    """
    given = (node for node in ast.parse(template).body if isinstance(node, ast.FunctionDef))
    forwards = {shape_of(node) for node in given if node.name in FORWARDS}
    tree = ast.fix_missing_locations(Follow(forwards).visit(ast.parse(source)))
    return compile(tree, path, "exec", dont_inherit=True)
