"""Benchmark programs, each with a test that it runs."""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_test")

# How a program is run by `bazel run`; report/measure.py does it alike.
_MEASURE_ARGS = [
    "--benchmark_enable_random_interleaving",
    "--benchmark_min_time=0.004",
    "--benchmark_repetitions=51",
    "--benchmark_report_aggregates_only",
]

# Where a loop or function happens to lie moves figures of a nanosecond by a
# cycle, so all lie alike.
ALIGNED_COPTS = [
    "-falign-functions=64",
    "-falign-loops=64",
]

def benchmark_program(name, srcs, deps, smoke_filter = ".", **kwargs):
    """A cc_binary, and a cc_test, smoke_test_NAME, that runs it as briefly as can be.

    Args:
      name: of the cc_binary.
      srcs: of the cc_binary.
      deps: of the cc_binary.
      smoke_filter: which of its benchmarks the cc_test runs.
      **kwargs: as of cc_library.
    """
    cc_library(
        name = name + "_lib",
        testonly = True,
        srcs = srcs,
        copts = ALIGNED_COPTS,
        deps = deps,
        alwayslink = True,
        **kwargs
    )
    cc_binary(
        name = name,
        testonly = True,
        args = _MEASURE_ARGS,
        deps = [":" + name + "_lib"],
    )
    cc_test(
        name = "smoke_test_" + name,
        size = "small",
        args = [
            "--benchmark_min_time=0.000001",
            "--benchmark_filter=" + smoke_filter,
        ],
        # Under a sanitizer nothing would be seen that tests do not show.
        tags = ["no_sanitizer"],
        deps = [":" + name + "_lib"],
    )
