"""//multislot/cpython for a CPython of one's choice."""

load("@rules_cc//cc:defs.bzl", "cc_library")

def cpython_adapter(name, python, **kwargs):
    """A cc_library like //multislot/cpython.

    Args:
      name: its name.
      python: a cc_library that has Python.h.
      **kwargs: as of cc_library: visibility, testonly.
    """
    cc_library(
        name = name,
        srcs = [
            "//multislot/cpython:current_interpreter.cc",
            "//multislot/cpython:multislot.cc",
        ],
        hdrs = [
            "//multislot/cpython:current_interpreter.h",
            "//multislot/cpython:handle_cache.h",
            "//multislot/cpython:import_attr.h",
            "//multislot/cpython:multislot.h",
        ],
        deps = [
            "//multislot",
            "@com_google_absl//absl/base:core_headers",
            python,
        ],
        **kwargs
    )
