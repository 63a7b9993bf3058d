"""//multislot/cpython for a CPython of one's choice."""

load("@rules_cc//cc:defs.bzl", "cc_library")

def cpython_adapter(name, python, limited_api = None, **kwargs):
    """A cc_library like //multislot/cpython.

    Args:
      name: its name.
      python: a cc_library that has Python.h.
      limited_api: what Py_LIMITED_API is to be, for it and for whatever depends
        on it: "0x030a0000" or higher. A lookup then costs a call into CPython.
      **kwargs: as of cc_library: visibility, testonly.
    """
    cc_library(
        name = name,
        srcs = [
            "//multislot/cpython:ask_if_several.cc",
            "//multislot/cpython:current_interpreter.cc",
            "//multislot/cpython:keep_error.h",
            "//multislot/cpython:multislot.cc",
        ],
        hdrs = [
            "//multislot/cpython:ask_if_several.h",
            "//multislot/cpython:current_interpreter.h",
            "//multislot/cpython:handle_cache.h",
            "//multislot/cpython:import_attr.h",
            "//multislot/cpython:multislot.h",
        ],
        defines = ["Py_LIMITED_API=" + limited_api] if limited_api else [],
        deps = [
            "//multislot",
            "@com_google_absl//absl/base:core_headers",
            python,
        ],
        **kwargs
    )
