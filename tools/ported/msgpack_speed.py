"""Times packb() and unpackb() with the two folders' extensions, in turn.

msgpack_speed.py ORIGINAL PORTED
"""

import datetime
import importlib.util
import statistics
import sys
import time
import timeit


def measure(call, number):
    # Processor time, which does not count other programs.
    return timeit.timeit(call, timer=time.process_time, number=number) / number


def load(folder):
    spec = importlib.util.spec_from_file_location("msgpack._cmsgpack", folder + "/msgpack/_cmsgpack.so")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main():
    sys.path.insert(0, sys.argv[1])
    from msgpack import Timestamp

    modules = [load(folder) for folder in sys.argv[1:3]]
    packers = [module.Packer(datetime=True) for module in modules]
    record = {"id": 17, "name": "user", "tags": ["a", "b", "c"], "at": [1.5, -2.5], "raw": b"0123456789"}
    things = [
        ("an int", 17, 0),
        ("a record", record, 0),
        ("100 records", [record] * 100, 0),
        ("100 Timestamps", [Timestamp(17, 5)] * 100, 0),
        ("100 datetimes", [datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc)] * 100, 3),
    ]
    for what, thing, timestamp in things:
        packed = packers[0].pack(thing)
        assert packers[1].pack(thing) == packed
        for name, calls in [
            ("pack", [lambda pack=packer.pack: pack(thing) for packer in packers]),
            ("unpackb", [lambda unpackb=module.unpackb: unpackb(packed, timestamp=timestamp) for module in modules]),
        ]:
            number = max(1, int(0.004 / max(measure(calls[0], 50), 1e-8)))
            times = ([], [])
            for _ in range(31):
                for taken, call in zip(times, calls):
                    taken.append(measure(call, number))
            original, ported = (statistics.median(taken) * 1e9 for taken in times)
            print(
                "%s of %s: original %.0f ns, ported %.0f ns, %.3f times" % (name, what, original, ported, ported / original)
            )


main()
