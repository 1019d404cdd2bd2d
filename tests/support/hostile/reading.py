"""To read the solution, the library, other people's files, or what the grader has in its memory."""

GRAB = """
import re
text = {source}
gap = text.partition('# --- your part ---')[2].partition('# --- end')[0]
import textwrap
exec(textwrap.dedent(gap))
"""

FILES = {
    "the solution": "open('ROOT/learn/exercises/e090_softmax/solution.py').read()",
    "the solution, by pathlib": "__import__('pathlib').Path('ROOT/learn/exercises/e090_softmax/solution.py').read_text()",
    "the solution, by os": "__import__('os').read(__import__('os').open('ROOT/learn/exercises/e090_softmax/solution.py', 0), 9999).decode()",
    "the solution, by NumPy": "bytes(np.fromfile('ROOT/learn/exercises/e090_softmax/solution.py', np.uint8)).decode()",
    "the solution, by memmap": "bytes(np.memmap('ROOT/learn/exercises/e090_softmax/solution.py', np.uint8, 'r')).decode()",
    "the solution, by linecache": "''.join(__import__('linecache').getlines('ROOT/learn/exercises/e090_softmax/solution.py'))",
    "the solution, by fileinput": "''.join(__import__('fileinput').input('ROOT/learn/exercises/e090_softmax/solution.py'))",
    "the solution, by io": "__import__('io').open_code('ROOT/learn/exercises/e090_softmax/solution.py').read().decode()",
    "the solution, by tokenize": "__import__('tokenize').open('ROOT/learn/exercises/e090_softmax/solution.py').read()",
    "the solution, by loadtxt": "'\\n'.join(np.loadtxt('ROOT/learn/exercises/e090_softmax/solution.py', str, delimiter='\\0', comments=None))",
    "the solution, by importlib": "__import__('importlib.resources').resources.files('minattn').joinpath('learn/exercises/e090_softmax/solution.py').read_text()",
    "the solution, by pkgutil": "__import__('pkgutil').get_data('minattn', 'learn/exercises/e090_softmax/solution.py').decode()",
    "the solution, by zipimport's neighbour": "__import__('shutil').copy('ROOT/learn/exercises/e090_softmax/solution.py', '/tmp/s') and open('/tmp/s').read()",
    "the solution, by a link": "(__import__('os').symlink('ROOT/learn/exercises/e090_softmax/solution.py', '/tmp/l'), open('/tmp/l').read())[1]",
    "the solution, by /proc": "open('/proc/PID/cwd/minattn/learn/exercises/e090_softmax/solution.py').read()",
    "the solution, by the root of another": "open('/proc/1/root' + 'ROOT/learn/exercises/e090_softmax/solution.py').read()",
    "the solution, up from NumPy": "open(np.__path__[0] + '/../minattn/learn/exercises/e090_softmax/solution.py').read()",
    "the solution, up from Python": "open(__import__('os').path.dirname(__import__('os').__file__) + '/site-packages/minattn/learn/exercises/e090_softmax/solution.py').read()",
    "the solution, searched for": "[open(p).read() for p in __import__('glob').glob('/**/e090_softmax/solution.py', recursive=True)][0]",
    "the solution, found by a walk": "next(open(d + '/solution.py').read() for d, _, f in __import__('os').walk('/') if 'softmax' in d and 'solution.py' in f)",
    "another's file": "open('CLASS/honest/09_softmax.py').read()",
    "another's file, from here": "open(__file__.replace('09_softmax', '../honest/09_softmax')).read()",
    "the mistakes, turned round": "open('ROOT/learn/exercises/e090_softmax/right.py').read()",
}

TRICKS = {name: GRAB.replace("{source}", source) for name, source in FILES.items()} | {
    "the library": "import minattn\ndx = minattn.ops.Softmax().backward(g)",
    "the library, by its file": (
        "import importlib.util as u\ns = u.spec_from_file_location('s', 'ROOT/ops/softmax.py')\n"
        "m = u.module_from_spec(s)\ns.loader.exec_module(m)\ndx = m.Softmax"
    ),
    "the library, after the path is put back": "import sys\nsys.path += ['ROOT/..', 'CLASS']\nimport minattn\ndx = minattn",
    "the library, by site": "import site\nsite.main()\nimport minattn\nfrom minattn.learn import find\ndx = find('softmax')",
    "the library, by runpy": "import runpy\ndx = runpy.run_module('minattn.ops.softmax')['Softmax']",
    "another library that derives": "import torch\nt = torch.tensor(x, requires_grad=True)\ndx = t",
    "autograd": "from autograd import elementwise_grad\ndx = elementwise_grad(forward)(x)",
    "the exercise in the modules": (
        "import sys\ndx = [m for n, m in sys.modules.items() if 'exercise' in n and hasattr(m, 'solution')][0].solution"
    ),
    "what is expected, from the frames": (
        "import sys\nf = sys._getframe()\nwhile f:\n    for n in ('expected', 'right', 'solution'):\n"
        "        if n in f.f_locals:\n            dx = f.f_locals[n]\n    f = f.f_back"
    ),
    "what is expected, from the collector": (
        "import gc\nc = [o for o in gc.get_objects() if isinstance(o, np.ndarray) and o.shape == x.shape]\ndx = c[0]"
    ),
    "what is expected, from free memory": "dx = np.empty_like(x)",
    "the environment": "import os\ndx = np.array(eval(os.environ.get('MINATTN_ANSWER', '0')) + 0 * x)",
    "the memory of the judge": (
        "import re\nfor line in open('/proc/PID/maps'):\n    pass\ndx = np.frombuffer(open('/proc/PID/mem', 'rb').read(120))"
    ),
    "the command line of the judge": "dx = open('/proc/PID/cmdline').read()",
    "the arguments that were sent before": "import inspect\ndx = inspect.stack()[-1].frame.f_locals['answers']",
}
