"""points, in a real python3: one interpreter, several, several at once."""

import sys
import unittest

import interpreters
import points

IN_EACH = """
import sys
sys.path[:0] = {path!r}
import points

for i in range(500):
    middle = points.midpoint((0, i), (i, 0))
    assert type(middle) is points.Point, type(middle)
    assert middle == (i / 2, i / 2), middle
    try:
        points.midpoint((1,), (2, 3))
        assert False, "took it"
    except ValueError:
        pass
""".format(path=sys.path)


class PointsTest(unittest.TestCase):
    def test_midpoint(self):
        middle = points.midpoint(points.Point(0, 0), points.Point(2, 4))
        self.assertEqual(repr(middle), "Point(x=1.0, y=2.0)")
        self.assertIs(type(middle), points.Point)

    def test_refuses(self):
        with self.assertRaises(ValueError):
            points.midpoint((1, 2), (1, 2, 3))
        with self.assertRaises(TypeError):
            points.midpoint(1, 2)

    # With one GIL for all: more is not for pybind11 2.
    def test_eight_interpreters_at_once(self):
        with interpreters.several(8) as eight:
            interpreters.run_in_each(eight, IN_EACH)
            self.assertIs(type(points.midpoint((0, 0), (1, 1))), points.Point)
            interpreters.run_in_each(eight, IN_EACH)

    def test_interpreters_come_and_go(self):
        for _ in range(20):
            with interpreters.several(2) as both:
                for interpreter in both:
                    interpreter.run(IN_EACH)
        self.assertIs(type(points.midpoint((0, 0), (1, 1))), points.Point)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
