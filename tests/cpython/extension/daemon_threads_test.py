"""(S38) The process ends while daemon threads are in the middle of lookups.

Before 3.14, CPython unwinds such a thread's stack and ends it when it wants to
attach again. Each case runs in its own child processes, several at once. Each
must end normally with status 0.
"""

import functools
import os
import signal
import sys
import tempfile
import threading
import time
import traceback

import caller

THREADS = 4

# How many children run at once. With more, a slow build's children come near
# the time limit on a busy machine.
CHILDREN = 16

# From 3.14 on, a daemon thread that wants to attach hangs instead of ending.
THREADS_END = sys.version_info < (3, 14)

# The process's threads, by id. Without this folder, or if threads do not end,
# the main thread just gives them some time.
TASKS = "/proc/self/task"
CAN_SEE_THEM_END = THREADS_END and os.path.isdir(TASKS)
SOME_TIME = 0.5


class Lingers:
    """Delays the process's end until the threads have woken up and ended.

    Its __del__() wakes them: they read from `its_end`. Then it sleeps, or keeps
    the GIL most of the time by being busy. Nothing that the threads do may reach
    it; if nothing does, it says so on the pipe.
    """

    def __init__(self, busy, pipe):
        self.busy = busy
        self.pipe = pipe
        self.threads = set()
        self.its_end, self.end_begins = os.pipe()

    def __del__(
        self,
        close=os.close,
        listdir=os.listdir,
        monotonic=time.monotonic,
        sleep=time.sleep,
        write=os.write,
        tasks=TASKS,
        can_see_them_end=CAN_SEE_THEM_END,
        a_moment=0.01,
        some_time=SOME_TIME,
    ):
        close(self.end_begins)
        if can_see_them_end:
            while not self.threads.isdisjoint(listdir(tasks)):
                if self.busy:
                    end = monotonic() + a_moment
                    while monotonic() < end:
                        pass
                else:
                    sleep(a_moment)
        else:
            sleep(some_time)
        write(self.pipe, b"undisturbed")


def until_the_end():
    """Makes a function that returns once the interpreter is being finalised.

    It has no reference to sys.lingers, which that would keep alive.
    """
    return functools.partial(os.read, sys.lingers.its_end, 1)


def start(function, they_end=True):
    def run():
        try:
            function()
        except BaseException:
            traceback.print_exc()
            os._exit(1)

    for _ in range(THREADS):
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        if they_end:
            sys.lingers.threads.add(str(thread.native_id))


def wait_for(entered, count):
    for _ in range(count):
        entered.acquire()


def lose_races(look_up):
    """The threads have lost a race, and their objects die slowly."""
    entered = threading.Semaphore(0)
    barrier = threading.Barrier(THREADS)

    class DiesSlowly:
        def __del__(self, enter=entered.release, wait=until_the_end()):
            enter()
            wait()

    def make():
        barrier.wait()
        return DiesSlowly()

    start(lambda: look_up(0, make))
    wait_for(entered, THREADS - 1)


def are_in_make(look_up):
    """The threads are in make(), all for the same cache."""
    entered = threading.Semaphore(0)

    def make(wait=until_the_end()):
        entered.release()
        wait()
        return []

    start(lambda: look_up(0, make))
    wait_for(entered, THREADS)


def are_in_nested_makes(look_up):
    """The threads are in a make() inside another make()."""
    entered = threading.Semaphore(0)

    def make(wait=until_the_end()):
        entered.release()
        wait()
        return []

    start(lambda: look_up(0, lambda: look_up(1, make)))
    wait_for(entered, THREADS)


def keep_looking_up(look_up):
    """The threads hit, miss and fail in turns and never stop."""
    entered = threading.Semaphore(0)

    def fail():
        raise KeyError

    def look_up_for_ever(look_up=look_up, entered=entered):
        announced = False
        while True:
            for i in range(100):
                look_up(i, list)
            try:
                look_up(200, fail)
            except KeyError:
                pass
            if not announced:
                announced = True
                entered.release()

    start(look_up_for_ever)
    wait_for(entered, THREADS)


def are_in_register(look_up):
    """The threads are in an audit hook that SingleInterpreterFastPath::Enable() calls."""
    entered = threading.Semaphore(0)

    def hook(event, _, enter=entered.release, wait=until_the_end()):
        if event == "multislot.are_you_there":
            enter()
            wait()

    # A thread does not reach the hook while another one makes the interpreter's
    # record.
    caller.get(0, list)
    sys.addaudithook(hook)
    start(lambda: look_up(0, list))
    wait_for(entered, THREADS)


def import_slowly(look_up):
    """The threads import a module that takes long to import."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "slow_to_import.py"), "w") as file:
            file.write(
                "import os\nimport sys\nimport threading\n"
                "sys.lingers.threads.add(str(threading.get_native_id()))\n"
                "sys.entered.release()\n"
                "os.read(sys.lingers.its_end, 1)\n"
                "thing = []\n"
            )
        sys.path.insert(0, folder)
        sys.entered = threading.Semaphore(0)
        # The others wait for the first one's import for ever.
        start(
            lambda: look_up(0, "slow_to_import", "thing"),
            they_end=False,
        )
        wait_for(sys.entered, 1)


LOOK_UPS = [
    caller.get,
    caller.tight_get,
    caller.c_get,
    caller.value_get,
    caller.c_value_get,
    caller.get_if_several,
    caller.get_with_an_error,
]

# (what the threads do, how they look up, whether main is busy while it finalises)
CASES = [
    (case, look_up, False)
    for case in (lose_races, are_in_make, are_in_nested_makes, keep_looking_up)
    for look_up in LOOK_UPS
    for _ in range(2)
]
CASES += [
    (case, look_up, True)
    for case in (lose_races, are_in_make)
    for look_up in (caller.get, caller.get_with_an_error)
]
CASES += [
    (import_slowly, look_up, False)
    for look_up in (caller.import_attr, caller.c_import_attr)
]
if caller.can_end_in_register():
    CASES += [(are_in_register, caller.get_if_several, busy) for busy in (False, True)]


def run_in_child(case, look_up, busy, pipe):
    """Runs the case in a child process and returns its id."""
    child = os.fork()
    if child == 0:
        signal.alarm(40)  # ends it if it hangs; it needs about one second
        sys.lingers = Lingers(busy, pipe)
        case(look_up)
        sys.exit(0)
    return child


def all_end_well(cases):
    children = []
    for case, look_up, busy in cases:
        name = "%s by %s%s" % (case.__name__, look_up.__name__, ", busy" * busy)
        from_child, to_parent = os.pipe()
        children.append((run_in_child(case, look_up, busy, to_parent), from_child, name))
        os.close(to_parent)
    all_well = True
    for child, pipe, name in children:
        status = os.waitpid(child, 0)[1]
        said = os.read(pipe, 100)
        os.close(pipe)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM:
            print("%s: hung, said %r" % (name, said))
            all_well = False
        elif status != 0 or said != b"undisturbed":
            print("%s: ended with status %d, said %r" % (name, status, said))
            all_well = False
    return all_well


def main():
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        print("not run: without a GIL, CPython 3.13 itself hangs in these cases")
        return
    results = [all_end_well(CASES[i : i + CHILDREN]) for i in range(0, len(CASES), CHILDREN)]
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
