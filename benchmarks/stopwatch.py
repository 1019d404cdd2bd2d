"""Time every array operation of a package by its kind, without changing its arrays: its source is rewritten on import.

`a @ b` becomes `operate("matmul", a, b)`, `xp.exp(x)` becomes `call(xp.exp, x)`, and so on for operators, calls by the
names that NumPy has, and indexing. Which of them work on arrays, and what they do, is seen when they run.
"""

import ast
import builtins
import operator
import sys
import time
from collections import defaultdict
from importlib.machinery import PathFinder, SourceFileLoader

import numpy as np

PRODUCTS, ELEMENTWISE, REDUCTIONS, MOVES = KINDS = (
    "matrix products",
    "elementwise",
    "reductions",
    "gather, scatter, copy, view",
)
PRODUCT_NAMES = {"matmul", "imatmul", "dot", "vdot", "einsum", "tensordot"}
REDUCTION_NAMES = {"sum", "mean", "max", "min", "any", "all", "argmax", "argmin", "var", "reduce", "reduceat"}
ELEMENTWISE_NAMES = {"where", "clip"}  # and every ufunc and operator
MOVE_NAMES = {"getitem", "setitem"}  # and every other function and method
NUMPY_NAMES = {*dir(np), *dir(np.ndarray), *dir(np.ufunc)}

BINARY = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "truediv",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.Pow: "pow",
    ast.MatMult: "matmul",
    ast.BitAnd: "and_",
    ast.BitOr: "or_",
    ast.BitXor: "xor",
    ast.LShift: "lshift",
    ast.RShift: "rshift",
}
UNARY = {ast.USub: "neg", ast.Invert: "invert"}
COMPARISON = {ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne"}

spent: dict[str, float] = defaultdict(float)
"""Seconds by kind."""
calls: dict[str, int] = defaultdict(int)
"""Operations by kind."""


def idle(count: int = 10000) -> float:
    """The seconds that a stopwatch shows for nothing; to be called before anything is timed."""
    for _ in range(count):
        timed("nothing", operator.pos, 1)
    del calls["nothing"]
    return spent.pop("nothing") / count


def timed(kind, function, *inputs, **options):
    started = time.perf_counter()
    result = function(*inputs, **options)
    spent[kind] += time.perf_counter() - started
    calls[kind] += 1
    return result


def operate(name, *operands):
    """An operator of the module `operator` on anything; timed if an operand is an array."""
    function = getattr(operator, name)
    if not any(isinstance(x, np.ndarray) for x in operands[:2]):
        return function(*operands)
    return timed(kind_of(name, operands, ELEMENTWISE), function, *operands)


def call(function, *inputs, **options):
    """A call of anything; timed if it is a function of NumPy or a method of an array."""
    owner = getattr(function, "__self__", None)
    is_numpy = isinstance(function, np.ufunc) or isinstance(owner, np.ndarray | np.ufunc)
    if not is_numpy and not str(getattr(function, "__module__", "")).startswith("numpy"):
        return function(*inputs, **options)
    operands = (owner, *inputs) if isinstance(owner, np.ndarray) else inputs
    other = ELEMENTWISE if isinstance(function, np.ufunc) else MOVES
    return timed(kind_of(function.__name__, operands, other), function, *inputs, **options)


def store(value, array, index):
    operate("setitem", array, index, value)


def augment(name, array, index, value):
    operate("setitem", array, index, operate(name, operate("getitem", array, index), value))


def kind_of(name, operands, other):
    """The kind of an operation by its name. A product with a single row or column is a weighted sum: a reduction."""
    if name in PRODUCT_NAMES:
        shapes = [x.shape for x in operands if isinstance(x, np.ndarray)]
        is_sum = len(shapes) == 2 and (min(map(len, shapes)) < 2 or shapes[0][-2] == 1 or shapes[1][-1] == 1)
        return REDUCTIONS if is_sum else PRODUCTS
    if name in REDUCTION_NAMES:
        return REDUCTIONS
    if name in ELEMENTWISE_NAMES:
        return ELEMENTWISE
    return MOVES if name in MOVE_NAMES else other


class Rewrite(ast.NodeTransformer):
    """Put `operate`, `call`, `store` and `augment` in the place of operators, calls and indexing."""

    def visit_BinOp(self, node):
        self.generic_visit(node)
        return helper("operate", ast.Constant(BINARY[type(node.op)]), node.left, node.right)

    def visit_UnaryOp(self, node):
        self.generic_visit(node)
        name = UNARY.get(type(node.op))
        return helper("operate", ast.Constant(name), node.operand) if name else node

    def visit_Compare(self, node):
        self.generic_visit(node)
        name = COMPARISON.get(type(node.ops[0])) if len(node.ops) == 1 else None
        return helper("operate", ast.Constant(name), node.left, node.comparators[0]) if name else node

    def visit_Subscript(self, node):
        self.generic_visit(node)
        is_read = isinstance(node.ctx, ast.Load)
        return helper("operate", ast.Constant("getitem"), node.value, index(node.slice)) if is_read else node

    def visit_Assign(self, node):
        self.generic_visit(node)
        target = node.targets[0]
        if len(node.targets) > 1 or not isinstance(target, ast.Subscript):
            return node
        return ast.Expr(helper("store", node.value, target.value, index(target.slice)))

    def visit_AugAssign(self, node):
        self.generic_visit(node)
        name, target = ast.Constant("i" + BINARY[type(node.op)].rstrip("_")), node.target
        if isinstance(target, ast.Subscript):
            return ast.Expr(helper("augment", name, target.value, index(target.slice), node.value))
        source = ast.parse(ast.unparse(target), mode="eval").body  # the same expression, to be read
        return ast.Assign([target], helper("operate", name, source, node.value))

    def visit_Call(self, node):
        self.generic_visit(node)
        if not isinstance(node.func, ast.Attribute) or node.func.attr not in NUMPY_NAMES:
            return node
        return ast.Call(helper("call").func, [node.func, *node.args], node.keywords)

    def visit_FunctionDef(self, node):
        node.body = [self.visit(statement) for statement in node.body]  # not its annotations
        return node

    def visit_AnnAssign(self, node):
        node.value = self.visit(node.value) if node.value else None
        return node


def helper(name, *arguments):
    return ast.Call(ast.Name(f"_stopwatch_{name}", ast.Load()), list(arguments), [])


def index(node):
    """What stands between brackets, as an expression: a:b is slice(a, b)."""
    if isinstance(node, ast.Slice):
        parts = [part or ast.Constant(None) for part in (node.lower, node.upper, node.step)]
        return ast.Call(ast.Name("slice", ast.Load()), parts, [])
    if isinstance(node, ast.Tuple):
        return ast.Tuple([index(part) for part in node.elts], ast.Load())
    return node


class Loader(SourceFileLoader):
    """Rewrites a module; neither reads nor writes its cached bytecode."""

    def get_code(self, fullname):
        tree = Rewrite().visit(ast.parse(self.get_data(self.path)))
        return compile(ast.fix_missing_locations(tree), self.path, "exec", dont_inherit=True)


def watch(package: str) -> None:
    """From now on, rewrite the modules of this package when they are imported."""

    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name.partition(".")[0] != package:
                return None
            spec = PathFinder.find_spec(name, path, target)
            if spec is not None and isinstance(spec.loader, SourceFileLoader):
                spec.loader = Loader(name, spec.origin)
            return spec

    for function in (operate, call, store, augment):
        setattr(builtins, f"_stopwatch_{function.__name__}", function)
    sys.meta_path.insert(0, Finder)
