"""points, in a real python3: one interpreter, several, several at once."""

import sys
import unittest

import interpreters
import points

IN_EACH = """
import sys
sys.path[:0] = {path!r}
import points

assert points.PointError.__module__ == "points", points.PointError
for i in range(500):
    mirrored = points.mirror((1, i), points.Axis.X)
    assert type(mirrored) is points.Point, type(mirrored)
    assert mirrored == (1, -i), mirrored
    assert points.mirror((1, i), points.Axis.Y) == (-1, i)
    assert points.distance((3 * i, 4 * i)) == 5 * i
    try:
        points.mirror((1, 2), "X")
        assert False, "took it"
    except points.PointError:
        pass
""".format(path=sys.path)


class PointsTest(unittest.TestCase):
    def test_mirror(self):
        mirrored = points.mirror(points.Point(2, 4), points.Axis.X)
        self.assertEqual(repr(mirrored), "Point(x=2.0, y=-4.0)")
        self.assertIs(type(mirrored), points.Point)
        self.assertEqual(points.distance(mirrored), 20**0.5)

    def test_refuses(self):
        self.assertTrue(issubclass(points.PointError, ValueError))
        with self.assertRaises(points.PointError):
            points.mirror((1, 2, 3), points.Axis.X)
        with self.assertRaises(points.PointError):
            points.mirror((1, 2), "X")
        with self.assertRaises(points.PointError):
            points.distance(())
        with self.assertRaises(TypeError):
            points.mirror(1, 2)

    # Each interpreter's class has the same name.
    def test_another_interpreters_are_not_ours(self):
        with interpreters.several(1) as (other,):
            other.run(
                IN_EACH
                + "assert {} not in (id(points.Point), id(points.Axis))\n".format(id(points.Axis))
                + "assert {} != id(points.PointError)\n".format(id(points.PointError))
            )
        self.assertIs(type(points.mirror((0, 0), points.Axis.Y)), points.Point)

    # With a shared GIL, and from pybind11 3 on with a GIL each.
    def test_eight_interpreters_at_once(self):
        self.use_eight(own_gil=False)
        if points.PYBIND11 >= 3:
            self.use_eight(own_gil=True)

    def use_eight(self, own_gil):
        with interpreters.several(8, own_gil) as eight:
            interpreters.run_in_each(eight, IN_EACH)
            self.assertIs(type(points.mirror((0, 0), points.Axis.X)), points.Point)
            interpreters.run_in_each(eight, IN_EACH)

    def test_interpreters_come_and_go(self):
        for _ in range(20):
            with interpreters.several(2) as both:
                for interpreter in both:
                    interpreter.run(IN_EACH)
        self.assertIs(type(points.mirror((0, 0), points.Axis.X)), points.Point)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
