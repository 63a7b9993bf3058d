"""Times escape() of the two folders' markupsafe._speedups, in turn.

markupsafe_speed.py ORIGINAL PORTED
"""

import importlib.util
import statistics
import sys
import time
import timeit


def load(folder):
    spec = importlib.util.spec_from_file_location("markupsafe._speedups", folder + "/markupsafe/_speedups.so")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main():
    sys.path.insert(0, sys.argv[1])
    escapes = [load(folder).escape for folder in sys.argv[1:3]]
    times = ([], [])
    for turn in range(32):
        for i in (0, 1) if turn % 2 else (1, 0):
            # Processor time, which does not count other programs.
            timer = timeit.Timer("escape('<user>')", timer=time.thread_time, globals={"escape": escapes[i]})
            times[i].append(timer.timeit(20000) / 20000)
    original, ported = (statistics.median(taken) * 1e9 for taken in times)
    print("escape(): original %.1f ns, ported %.1f ns, %.3f times" % (original, ported, ported / original))


main()
