"""(S45) Immortal objects stay immortal in an extension for the limited API.

It may be compiled with the headers of a CPython without immortal objects. The
macros of those headers would take references from them.
"""

import sys
import threading
import unittest

import caller
import interpreters

LOOKUPS = 10000

# Whenever CPython uses an immortal object, it gives back one of the lost
# references. So these are not used between the counts, except a few times.
IMMORTAL = [None, True, False, ..., NotImplemented, (), "", b"", int, *range(-5, 257)]
TOLERANCE = 500 if sys.version_info >= (3, 12) else 5000


def counts():
    return [sys.getrefcount(one) for one in IMMORTAL]


def check(before):
    lost = [
        (one, count - now)
        for one, count, now in zip(IMMORTAL, before, counts())
        if abs(count - now) > TOLERANCE
    ]
    assert not lost, "lost references: %r" % lost


# A sub-interpreter runs this while main has the caches' only slots.
IN_A_SUB_INTERPRETER = """
import sys
sys.path[:0] = {path!r}
import immortal_test
immortal_test.look_up_without_a_slot()
""".format(path=sys.path + [__file__.rpartition("/")[0]])


def look_up_without_a_slot():
    values = [None, 1, 200, (), int]
    for look_up in (caller.tight_get, caller.c_get):
        before = counts()
        for i in range(100):
            for _ in range(3):
                value = values[i % len(values)]
                assert look_up(i, lambda: value) is value
        for i in range(3):
            assert look_up(i, list, LOOKUPS) is values[i]
        check(before)


class ImmortalTest(unittest.TestCase):
    def test_lookups_without_a_slot(self):
        for i in range(100):
            caller.tight_get(i, lambda: None)
            caller.c_get(i, lambda: None)
        before = counts()
        # With main, one interpreter more than multislot_get() has slots.
        with interpreters.several(8) as eight:
            for interpreter in eight[:-1]:
                interpreter.run(
                    "import sys; sys.path[:0] = %r; import caller\n"
                    "for i in range(100): caller.c_get(i, list)" % sys.path
                )
            eight[-1].run(IN_A_SUB_INTERPRETER)
        check(before)

    def test_hits(self):
        before = counts()
        for look_up in (caller.get, caller.tight_get, caller.c_get, caller.value_get):
            look_up(250, lambda: 123)
            self.assertEqual(look_up(250, list, LOOKUPS), 123)
        check(before)

    # Before 3.12, every cache owns a reference to what make() returned.
    @unittest.skipUnless(sys.version_info >= (3, 12), "nothing is immortal")
    def test_lost_races(self):
        for one in (None, True, (), 1, 200):
            before = counts()
            self.assertIs(caller.lose_races(lambda: one, LOOKUPS), one)
            check(before)

    @unittest.skipUnless(sys.version_info >= (3, 12), "nothing is immortal")
    def test_threads_race(self):
        barrier = threading.Barrier(4)

        def make():
            barrier.wait()
            return 7

        def race():
            for i in range(50):
                self.assertEqual(caller.get(i, make), 7)

        before = counts()
        interpreters.run_together([race] * 4)
        check(before)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
