"""fraction, in a real python3: in the main interpreter, and in others with a GIL each."""

import fractions
import sys
import unittest

import fraction
import interpreters

IN_EACH = f"""
import sys
sys.path[:0] = {sys.path!r}
import fractions
import fraction

for _ in range(10):
    assert type(fraction.half()) is fractions.Fraction
"""


class FractionTest(unittest.TestCase):
    def test_here(self):
        self.assertIs(type(fraction.half()), fractions.Fraction)

    def test_in_interpreters_with_a_gil_each(self):
        with interpreters.several(3, own_gil=True) as several:
            for interpreter in several:
                interpreter.run(IN_EACH)
        self.assertIs(type(fraction.half()), fractions.Fraction)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
