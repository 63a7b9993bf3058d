"""//multislot/cpython for a CPython of your choice."""

load("@rules_cc//cc:defs.bzl", "cc_library")

def cpython_adapter(name, python, limited_api = None, **kwargs):
    """A cc_library like //multislot/cpython.

    Args:
      name: its name.
      python: a cc_library that has Python.h, and no libpython. The one of
        //multislot/cpython is "@multislot//multislot/cpython:python".
      limited_api: the value of Py_LIMITED_API: "0x030a0000" or higher. Code
        that depends on it must define the same (local_defines), or linking or
        importing fails. With the limited API each lookup calls CPython.
      **kwargs: as of cc_library: visibility, testonly.
    """
    local_defines = ["Py_LIMITED_API=" + limited_api] if limited_api else []

    # Refuses to link code for other Pythons, with a message.
    cc_library(
        name = name + "_wrong_python",
        srcs = [
            Label("//multislot/cpython:python_abi"),
            Label("//multislot/cpython:wrong_python"),
        ],
        local_defines = local_defines,
        linkstatic = True,
        deps = [
            Label("//multislot/cpython:core_internal"),
            python,
        ],
        testonly = kwargs.get("testonly"),
    )
    cc_library(
        name = name,
        srcs = [
            Label("//multislot/cpython:right_python"),
            Label("//multislot/cpython:srcs"),
        ],
        hdrs = [
            Label("//multislot/cpython:hdrs"),
            Label("//multislot/cpython:python_abi"),
        ],
        local_defines = local_defines,
        deps = [
            ":%s_wrong_python" % name,
            Label("//multislot:core"),
            Label("//multislot:default"),
            Label("//multislot/cpython:core_internal"),
            Label("//multislot/cpython:stays_mapped"),
            Label("@com_google_absl//absl/base:config"),
            Label("@com_google_absl//absl/base:core_headers"),
            python,
        ],
        **kwargs
    )
