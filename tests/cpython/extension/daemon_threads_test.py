"""(S38) Daemon threads look things up while the process ends.

Before 3.14, CPython ends such threads by unwinding their stacks, from within
whatever runs Python code: a make(), an object that dies, an import. Each case
is a process of its own and has to end in peace, with nothing on stderr.
"""

import os
import subprocess
import sys
import unittest

CROWD = os.path.abspath(sys.argv[1])

START = f"""
import importlib.machinery, sys, threading, time
loader = importlib.machinery.ExtensionFileLoader("crowd", {CROWD!r})
crowd = loader.create_module(importlib.machinery.ModuleSpec("crowd", loader, origin={CROWD!r}))
loader.exec_module(crowd)

# The end takes long enough for the threads to want the GIL.
class Slow:
    def __del__(self, sleep=time.sleep):
        sleep(0.4)

sys.slow = Slow()

def start(function, threads=8):
    for _ in range(threads):
        threading.Thread(target=function, daemon=True).start()
    time.sleep(0.1)
"""

# Losers whose objects wait as they are released.
LOSERS_WAIT = """
class Waits:
    def __del__(self, sleep=time.sleep):
        sleep(0.05)

def make():
    time.sleep(0.01)
    return Waits()

def look_up():
    while True:
        crowd.race(make)

def next_cache():
    while True:
        time.sleep(0.005)
        crowd.race(None)

start(next_cache, 1)
start(look_up)
"""

IN_MAKE = """
def make():
    time.sleep(0.2)
    return []

start(lambda: crowd.{look_up}(make))
"""

# make() ends with the process; until then it is called again and again.
FAILING = """
def make():
    time.sleep(0.001)
    raise ValueError

def look_up():
    while True:
        try:
            crowd.from_c(make)
        except ValueError:
            pass

start(look_up)
"""


class DaemonThreadsTest(unittest.TestCase):
    def check(self, script, times=3):
        for _ in range(times):
            run = subprocess.run(
                [sys.executable, "-I", "-c", START + script],
                stderr=subprocess.PIPE,
                timeout=100,
                check=False,
            )
            self.assertEqual((run.returncode, run.stderr), (0, b""))

    def test_losers_wait_as_they_die(self):
        self.check(LOSERS_WAIT, times=4)

    def test_in_make(self):
        for look_up in ("race", "from_c", "with_error"):
            self.check(IN_MAKE.format(look_up=look_up), times=2)

    def test_in_make_that_fails(self):
        self.check(FAILING)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
