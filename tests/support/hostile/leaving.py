"""To leave the process: programs, processes, the network, memory by hand, signals, interpreters."""

RUN = "/usr/bin/touch CLASS/touched /tmp/minattn-hostile"
TRICKS = {
    "os.system": f"import os\nos.system('{RUN}')\ndx = g",
    "subprocess": f"import subprocess\nsubprocess.run('{RUN}', shell=True)\ndx = g",
    "popen": f"import os\nos.popen('{RUN}').read()\ndx = g",
    "another Python": "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import minattn'], check=True)\ndx = g",
    "posix_spawn": "import os\nos.posix_spawn('/usr/bin/touch', ['touch', 'CLASS/touched'], {})\ndx = g",
    "exec over oneself": "import os\nos.execv('/bin/sh', ['sh', '-c', 'touch CLASS/touched'])",
    "exec of Python itself": "import os, sys\nos.execv(sys.executable, ['python', '-c', 'print(1)'])",
    "a fork that answers twice": "import os\nos.fork()\ndx = g",
    "a daemon": "import os\nif os.fork() == 0:\n    os.setsid()\n    while True:\n        os.getpid()\ndx = g",
    "a pool of processes": "import multiprocessing\ndx = multiprocessing.Pool(4).map(abs, [1.0])",
    "a pty": "import pty\npty.spawn('/bin/sh')\ndx = g",
    "the network": "import socket\ns = socket.create_connection(('1.1.1.1', 80), 1)\ndx = g",
    "a server": "import socket\ns = socket.create_server(('127.0.0.1', 8731))\ns.accept()\ndx = g",
    "a name from the network": "import socket\ndx = socket.gethostbyname('example.org')",
    "a web page": "import urllib.request\ndx = urllib.request.urlopen('http:' + '//example.org', timeout=1).read()",
    "an abstract socket": "import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect(b'\\0minattn')\ndx = g",
    "libc by ctypes": "import ctypes\nctypes.CDLL(None).system(b'touch CLASS/touched')\ndx = g",
    "a segmentation fault": "import ctypes\nctypes.string_at(0)\ndx = g",
    "a null pointer in NumPy": "dx = np.lib.stride_tricks.as_strided(x, (10**9,), (1 << 20,)).sum()",
    "ptrace of the judge": "import ctypes\nctypes.CDLL(None).ptrace(16, PID, 0, 0)\ndx = g",
    "writing the judge's memory": "f = open('/proc/PID/mem', 'wb')\nf.seek(4096)\nf.write(b'x' * 64)\ndx = g",
    "a signal to the judge": "import os\nos.kill(PID, 9)\ndx = g",
    "a signal to the parent": "import os\nos.kill(os.getppid(), 9)\ndx = g",
    "a signal to everybody": "import os\nos.kill(-1, 9)\ndx = g",
    "a signal to the group": "import os\nos.killpg(0, 15)\ndx = g",
    "a signal to the first process": "import os, signal\nos.kill(1, signal.SIGKILL)\nos.kill(1, signal.SIGTERM)\ndx = g",
    "lower limits for the judge": "import resource\nresource.prlimit(PID, resource.RLIMIT_CPU, (1, 1))\ndx = g",
    "no limits": (
        "import resource\nfor r in (0, 3, 6, 7, 9):\n    resource.setrlimit(r, (-1, -1))\ndx = np.ones(10**9)"
    ),
    "namespaces": "import ctypes\nr = ctypes.CDLL(None).unshare(0x10000000)\ndx = g / (r + 1)",
    "a mount": "import ctypes\nr = ctypes.CDLL(None).mount(b'none', b'/tmp', b'tmpfs', 0, 0)\ndx = g / (r + 1)",
    "chroot": "import os\nos.chroot('..')\ndx = g",
    "root": "import os\nos.setuid(0)\nos.setgid(0)\ndx = open('/etc/shadow').read()",
    "kernel keys": "import ctypes\nr = ctypes.CDLL(None).syscall(248, b'user', b'a', b'b', 1, -3)\ndx = g / (r + 1)",
    "a device": "open('/dev/sda', 'rb').read(1)\ndx = g",
    "a device that is made": "import os\nos.mknod('/tmp/d', 0o60666, os.makedev(8, 0))\ndx = open('/tmp/d').read()",
    "a subinterpreter": (
        "import _xxsubinterpreters as s\ns.run_string(s.create(), \"open('CLASS/touched', 'w')\")\ndx = g"
    ),
    "a cron job": "open('/etc/cron.d/minattn-hostile', 'w').write('* * * * * root true')\ndx = g",
    "old debugging": "import sys\nsys.settrace(lambda *a: None)\nbreakpoint()\ndx = g",
}
