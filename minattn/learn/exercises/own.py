"""Your own earlier exercises: `from own import softmax`, and softmax.backward is what you wrote in 09_softmax.py.

Where your folder has variants, each is designed by itself: a later exercise gets the usual form of an earlier one.
"""

import re
import runpy
import types
from pathlib import Path


def __getattr__(name):
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if re.fullmatch(rf"(\d+[_-])?{name}\.py", path.name):
            if "# your variant: " in path.read_text(encoding="utf-8"):
                from minattn.learn import find

                module = types.SimpleNamespace(**find(name).solved)
            else:
                module = types.SimpleNamespace(**runpy.run_path(str(path), run_name=name))
            globals()[name] = module
            return module
    raise AttributeError(f"there is no file of the exercise {name} in this folder")
