"""Benchmark programs, each with a smoke test."""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_test")

# The arguments of `bazel run`; report/measure.py uses the same.
_MEASURE_ARGS = [
    "--benchmark_enable_random_interleaving",
    "--benchmark_min_time=0.004",
    "--benchmark_repetitions=51",
    "--benchmark_report_aggregates_only",
]

# Where a loop or function starts changes a time of a nanosecond by a cycle, so all are
# aligned alike.
ALIGNED_COPTS = [
    "-falign-functions=64",
    "-falign-loops=64",
]

def benchmark_program(name, srcs, deps, smoke_filter = ".", **kwargs):
    """A cc_binary, and a cc_test, smoke_test_NAME, that runs it as briefly as possible.

    Args:
      name: of the cc_binary.
      srcs: of the cc_binary.
      deps: of the cc_binary.
      smoke_filter: a regular expression for the benchmarks that the cc_test runs.
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
        # A sanitizer finds nothing here that it does not find in the tests.
        tags = ["no_sanitizer"],
        deps = [":" + name + "_lib"],
    )
