"""An extension in a real python3. (Sn) is a scenario of docs/scenarios.md."""

import atexit
import os
import sys
import threading
import unittest
import warnings

import interpreters
import probe_a

ID_OF_MAIN = probe_a.interpreter_id()
ASKS_AT_FIRST = probe_a.asks()

GIL = getattr(sys, "_is_gil_enabled", lambda: True)()

# From 3.12 on, os.fork() warns if there are other threads.
warnings.simplefilter("ignore", DeprecationWarning)


CHECK_IF_SEVERAL = """
import sys
sys.path[:0] = {path!r}
import probe_a
for _ in range(3):
    assert probe_a.if_several() == [probe_a.interpreter_id()], probe_a.if_several()
""".format(path=sys.path)


class ExtensionTest(unittest.TestCase):
    # (S20)
    def test_a_lookup_before_init(self):
        self.assertTrue(probe_a.right_before_init())
        self.assertEqual(probe_a.own(), [ID_OF_MAIN])
        self.assertIs(probe_a.own(), probe_a.own())

    # (S21) The module is made again; the interpreter owns the cached object.
    def test_the_module_is_dropped(self):
        global probe_a
        own, before = probe_a.own, probe_a.own()
        del sys.modules["probe_a"], probe_a
        self.assertIs(own(), before)
        import probe_a

        self.assertIsNot(probe_a.own, own)
        self.assertIs(probe_a.own(), before)
        self.assertIs(own(), before)

    def test_asks_who_is_current_if_there_are_several(self):
        self.assertFalse(ASKS_AT_FIRST)
        self.assertEqual(probe_a.if_several(), [ID_OF_MAIN])
        with interpreters.several(2, own_gil=True) as two:
            self.assertTrue(probe_a.asks())
            self.assertEqual(probe_a.if_several(), [ID_OF_MAIN])
            interpreters.run_in_each(two, CHECK_IF_SEVERAL)
        self.assertTrue(probe_a.asks())
        self.assertEqual(probe_a.if_several(), [ID_OF_MAIN])

    # (S27) The child has only this thread, and can fill and hit. Without a GIL
    # it may hang in setdefault(): in CPython 3.13 a thread that is not there any
    # more may have been waiting for a dict's lock.
    @unittest.skipUnless(hasattr(os, "fork"), "no fork")
    @unittest.skipUnless(GIL, "a dict may be locked in the child")
    def test_fork_while_others_fill(self):
        done = False

        def fill():
            while not done:
                self.assertTrue(probe_a.fill())

        def fork():
            nonlocal done
            try:
                for _ in range(20):
                    child = os.fork()
                    if child == 0:
                        os._exit(0 if probe_a.fill() else 1)
                    self.assertEqual(os.waitpid(child, 0)[1], 0)
            finally:
                done = True

        interpreters.run_together([fill, fill, fork])


def exit_while_looking_up():
    """(S17, S18) The process ends in the middle of lookups.

    They come from an atexit function, a daemon thread, and the end of an object
    that outlives its module. A wrong lookup ends the process with status 1.
    """

    def look_up(shared=probe_a.shared, own=probe_a.own):
        if shared() != [ID_OF_MAIN] or own() != [ID_OF_MAIN]:
            os._exit(1)

    class LooksUpAsItDies:
        def __del__(self, look_up=look_up):
            look_up()

    def look_up_for_ever(look_up=look_up):
        while True:
            look_up()

    atexit.register(look_up)
    sys.lives_long = LooksUpAsItDies()
    threading.Thread(target=look_up_for_ever, daemon=True).start()


if __name__ == "__main__":
    result = unittest.main(argv=sys.argv[:1], exit=False).result
    exit_while_looking_up()
    sys.exit(not result.wasSuccessful())
