"""The measurements, and the names of what was measured."""

import json
import re
import statistics


class Series:
    """The repetitions of one benchmark, in ns."""

    def __init__(self, times):
        self.fastest = min(times)
        self.median = statistics.median(times)
        quartiles = statistics.quantiles(times, n=4) if len(times) > 1 else [times[0]] * 3
        self.first_quartile, self.third_quartile = quartiles[0], quartiles[2]

    def ratio(self, other):
        """The ratio of the fastest repetitions, and the range that the middle halves allow."""
        low = self.first_quartile / other.third_quartile
        high = self.third_quartile / other.first_quartile
        return f"{self.fastest / other.fastest:.2f} ({low:.2f} to {high:.2f})"


def by_python(name):
    """A key to sort by: py39 comes before py310."""
    found = re.search(r"py3(\d+)", name)
    return (int(found[1]) if found else 0, name)


class Results:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.data = json.load(file)

    def programs(self, prefix):
        """The programs with this prefix, the oldest Python first."""
        names = [name for name in self.data["programs"] if name.startswith(prefix)]
        return sorted(names, key=by_python)

    def farms(self):
        return [self.data["farm"][python] for python in sorted(self.data["farm"], key=by_python)]

    def names(self, program, pattern):
        return [name for name in self.data["programs"][program]["benchmarks"] if re.fullmatch(pattern, name)]

    def context(self, program):
        return self.data["programs"][program]["context"]

    def entry(self, program, name):
        return self.data["programs"][program]["benchmarks"].get(name)

    def series(self, program, name):
        entry = self.entry(program, name)
        return Series(entry["ns"]) if entry else None

    def counts(self, program, prefix):
        """The numbers after the prefix in the benchmarks' names, in order."""
        return sorted(int(name.rsplit("/", 1)[1]) for name in self.names(program, f"{prefix}/\\d+"))

    def resident(self, cache, interpreters, caches):
        """Resident bytes per cache if this many interpreters have filled this many caches."""
        return self.entry("core_memory", f"cache/{cache}/{interpreters}/{caches}")["resident_per_cache"]

    def most_threads(self, program):
        return max(int(name.rsplit(":", 1)[1]) for name in self.names(program, "threads/.*"))

    def positions(self, way, cache):
        """A cache's Series in core_hit, one for each position."""
        return [self.series("core_hit", f"{way}/{cache}/{i}") for i in self.counts("core_hit", f"{way}/{cache}")]

    def slowest_position(self, way, cache):
        return max(self.positions(way, cache), key=lambda series: series.fastest)

    def python(self, program):
        return self.context(program)["python"]


SLOTS = [1, 2, 4, 8, 16, 32, 64]
FIXED = [f"fixed_{n}" for n in SLOTS]
OURS = [*FIXED, "side_table"]
# The numbers of caches that are measured.
CACHES = [1, 10, 100, 1000, 10000, 100000]
# The peers that serve more than one interpreter.
RIVALS = ["map_per_interpreter", "thread_local_map", "shared_mutex_map", "mutex_flat_map"]
NAMES = {
    "floor": "floor: one atomic load",
    "single": "SingleSlot",
    "call_once": "std::call_once, one interpreter only",
    "map_per_interpreter": "flat_hash_map per interpreter",
    "thread_local_map": "thread_local unordered_map",
    "shared_mutex_map": "shared_mutex, unordered_map",
    "mutex_flat_map": "absl::Mutex, flat_hash_map",
    **{f"fixed_{n}": f"FixedSlots<{n}>" for n in [*SLOTS, 1024]},
    "side_table": "SideTable",
}
ADAPTER_NAMES = {
    "floor": "floor: who is current",
    "get_or_create": "get_or_create",
    "get_or_create_if_several": "get_or_create, SingleInterpreterFastPath",
    "get_or_create_given": "get_or_create, interpreter given",
    "get_or_create_fixed": "get_or_create, FixedSlots<8>",
    "no_slot": "get_or_create, FixedSlots without a slot",
    "per_interpreter": "PerInterpreter",
    "call_once_and_store": "CallOnceAndStore",
    "module_state": "module state, module given",
    "module_state_by_type": "module state by type",
    "id_array": "array by interpreter id",
    "interpreter_dict": "interpreter's dict",
    "pybind11_call_once": "pybind11 call_once_and_store",
    "import": "import and getattr",
}
PLACES = {"main": "main, alone", "main_of_8": "main of 8", "last_of_8": "last of 8", "last_of_64": "last of 64"}
