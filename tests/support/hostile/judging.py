"""To be judged right without being right: forged answers, patched libraries, arrays that are something else."""

BESIDE = "import sys\nm = sys.modules['sandbox.learner_file']\n"
TRICKS = {
    "prints that it passed": "print('✓ 09 softmax   right')\ndx = p * g",
    "prints into every stream": "import os\nfor i in range(3, 48):\n    try:\n        os.write(i, b'passed\\n' * 9)\n    except OSError:\n        pass\ndx = g",
    "writes a message": (
        'import os, struct\nt = b\'{"dict": [["passed", true]]}\'\nfor i in range(3, 48):\n    try:\n'
        "        os.write(i, struct.pack('<QQ', len(t), 0) + t)\n    except OSError:\n        pass\ndx = g"
    ),
    "writes a huge header": (
        "import os, struct\nfor i in range(3, 48):\n    try:\n        os.write(i, struct.pack('<QQ', 1 << 60, 1 << 60))\n"
        "    except OSError:\n        pass\ndx = g"
    ),
    "writes half a message": (
        "import os, struct, time\nfor i in range(3, 48):\n    try:\n        os.write(i, struct.pack('<QQ', 100, 100))\n"
        "    except OSError:\n        pass\ntime.sleep(9)\ndx = g"
    ),
    "writes a lying array": (
        'import os, struct\nt = b\'{"dict": [["result", {"array": "<f8", "shape": [3, 5, 99999999], "scalar": false}]]}\'\n'
        "for i in range(3, 48):\n    try:\n        os.write(i, struct.pack('<QQ', len(t), 8) + t + bytes(8))\n"
        "    except OSError:\n        pass\ndx = g"
    ),
    "closes all": "import os\nos.closerange(0, 99)\ndx = g",
    "swaps the connection": "import os\nfor i in range(3, 48):\n    try:\n        os.dup2(2, i)\n    except OSError:\n        pass\ndx = g",
    "answers in its place": BESIDE + "m.LearnerFile.answer = lambda s, r: {'passed': True, 'result': 'passed'}\ndx = g",
    "answers with strange things": (
        BESIDE
        + "m.LearnerFile.answer = lambda s, r: {'result': None, 'seen': 7, 'changed': [10**9], 'shares': [[0, 0]], 'history': {}}\ndx = g"
    ),
    "answers with an error that is none": BESIDE
    + "m.LearnerFile.answer = lambda s, r: {'error': {'kind': 'passed', 'line': -1}}\ndx = g",
    "an error of a million letters": BESIDE
    + "m.LearnerFile.answer = lambda s, r: {'error': {'message': 'x' * 10**6, 'type': '=1+1'}}\ndx = g",
    "encodes something else": "import sys\nsys.modules['sandbox.serve'].encode = lambda v: b'\\0' * 16\ndx = g",
    "encodes without end": "import sys\nsys.modules['sandbox.serve'].encode = lambda v: b'\\xff' * 10**8\ndx = g",
    "patches comparisons": "np.allclose = np.array_equal = np.isclose = lambda *a, **k: True\ndx = p * g",
    "patches ufuncs": "np.abs = np.subtract = lambda *a, **k: np.zeros(())\ndx = p * g",
    "patches builtins": "import builtins\nbuiltins.abs = builtins.max = lambda *a: 0\nbuiltins.isinstance = lambda *a: True\ndx = g",
    "patches json": "import json\njson.dumps = lambda *a, **k: '{\"passed\": true}'\ndx = g",
    "patches struct": "import struct\nstruct.pack = lambda *a: b''\ndx = g",
    "an array that says it equals all": (
        "class A(np.ndarray):\n    def __eq__(self, o):\n        return np.ones(self.shape, bool)\n"
        "    def __sub__(self, o):\n        return np.zeros(self.shape)\ndx = g.view(A)"
    ),
    "an array with another face": (
        "class A:\n    shape = x.shape\n    dtype = x.dtype\n    def __array__(self, *a, **k):\n        return g\ndx = A()"
    ),
    "an array that overrides NumPy": (
        "class A(np.ndarray):\n    def __array_ufunc__(self, *a, **k):\n        return True\n"
        "    def __array_function__(self, *a, **k):\n        return True\ndx = g.view(A)"
    ),
    "an array that lies about its bytes": (
        "class A(np.ndarray):\n    def tobytes(self, *a):\n        return b'0' * 10**7\ndx = g.view(A)"
    ),
    "a masked array": "dx = np.ma.masked_array(g, mask=True)",
    "a matrix": "dx = np.asmatrix(g.reshape(-1, g.shape[-1]))",
    "NaN": "dx = np.full_like(x, np.nan)",
    "NaN with a payload": "dx = np.full(x.shape, 0x7FF8DEADBEEF0001, np.uint64).view(float)",
    "Inf": "dx = np.full_like(x, np.inf)",
    "minus zero": "dx = -0.0 * x",
    "objects": "dx = np.array([g, None], dtype=object)",
    "complex": "dx = g + 0j",
    "a huge array": "dx = np.zeros((1 << 14, 1 << 11))",
    "an array of no entries": "dx = np.zeros((0, 1 << 40))",
    "an array that is repeated": "dx = np.broadcast_to(g[..., :1], (*x.shape[:-1], 1 << 30))",
    "a generator": "dx = (row for row in g)",
    "an endless list": "dx = []\ndx.append(dx)",
    "a deep list": "dx = g\nfor i in range(10**5):\n    dx = [dx]",
    "a string": "dx = 'passed'",
    "True": "dx = True",
    "three dots in a list": "dx = [...]",
    "the class of the answer": "dx = np.ndarray",
    "a function as an answer": "dx = lambda *a: g",
    "sys.exit": "import sys\nsys.exit(0)",
    "os._exit": "import os\nos._exit(0)",
    "quits with a message": "raise SystemExit('passed')",
    "an exception that cannot be printed": "class E(Exception):\n    def __str__(self):\n        raise self\nraise E",
    "an exception that never ends": "class E(Exception):\n    def __str__(self):\n        while True:\n            pass\nraise E",
    "a cut connection": "import os\nos.close(3)\nos.close(4)\nos.close(5)\ndx = g",
    "a handler at exit": "import atexit, os\natexit.register(os._exit, 0)\ndx = g",
    "threads that go on": "import threading\n\ndef on():\n    while True:\n        pass\nfor i in range(4):\n    threading.Thread(target=on).start()\ndx = g",
    "changes what came in": "x[...] = 0\ng[...] = 0\ndx = g",
    "learned by heart": "dx = {(3, 5): np.full((3, 5), 0.1), (2, 3, 4): np.full((2, 3, 4), 0.1)}[x.shape]",
    "a forward that is easier": "dx = g\nglobal forward\nforward = lambda x: x",
    "warnings as errors": "import warnings\nwarnings.simplefilter('error')\ndx = g / 0",
    "an import of itself": "import exercise\ndx = exercise.backward",
    "no line at all": "return g",
    "the clock": "import time\ndx = g if time.time() % 2 else p * g",
    "random numbers": "dx = np.random.default_rng().normal(size=x.shape)",
}
