"""What can be read off a learner's file without running it: what is unwritten, and what a derivation has no use for."""

import ast
import re
from collections.abc import Iterator

MODULES = {
    *(
        "numpy",
        "math",
        "itertools",
        "functools",
        "typing",
        "collections",
        "graphlib",
        "heapq",
        "copy",
        "time",
        "warnings",
    ),
    *("pprint", "dataclasses", "__future__", "minattn", "own"),
}
"""Modules that nobody wonders about. minattn is not there; a template imports it where it is run by itself."""

NAMES = {
    *("exec", "eval", "compile", "globals", "locals", "vars", "getattr", "setattr", "delattr", "open", "input", "type"),
    *("attrgetter", "methodcaller", "get_type_hints", "ForwardRef", "breakpoint", "memoryview", "complex", "object"),
    *("map", "iter", "next", "bytes", "bytearray", "partial", "reduce", "setattr", "super", "make_dataclass"),
}
"""Names behind which anything can stand; complex numbers, of which a step gives a derivative."""

ATTRIBUTES = {
    *("lib", "testing", "ctypeslib", "f2py", "core", "distutils", "compat", "load", "loads", "loadtxt", "genfromtxt"),
    *("fromfile", "tofile", "memmap", "DataSource", "save", "savez", "savetxt", "ctypes", "dump", "dumps"),
    *("setflags", "get_type_hints", "ForwardRef", "attrgetter", "methodcaller", "register"),
    *("lstsq", "make_dataclass", "pinv", "polyfit", "polynomial", "gradient", "interp", "fft", "poly1d"),
    *("longdouble", "float128", "float96", "clongdouble", "complex64", "complex128", "complex256", "cdouble"),
    *("csingle", "complexfloating", "object_", "void", "frompyfunc", "fromiter", "frombuffer", "apply_along_axis"),
    *("apply_over_axes", "fromfunction", "piecewise", "nditer", "char", "strings", "rec", "recarray"),
    *("put", "put_along_axis", "copyto", "place", "putmask", "view", "tobytes", "setfield", "random"),
}
"""Doors of NumPy to files, memory and other modules; tools that fit a function; numbers that measure or are random."""

HIDDEN_MODULES = {
    *("sys", "os", "posix", "builtins", "gc", "inspect", "importlib", "types", "threading", "pickle", "io", "marshal"),
    *("code", "operator", "ast", "subprocess", "socket", "shutil", "tempfile", "platform", "mmap", "signal"),
}
"""Modules that others have imported, and that can be had from them as an attribute."""

FRAMES = re.compile(r"(gi|cr|ag|tb|f|co)_[a-z]+")
"""Attributes that lead from a generator, an exception or a function to whoever called."""

ARITHMETIC = {f"__{side}{name}__" for name in ("add", "sub", "mul", "truediv", "matmul", "pow") for side in ("", "r")}


def means(source: str) -> list[str]:
    """List what a file uses that hides what it computes, or computes derivatives by itself. Raises SyntaxError."""
    return list(dict.fromkeys(found for node in ast.walk(ast.parse(source)) for found in _means(node)))


def _means(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (f"import {a.name}" for a in names if not _is_usual(a.name))
        case ast.ImportFrom(module=module, names=names):
            if not _is_usual(module or "."):
                yield f"import {module}"
            yield from (a.name for a in names if a.name in NAMES | ATTRIBUTES | HIDDEN_MODULES or a.name[:1] == "_")
        case ast.Name(id=name) if name in NAMES or (name[:2] == "__" and name not in ("__name__", "__debug__")):
            yield name
        case ast.Attribute(value=base, attr=name):
            own = isinstance(base, ast.Name) and base.id in ("self", "cls") and name[:2] != "__"
            if (name[:1] == "_" and not own) or name in ATTRIBUTES | HIDDEN_MODULES or FRAMES.fullmatch(name):
                yield _short(node)
            if isinstance(node.ctx, (ast.Store, ast.Del)) and isinstance(base, ast.Name) and base.id in ("np", "math"):
                yield f"{_short(node)} = …"
        case ast.Constant(value=complex()):
            yield "complex numbers"
        case ast.Constant(value=str(text)) if re.search(r"__(?!main__)\w+__", text) or re.fullmatch(
            r"[<>=]?(c\d+|g|G|F|D|clongdouble|longdouble|complex\d*|float128)", text
        ):
            yield repr(text[:40])
        case ast.ClassDef(body=body):
            if any(isinstance(part, ast.FunctionDef) and part.name in ARITHMETIC for part in body):
                yield "a class of numbers that carry their derivative"
            elif any(isinstance(part, ast.FunctionDef) and re.match("__array|__(get|set)", part.name) for part in body):
                yield "a class that stands in for an array"
            else:
                yield "a class"
        case ast.Yield() | ast.YieldFrom() | ast.Await() | ast.AsyncFunctionDef():
            yield "a generator"
        case ast.FunctionDef(decorator_list=[_, *_]):
            yield "a decorator"
        case ast.MatchClass(kwd_attrs=names):
            yield from (name for name in names if name[:1] == "_")


def _is_usual(module: str) -> bool:
    top, *rest = module.split(".")
    return top in MODULES and not any(name in ATTRIBUTES or name[:1] == "_" for name in rest)


def _short(node: ast.expr) -> str:
    return ast.unparse(node)[:40]


def unwritten_function(source: str) -> str | None:
    """The name of the first function of a file that is still three dots; None where there is none.

    Raises SyntaxError.
    """
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    dots = (node.name for node in functions if ast.dump(node.body[-1]) == "Expr(value=Constant(value=Ellipsis))")
    return next(dots, None)


def shape_of(function: ast.FunctionDef | ast.Lambda) -> str:
    """A function without its names and its docstring: copies have the same one."""
    if isinstance(function, ast.Lambda):
        body: list[ast.stmt] = [ast.Return(function.body)]
    else:
        body = function.body[1:] if ast.get_docstring(function) else function.body
    names: dict[str, str] = {arg.arg: f"v{i}" for i, arg in enumerate(function.args.args)}
    text = "\n".join(ast.dump(part) for part in body)
    return re.sub(
        r"(Name\(id=|arg\(arg=)'(\w+)'", lambda m: m[1] + repr(names.setdefault(m[2], f"v{len(names)}")), text
    )
