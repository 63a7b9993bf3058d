"""Sub-interpreters, under whatever name this CPython has them."""

import contextlib
import sys
import threading

try:
    import _interpreters  # 3.13
except ImportError:
    import _xxsubinterpreters as _interpreters

# Whether a sub-interpreter can have a GIL of its own (or there is none at all).
OWN_GIL = sys.version_info >= (3, 12)


class Interpreter:
    """A sub-interpreter, until the end of a with statement.

    With own_gil, it has its own where there is such a thing, and refuses
    extensions that do not say they can live with that.
    """

    def __init__(self, own_gil=False):
        if sys.version_info >= (3, 13):
            self._id = _interpreters.create("isolated" if own_gil else "legacy")
        else:
            self._id = _interpreters.create(isolated=own_gil and OWN_GIL)

    def run(self, script):
        """Runs the script there, in this thread. What it raises is an error."""
        failure = _interpreters.run_string(self._id, script)
        if failure is not None:  # 3.13; before, it is raised
            raise RuntimeError(failure.formatted)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        _interpreters.destroy(self._id)


@contextlib.contextmanager
def several(count, own_gil=False):
    """That many sub-interpreters, until the end of a with statement."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Interpreter(own_gil)) for _ in range(count)]


def run_together(functions):
    """Calls the functions, each in a thread, and raises what one of them did."""
    failures = []

    def call(function):
        try:
            function()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=call, args=(f,)) for f in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def run_in_each(interpreters, script):
    """Runs the script in all of the interpreters at once."""
    run_together([lambda i=i: i.run(script) for i in interpreters])
