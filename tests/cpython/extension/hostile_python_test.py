"""(S31, S32, S34) What hostile Python code alone can do to an extension.

Interpreter ids are unique, so the cached object is a list with its
interpreter's id. Each case sets a trap in sub-interpreters. Later ones, which
get their memory, must find their own objects.
"""

import _thread
import gc
import sys
import unittest

import caller
import interpreters

START = """
import sys
sys.path[:0] = {path!r}
import caller
me = caller.interpreter_id()
def look_up(
    me=me, gets=(caller.get, caller.tight_get, caller.c_get, caller.value_get), wrong=caller.wrong
):
    for get in gets:
        for i in (0, 1, 2):
            if get(i, lambda: [me]) != [me]:
                wrong()
class LooksUp:
    def __init__(self, look_up=look_up):
        self.look_up = look_up
    def __call__(self, *args):
        pass
    def __del__(self):
        self.look_up()
""".format(path=sys.path)

CHECK = """
look_up()
before = [get(0, list) for get in (caller.get, caller.tight_get, caller.c_get, caller.value_get)]
for one, get in zip(before, (caller.get, caller.tight_get, caller.c_get, caller.value_get)):
    assert get(0, list) is one
"""

# Each looks up late: the interpreter's first lookup, unless CHECK ran before.
TRAPS = {
    "at fork": """
import os
os.register_at_fork(after_in_child=LooksUp())
os.register_at_fork(before=LooksUp())
""",
    "codecs": """
import codecs
codecs.register(LooksUp())
codecs.register_error("late", LooksUp())
""",
    "audit hook": """
sys.addaudithook(LooksUp())
""",
    "atexit": """
import atexit
atexit.register(look_up)
atexit.register(LooksUp())
atexit.register(atexit.register, LooksUp())
""",
    "sys": """
sys.late = LooksUp()
sys.later = [LooksUp()]
sys.later.append(sys.later)
""",
    "builtins": """
import builtins
builtins.late = LooksUp()
""",
    "thread-local": """
import threading
local = threading.local()
local.late = LooksUp()
sys.local = local
""",
    "context variable": """
import contextvars
sys.variable = contextvars.ContextVar("late")
sys.variable.set(LooksUp())
""",
    "weak reference": """
import weakref
class Dies:
    pass
sys.dies = Dies()
sys.dies.cycle = sys.dies
sys.weak = weakref.ref(sys.dies, lambda _, look_up=look_up: look_up())
weakref.finalize(sys.dies, look_up)
""",
    "a cycle of types": """
class Meta(type):
    def __del__(self, look_up=look_up):
        look_up()
class One(metaclass=Meta):
    late = LooksUp()
sys.one = One
del One
""",
    "a cached object": """
caller.get(250, LooksUp)
caller.tight_get(250, LooksUp)
caller.c_get(250, LooksUp)
caller.value_get(250, LooksUp)
""",
    "a generator": """
def generate(look_up=look_up):
    try:
        yield
    finally:
        look_up()
sys.generator = generate()
next(sys.generator)
""",
    "a list of all objects": """
import gc
gc.disable()
kept = gc.get_objects()
kept.append(kept)
sys.kept = [kept, LooksUp()]
""",
    "no more modules": """
sys.modules.clear()
sys.late = LooksUp()
""",
    "no sys.modules": """
import os
os.register_at_fork(after_in_child=LooksUp())
del sys.modules
""",
    "atexit is cleared": """
import atexit, os
os.register_at_fork(after_in_child=LooksUp())
atexit._clear()
""",
    "atexit has run": """
import atexit, os
os.register_at_fork(after_in_child=LooksUp())
atexit._run_exitfuncs()
look_up()
""",
    "a fake atexit": """
import os
class Fake:
    kept = []
    def register(function, *args, **kwargs):
        Fake.kept.append(function)
sys.modules["atexit"] = Fake
os.register_at_fork(after_in_child=LooksUp())
look_up()
for function in Fake.kept:
    try:
        function()
    except TypeError:
        pass
look_up()
""",
}

# Import hooks that look up on every import, the library's own included.
IMPORT_HOOKS = """
import builtins
real = builtins.__import__
depth = 0
def look_up_and_import(*args, **kwargs):
    global depth
    depth += 1
    if depth < 5:
        look_up()
    depth -= 1
    return real(*args, **kwargs)
builtins.__import__ = look_up_and_import
class Finder:
    def find_spec(self, *args, **kwargs):
        look_up()
sys.meta_path.insert(0, Finder())
for name in ("atexit", "weakref"):
    sys.modules.pop(name, None)
look_up()
import colorsys
assert caller.import_attr(260, "bisect", "bisect") is __import__("bisect").bisect
"""


# An interpreter's first lookups, by several threads at once. All are in make()
# before one of them makes its object. Every import lets other threads run for a
# while.
FIRST_LOOKUPS_BY_THREADS = """
import threading
import time
class Finder:
    def find_spec(self, *args, **kwargs):
        time.sleep(0.001)
sys.meta_path.insert(0, Finder())
sys.modules.pop("atexit", None)
barrier = threading.Barrier(4)
all_are_in_make = threading.Barrier(4)
found = []
def first(i, get, make):
    barrier.wait()
    found.append(get(i, make))
def make():
    all_are_in_make.wait()
    return [me]
for i, get in enumerate((caller.get, caller.tight_get, caller.c_get, caller.value_get)):
    found.clear()
    threads = [threading.Thread(target=first, args=(i, get, make)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    for one in found:
        assert one == [me], (one, me)
        assert one is found[0] is get(i, list)
"""

# An interpreter's first lookups at Python's recursion limit. They may fail by a
# RecursionError, but in no other way.
FIRST_LOOKUPS_AT_DEPTH = """
sys.setrecursionlimit(200)
def descend(get, make):
    try:
        descend(get, make)
    except RecursionError:
        pass
    try:
        found = get(0, make)
    except RecursionError:
        return
    if found != [me]:
        caller.wrong()
sys.modules.pop("atexit", None)
for get in (caller.get, caller.tight_get, caller.c_get, caller.value_get):
    descend(get, [me].copy)
sys.setrecursionlimit(1000)
"""


class HostilePythonTest(unittest.TestCase):
    def setUp(self):
        self.wrong = caller.wrong_so_far()

    def tearDown(self):
        self.assertEqual(caller.wrong_so_far(), self.wrong)

    def live(self, *scripts, own_gil=False):
        with interpreters.Interpreter(own_gil) as one:
            one.run(START)
            for script in scripts:
                one.run(script)

    def test_traps(self):
        for name, trap in TRAPS.items():
            for own_gil, looked_up_before in ((False, False), (True, True)):
                with self.subTest(trap=name, looked_up_before=looked_up_before):
                    wrong = caller.wrong_so_far()
                    before = CHECK if looked_up_before else "pass"
                    self.live(before, trap, own_gil=own_gil)
                    self.live(CHECK, own_gil=own_gil)
                    self.assertEqual(caller.wrong_so_far(), wrong)

    def test_import_hooks(self):
        for own_gil in (False, True):
            self.live(IMPORT_HOOKS, CHECK, own_gil=own_gil)
            self.live(CHECK, own_gil=own_gil)
            self.live(CHECK, IMPORT_HOOKS, CHECK, own_gil=own_gil)
            self.live(CHECK, own_gil=own_gil)

    def test_first_lookups_by_threads(self):
        for _ in range(3):
            for own_gil in (False, True):
                self.live(FIRST_LOOKUPS_BY_THREADS, CHECK, own_gil=own_gil)
                self.live(CHECK, own_gil=own_gil)

    def test_first_lookups_at_depth(self):
        for own_gil in (False, True):
            self.live(FIRST_LOOKUPS_AT_DEPTH, CHECK, own_gil=own_gil)
            self.live(CHECK, own_gil=own_gil)

    # make() creates, runs and destroys interpreters.
    def test_make_runs_interpreters(self):
        def make():
            self.live(CHECK)
            self.live(TRAPS["at fork"])
            return [caller.interpreter_id()]

        for get in (caller.get, caller.tight_get, caller.c_get, caller.value_get):
            found = get(100, make)
            self.assertEqual(found, [caller.interpreter_id()])
            self.assertIs(get(100, list), found)
        self.live(CHECK)

    # (S32) What one interpreter owns ends others: by a call, or by the last
    # reference to their ids.
    def test_ends_that_end_others(self):
        module = interpreters._interpreters.__name__
        create = "create()" if sys.version_info < (3, 13) else "create('legacy')"
        pool = """
import os
import {module} as _interpreters
class Worker:
    def __init__(self, path=sys.path):
        self.id = _interpreters.{create}
        _interpreters.run_string(self.id, {start!r} + {check!r} + {trap!r})
    def __del__(self, destroy=_interpreters.destroy):
        destroy(self.id)
os.register_at_fork(after_in_child=LooksUp())
sys.workers = [Worker(), Worker()]
caller.get(150, Worker)
os.register_at_fork(after_in_child=LooksUp())
""".format(
            module=module,
            create=create,
            start=START,
            check=CHECK,
            trap=TRAPS["at fork"],
        )
        for before in ("pass", CHECK):
            self.live(before, pool)
            for _ in range(3):
                self.live(CHECK)

    # Threads die in make(), in every way that Python code can.
    def test_threads_die_in_make(self):
        def dies(error):
            def make():
                raise error

            def run():
                try:
                    caller.get(170, make)
                finally:
                    done.release()

            return run

        def exits():
            try:
                caller.get(170, _thread.exit)
            finally:
                done.release()

        self.addCleanup(setattr, sys, "unraisablehook", sys.__unraisablehook__)
        sys.unraisablehook = lambda error: None
        for function in (dies(SystemExit), dies(KeyboardInterrupt), dies(ValueError), exits):
            done = _thread.allocate_lock()
            done.acquire()
            _thread.start_new_thread(function, ())
            done.acquire()
        found = caller.get(170, lambda: ["right"])
        self.assertEqual(found, ["right"])
        self.assertIs(caller.get(170, list), found)

    # make() recurses until RecursionError. Afterwards the cache still works.
    def test_make_recurses_for_ever(self):
        def make():
            return caller.get(180, make)

        with self.assertRaises(RecursionError):
            caller.get(180, make)
        self.assertEqual(caller.get(180, lambda: ["right"]), ["right"])

    # The collector runs between lookups and finds the cached objects.
    def test_collections(self):
        class Cycle:
            def __init__(self):
                self.cycle = self

        threshold = gc.get_threshold()
        gc.set_threshold(1)
        try:
            for i in range(190, 240):
                for get in (caller.get, caller.tight_get, caller.c_get, caller.value_get):
                    found = get(i, Cycle)
                    gc.collect()
                    self.assertIs(get(i, list), found)
        finally:
            gc.set_threshold(*threshold)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
