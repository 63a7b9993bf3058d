"""Each way to keep an object before and after, in several interpreters."""

import importlib
import sys
import unittest

import interpreters

GET = """
import sys
sys.path[:] = {path!r}
import decimal
import fractions
import {module}

expected = {{"state": (decimal.Decimal, fractions.Fraction)}}.get({module!r}.split("_")[0], fractions.Fraction)
got = {module}.get()
assert got == expected, "another interpreter's"
assert {module}.get() == got
"""

MODULES = sys.argv.pop().split(",")


def run_in(count, own_gil, module):
    script = GET.format(path=sys.path, module=module)
    with interpreters.several(count, own_gil) as several:
        interpreters.run_in_each(several, script)


class MigratingTest(unittest.TestCase):
    def test_all_are_right_in_one_interpreter(self):
        for module in MODULES:
            with self.subTest(module):
                exec(GET.format(path=sys.path, module=module), {})

    def test_after(self):
        for module in MODULES:
            # pybind11 2 shares one GIL.
            own_gil = getattr(importlib.import_module(module), "PYBIND11", 3) >= 3
            if module.endswith("_after"):
                with self.subTest(module):
                    run_in(8, own_gil, module)
                    run_in(2, False, module)

    # Also right, if the module is at hand.
    def test_module_state(self):
        run_in(8, True, "state_before")

    def test_before(self):
        for module, says in {
            # The second is what a free-threaded Python says.
            "static_before": "another interpreter's|subinterpreters",
            "cython_before": "only be loaded into one interpreter",
            "pybind_before": "another interpreter's",
        }.items():
            if module not in MODULES:
                continue
            with self.subTest(module):
                imported = importlib.import_module(module)
                imported.get()
                if getattr(imported, "PYBIND11", 2) >= 3:
                    run_in(8, True, module)  # right, and slow
                    continue
                with self.assertRaisesRegex(Exception, says):
                    run_in(1, False, module)
                # Such an interpreter cannot have its own GIL.
                if interpreters.OWN_GIL:
                    with self.assertRaisesRegex(Exception, "subinterpreters|one interpreter"):
                        run_in(1, True, module)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
