"""(S36, S37) A process imports hundreds of extensions that embed multislot.

They are copies of one file. To the loader each is another shared object.
"""

import importlib.machinery
import importlib.util
import os
import shutil
import sys
import tempfile
import unittest

import interpreters

FILE, THREAD_LOCAL_FILE = sys.argv[1:3]

# More copies than Py_AtExit takes callbacks and than static TLS has room for.
COPIES = 200


def load(path):
    name = os.path.basename(os.path.dirname(path)) + ".crowd"
    loader = importlib.machinery.ExtensionFileLoader(name, path)
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def check(copies, lookups=5):
    """Each copy's objects. Checks that every lookup finds the same ones."""
    found = [copy.errors() for copy in copies]
    for _ in range(lookups):
        for copy, errors in zip(copies, found):
            for before, now in zip(errors, copy.errors()):
                assert before is now, copy.__file__
            try:
                copy.raise_it()
            except errors[0]:
                pass
    assert len({error for errors in found for error in errors}) == 3 * len(copies)
    return found


IN_A_SUB_INTERPRETER = """
import sys
sys.path[:0] = {path!r}
sys.argv = {argv!r}
import crowd_test
copies = [crowd_test.load(path) for path in {paths!r}]
made = [copy.made() for copy in copies]
crowd_test.check(copies)
assert [copy.made() - before for copy, before in zip(copies, made)] == [3] * len(copies)
"""


LATE_LOOKUPS = """
import os
import sys
sys.path[:0] = {path!r}
sys.argv = {argv!r}
import crowd_test
class LooksUp:
    def __init__(self, function):
        self.function = function
    def __call__(self):
        pass
    def __del__(self):
        self.function()
copies = [crowd_test.load(path) for path in {paths!r}]
os.register_at_fork(after_in_child=LooksUp(copies[3].errors))
sys.late = LooksUp(copies[2].errors)
copies[0].errors()
copies[1].errors()
os.register_at_fork(after_in_child=LooksUp(copies[0].errors))
"""


class CrowdTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        self.folder = folder

    def copies_of(self, file, count, prefix):
        paths = []
        for i in range(count):
            folder = os.path.join(self.folder, "%s%d" % (prefix, i))
            os.mkdir(folder)
            paths.append(os.path.join(folder, "crowd.so"))
            shutil.copyfile(file, paths[-1])
        return paths

    # (S36) A few more copies than Py_AtExit takes callbacks.
    def test_1_forty_copies(self):
        copies = [load(path) for path in self.copies_of(FILE, 40, "few")]
        check(copies)
        self.assertEqual([copy.made() for copy in copies], [3] * 40)

    # (S37)
    def test_2_thread_local_data(self):
        for path in self.copies_of(THREAD_LOCAL_FILE, 3, "first"):
            copy = load(path)
            self.assertEqual(copy.thread_local(), 4096)
            check([copy])

    def test_3_a_crowd(self):
        paths = self.copies_of(FILE, COPIES, "copy")
        copies = [load(path) for path in paths]
        found = check(copies)
        self.assertEqual([copy.made() for copy in copies], [3] * COPIES)

        script = IN_A_SUB_INTERPRETER.format(
            path=sys.path + [os.path.dirname(os.path.abspath(__file__))],
            argv=sys.argv,
            paths=paths,
        )
        for own_gil in (False, True):
            with interpreters.Interpreter(own_gil) as sub:
                sub.run(script)
        self.assertEqual([copy.made() for copy in copies], [9] * COPIES)

        # The main interpreter's objects are untouched and alive.
        for before, now in zip(found, check(copies)):
            for one, other in zip(before, now):
                self.assertIs(one, other)
        self.assertEqual([copy.made() for copy in copies], [9] * COPIES)

        # One more, with its own thread-local data.
        (path,) = self.copies_of(THREAD_LOCAL_FILE, 1, "late")
        late = load(path)
        self.assertEqual(late.thread_local(), 4096)
        check([late])

    # Copies that only a short-lived interpreter imports.
    def test_4_interpreters_come_and_go(self):
        paths = self.copies_of(FILE, 40, "brief")
        script = IN_A_SUB_INTERPRETER.format(
            path=sys.path + [os.path.dirname(os.path.abspath(__file__))],
            argv=sys.argv,
            paths=paths,
        )
        for own_gil in (False, True, False):
            with interpreters.Interpreter(own_gil) as sub:
                sub.run(script)


    # Some copies look up for the first time after others ended their record of
    # the interpreter. What such a late copy makes is its own.
    def test_5_late_lookups(self):
        paths = self.copies_of(FILE, 4, "late")
        script = LATE_LOOKUPS.format(
            path=sys.path + [os.path.dirname(os.path.abspath(__file__))],
            argv=sys.argv,
            paths=paths,
        )
        check_script = IN_A_SUB_INTERPRETER.format(
            path=sys.path + [os.path.dirname(os.path.abspath(__file__))],
            argv=sys.argv,
            paths=paths,
        )
        for own_gil in (False, True):
            for _ in range(2):
                with interpreters.Interpreter(own_gil) as sub:
                    sub.run(script)
                with interpreters.Interpreter(own_gil) as sub:
                    sub.run(check_script)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
