"""The house is as docs/ARCHITECTURE.md says: its rooms, the order of imports, the sizes of files, what stands where."""

import ast
import re
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "minattn"
DOCUMENT = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")

ROOT_FILES = {"__init__", "__main__", "backend", "errors", "functional", "graph", "optim", "tensor", "validate"}
TEXTBOOK = ("ops", "nn", "models")
AT_MOST = {"graph.py": 100, "optim.py": 160, "training/step.py": 40}

# Files of another size than 60 to 300 lines, each with its reason. Ops and catalogue may be shorter.
SIZE_EXCEPTIONS: dict[str, str] = {
    "minattn/tensor.py": "each operator and function that a Tensor has in PyTorch",
    "minattn/functional.py": "a function for each op, with what it refuses",
    "minattn/cli/fill.py": "a command is a file",
    "minattn/cli/info.py": "a command is a file",
    "minattn/cli/reconstruct.py": "a command is a file",
    "minattn/cli/vocab.py": "a command is a file",
    "minattn/terminal/ending.py": "imported before all else, and imports next to nothing",
    "minattn/training/step.py": "the loop that the course teaches, alone",
    "minattn/check/error_location.py": "where in somebody's file an error came from",
    "minattn/errors.py": "two classes of errors, and the bottom of the house",
    "minattn/__main__.py": "Python wants a file of this name",
    "tools/pages/__init__.py": "names a package",
}


def hold(found: set[str], advice: str) -> None:
    """Fail for what breaks a rule, with what to do about it."""
    assert not found, "\n  ".join([f"{advice}:", *sorted(found)])


# --- reading ------------------------------------------------------------------------------------------------


def block(name: str) -> list[str]:
    """The lines of a list of the document."""
    return re.search(rf"^```text {name}\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)[1].splitlines()


ORDER = [line.split(", ") for line in block("order")]
BENEATH = {room: set(names.split(", ")) for room, names in (line.split(": ") for line in block("beneath"))}


def allowed(room: str) -> set[str]:
    """The rooms that a room may import."""
    if room in BENEATH:
        return BENEATH[room]
    height = next(i for i, names in enumerate(ORDER) if room in names)
    return {name for names in ORDER[height + 1 :] for name in names} | set(BENEATH)


def module_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(file): file for file in sorted(PACKAGE.rglob("*.py"))}


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def imports(module: str) -> set[str]:
    """Every module of the package that a module imports, anywhere in it."""
    file, found = MODULES[module], set()
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            targets = {f"{base}.{alias.name}" for alias in node.names}
            found |= {target if target in MODULES else base for target in targets}
    return found & MODULES.keys()


def room_of(module: str) -> str:
    """The folder of the package that a module is in, or its own name at the root."""
    return [*module.split("."), ""][1]


def name(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


# --- rooms and imports --------------------------------------------------------------------------------------


def test_the_document_names_every_room_and_no_other():
    described = re.findall(r"^\| `(\w+)` \|", DOCUMENT, re.MULTILINE)
    ordered = [room for names in ORDER for room in names] + list(BENEATH)
    assert sorted(described) == sorted(ordered), "docs/ARCHITECTURE.md: the table and the lists name the same rooms"
    folders = {folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").exists()}
    expected = folders | ROOT_FILES - {"__init__", "__main__"}
    assert set(described) == expected, "docs/ARCHITECTURE.md must have a line for each room: add it or take it away"


def test_at_the_root_of_the_package_stands_the_engine_alone():
    found = {file.name for file in PACKAGE.iterdir() if file.is_file()}
    extra = found - {f"{stem}.py" for stem in ROOT_FILES} - {"py.typed"}
    hold(extra, "only the engine stands at the root of minattn; move these into a room")
    assert (PACKAGE / "py.typed").exists() and {f"{stem}.py" for stem in ROOT_FILES} <= found


def test_a_room_imports_only_from_rooms_below_it():
    found = set()
    for module in MODULES:
        room = room_of(module)
        if room in ("", "__main__") or ((PACKAGE / f"{room}.py").exists() and room not in ROOT_FILES):
            continue
        for target in imports(module):
            other = room_of(target)
            if other not in ("", room) and other not in allowed(room):
                found.add(f"{name(MODULES[module])} imports {target}")
    advice = "imports run downward only (docs/ARCHITECTURE.md, Import order), also inside functions; turn these round"
    hold(found, advice)


def test_rooms_beneath_are_entered_through_their_init_alone():
    found = {
        f"{name(MODULES[module])} imports {target}"
        for module in MODULES
        for target in imports(module)
        if room_of(target) in BENEATH and room_of(target) != room_of(module) and target.count(".") > 1
    }
    hold(found, "import from the room, `from ..runs import x`, and hand the name on in its __init__")


def test_an_op_imports_the_backend_and_other_ops_alone():
    found = {
        f"{name(file)} imports {target}"
        for module, file in MODULES.items()
        if room_of(module) == "ops" and file.stem not in ("__init__", "kernels")
        for target in imports(module)
        if target != "minattn.backend" and room_of(target) != "ops"
    }
    hold(found, "an op imports the backend and what stands in ops, so that one can read it alone")


def test_the_textbook_does_not_know_the_kernels():
    found = {
        f"{name(file)} imports {target}"
        for module, file in MODULES.items()
        if room_of(module) in (*TEXTBOOK, "optim")
        for target in imports(module)
        if room_of(target) == "fast"
    }
    hold(found, "fast imports the textbook, never the other way round; write a kernel with @implements")


def cycle(uses: dict[str, set[str]]) -> list[str]:
    """Names of which each leads to the one before it, and the first to the last; none where there is no such ring."""
    try:
        TopologicalSorter(uses).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_no_two_modules_import_each_other():
    # the package itself hands rooms on late, when they are named, and a room may ask it for the version
    found = cycle({module: imports(module) - {module, "minattn"} for module in MODULES if module != "minattn"})
    assert not found, f"these import each other: {found}; move what they share below them"


@pytest.mark.parametrize("folder", ["benchmarks", "tools"])
def test_scripts_beside_the_package_import_in_one_direction(folder):
    files = {file.stem: file for file in (ROOT / folder).glob("*.py")}
    uses = {}
    for stem, file in files.items():
        nodes = list(ast.walk(tree(file)))
        plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        uses[stem] = (plain | {node.module for node in nodes if isinstance(node, ast.ImportFrom)}) & files.keys()
    found = cycle(uses)
    assert not found, f"{folder}: these import each other: {found}; move what they share below them"


# --- what stands in the files -------------------------------------------------------------------------------


def tricks(file: Path) -> set[str]:
    """What a textbook has no place for."""
    found = set()
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            found |= {f"calls {called}()"} if called.startswith("empty") else set()
            found |= {"out="} if any(keyword.arg == "out" for keyword in node.keywords) else set()
        word = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
        found |= {"exp2"} if word == "exp2" else set()
    return found


def test_the_textbook_has_no_lent_memory_and_no_powers_of_two():
    files = [file for room in TEXTBOOK for file in sorted((PACKAGE / room).rglob("*.py"))]
    found = {f"{name(file)}: {trick}" for file in files for trick in tricks(file)}
    hold(found, "ops, nn and models are read as mathematics; what is faster goes into a kernel in fast")


def test_files_have_60_to_300_lines():
    found = set()
    for file in [*MODULES.values(), *sorted((ROOT / "tools").rglob("*.py"))]:
        if file.name == "__init__.py" or "templates" in file.parts or "exercises" in file.parts:
            continue
        lines = len(file.read_text(encoding="utf-8").splitlines())
        fewest = 1 if {"ops", "catalogue"} & set(file.parts) else 60  # an op, and what people get wrong in it
        if not fewest <= lines <= 300:
            found.add(name(file))
    needless = SIZE_EXCEPTIONS.keys() - found - {"tools/pages/__init__.py"}
    assert not needless, f"no exception is needed any more; take it off SIZE_EXCEPTIONS: {sorted(needless)}"
    advice = "a file has 60 to 300 lines: split what is long along an idea, merge what is short with what it belongs to"
    hold(found - SIZE_EXCEPTIONS.keys(), advice)


def test_files_that_are_read_in_lessons_are_short():
    found = set()
    for file, most in AT_MOST.items():
        path = PACKAGE / file
        if not path.exists() or len(path.read_text(encoding="utf-8").splitlines()) > most:
            found.add(f"minattn/{file}, at most {most} lines")
    hold(found, "these are read from top to bottom; they must be there and be short")


def undocumented(file: Path) -> set[str]:
    """Public functions, classes and methods without a docstring.

    Exempt are the methods of an op, whose class has the derivation, makers of samples, which are named after what they
    make, overloads and methods of protocols, whose body is "...", and known mistakes, which are described as data.
    """
    exempt = r"forward|backward|explain|\w+_samples" if file.parent.name in ("ops", "fast") else r"(?!)"
    found = set()

    def visit(nodes: list[ast.stmt], inside: str) -> None:
        for node in nodes:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name[0] == "_":
                continue
            marks = {part.id for mark in node.decorator_list for part in ast.walk(mark) if isinstance(part, ast.Name)}
            is_stub = isinstance(node.body[-1], ast.Expr) and getattr(node.body[-1].value, "value", None) is ...
            if "mistake" in marks or is_stub or re.fullmatch(exempt, node.name):
                continue
            if ast.get_docstring(node) is None:
                found.add(f"{name(file)}: {inside}{node.name}")
            if isinstance(node, ast.ClassDef):
                visit(node.body, f"{inside}{node.name}.")

    visit(tree(file).body, "")
    return found


def test_every_public_name_has_a_docstring():
    found = {entry for file in MODULES.values() if "exercises" not in file.parts for entry in undocumented(file)}
    hold(found, "say in a sentence what these are for (learners see it in the API reference)")


def test_no_two_classes_have_one_name():
    """A layer may have the name of its op, as `nn.Linear` owns the parameters that the op Linear is given."""
    places: dict[str, list[str]] = {}
    for file in MODULES.values():
        for node in tree(file).body if "exercises" not in file.parts else ():
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(name(file))
    found = {f"{one}: {', '.join(files)}" for one, files in places.items() if len(files) > 1}
    found -= {entry for entry in found if re.fullmatch(r"\w+: minattn/nn/\w+\.py, minattn/ops/\w+\.py", entry)}
    hold(found, "one name, one meaning; rename one of these")


def test_init_files_define_nothing():
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    found = {
        f"{name(file)}: {node.name}"
        for file in MODULES.values()
        if file.name == "__init__.py"
        for node in tree(file).body
        if isinstance(node, kinds) and node.name not in ("__getattr__", "__dir__")
    }
    hold(found, "an __init__ hands names on; define these in a module of the room")


# --- the tree -----------------------------------------------------------------------------------------------

NAMESPACES = ("http://purl.org/dc/elements/1.1/", "https://git-lfs.github.com/")  # names in files, never opened
FOREIGN = re.compile(r"(?<![\w.~/])/(?:home|root|work|Users|mnt|opt|srv)/\w+|https?://[^\s)\"'>}]+|\blocalhost\b")


def test_the_tree_has_no_paths_of_a_machine_and_no_hosts():
    found = set()
    for part in ("minattn", "tests", "tools", "docs", "walkthroughs", "benchmarks", ".ci", ".github"):
        for file in sorted((ROOT / part).rglob("*")):
            if file.suffix not in (".py", ".md", ".txt", ".toml", ".yml", ".yaml", "") or not file.is_file():
                continue
            if {"api", ".ruff_cache", "__pycache__"} & {*file.parts} or file == Path(__file__):
                continue
            for match in FOREIGN.findall(file.read_text(encoding="utf-8", errors="replace")):
                if not match.startswith(NAMESPACES):
                    found.add(f"{name(file)}: {match}")
    hold(found, "the tree must read the same on every machine; take these out")


def patches(file: Path) -> set[str]:
    """The names of our modules that a test puts something else in the place of."""
    ours, found = {"minattn"}, set()
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "minattn":
            names = {alias.name: alias.asname or alias.name for alias in node.names}
            ours |= {bound for imported, bound in names.items() if f"{node.module}.{imported}" in MODULES}
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "setattr":
            target = ast.unparse(node.args[0])
            if re.match(r"f?['\"]minattn\.", target):
                found.add(f"{name(file)}: {target.strip('f').strip(chr(39))}")
            elif target.partition(".")[0] in ours and len(node.args) == 3:
                found.add(f"{name(file)}: {target}.{ast.literal_eval(node.args[1])}")
    return found


def test_no_test_patches_a_module_by_its_path():
    found = {patch for file in sorted((ROOT / "tests").rglob("*.py")) for patch in patches(file)}
    hold(found, "give the code an argument that a test can set; where a thing lives is nobody's business")
