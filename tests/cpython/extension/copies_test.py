"""(S25) Two extensions that each embed multislot, in one process.

Each copy must meet the interpreters in a different order. If the copies gave
out the same tags twice, these would then clash in the cache that both share.
"""

import sys
import unittest

import interpreters

IMPORT_B_FIRST = """
import sys
sys.path[:0] = {path!r}
import probe_b
before = probe_b.shared()
import probe_a
""".format(path=sys.path)

CHECK = """
me = probe_a.interpreter_id()
for _ in range(200):
    for module in (probe_b, probe_a):
        assert module.right_before_init()
        assert module.own() == [me], (module.own(), me)
        assert module.if_several() == [me], (module.if_several(), me)
        assert module.shared() == [me], (module.shared(), me)
    assert probe_a.own() is not probe_b.own()
    assert probe_b.shared() is before
    if probe_a.shared_cache() == probe_b.shared_cache():
        assert probe_a.shared() is before
assert probe_a.fill() and probe_b.fill()
"""


class CopiesTest(unittest.TestCase):
    def test_they_do_not_collide(self):
        import probe_a

        main = probe_a.interpreter_id()
        self.assertEqual(probe_a.shared(), [main])
        self.assertEqual(probe_a.if_several(), [main])
        with interpreters.several(4, own_gil=True) as four:
            for interpreter in four:
                interpreter.run(IMPORT_B_FIRST)
            import probe_b

            self.assertEqual(probe_b.shared(), [main])
            interpreters.run_in_each(four, CHECK)
            for module in (probe_a, probe_b):
                self.assertEqual(module.shared(), [main])
                self.assertEqual(module.own(), [main])
                self.assertEqual(module.if_several(), [main])
        for module in (probe_a, probe_b):
            self.assertEqual(module.shared(), [main])
            self.assertEqual(module.own(), [main])


if __name__ == "__main__":
    # RTLD_GLOBAL, as some users load extensions: the copies share even more.
    if sys.argv[-1] == "--global":
        sys.setdlopenflags(sys.getdlopenflags() | 0x100)  # RTLD_GLOBAL
    unittest.main(argv=sys.argv[:1])
