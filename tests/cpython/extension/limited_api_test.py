"""(S45) Immortal objects keep their references.

The extension is compiled for the limited API of an older Python, whose
Py_DECREF knows no immortal objects.
"""

import sys
import unittest

import crowd
import interpreters

LOOK_UP = """
import sys
sys.path[:0] = {path!r}
import crowd
for _ in range(20000):
    crowd.without_slot()
""".format(path=sys.path)


def counts():
    return [sys.getrefcount(i) for i in (*range(-5, 1025), None, True, "a", ())]


class LimitedApiTest(unittest.TestCase):
    def check(self, function):
        function()
        before = counts()
        for _ in range(3):
            function()
        after = counts()
        # What is not immortal comes and goes with other code.
        self.assertLess(max(abs(b - a) for b, a in zip(before, after)), 1000)

    def test_lookups_without_a_slot(self):
        crowd.without_slot()
        with interpreters.several(1) as (another,):
            self.check(lambda: another.run(LOOK_UP))

    def test_losers_that_are_immortal(self):
        def lose():
            for _ in range(2000):
                crowd.race(None)
                crowd.race(lambda: crowd.race(lambda: 7))

        self.check(lose)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
