"""Extension modules for one of the CPythons found, and tests that run in its python3."""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_test")

def python_extension(name, python, **kwargs):
    """An extension module, FOLDER/MODULE.so; put FOLDER on sys.path to import it.

    Args:
      name: "FOLDER/MODULE".
      python: one of PYTHONS.
      **kwargs: as of cc_binary: srcs, deps and so on.
    """
    cc_binary(
        name = name + ".so",
        deps = kwargs.pop("deps", []) + ["@multislot_pythons//:%s_headers" % python],
        # The executable defines Python's symbols.
        linkopts = kwargs.pop("linkopts", []) + select({
            "@platforms//os:macos": ["-undefined", "dynamic_lookup"],
            "//conditions:default": [],
        }),
        linkshared = True,
        **kwargs
    )

def python_test(name, python, script, extensions, data = [], script_args = [], **kwargs):
    """A cc_test that runs a script in a real python3.

    Args:
      name: its name.
      python: one of PYTHONS.
      script: the file; if it ends with status 0 the test passes.
      extensions: names of python_extensions, for the script to import.
      data: other modules for the script to import.
      script_args: more arguments, at the end of the script's sys.argv.
      **kwargs: as of cc_test.
    """
    modules = [extension + ".so" for extension in extensions] + data
    cc_test(
        name = name,
        srcs = ["//third_party/python:python_main.cc"],
        args = ["$(rootpath %s)" % label for label in [script] + modules] + script_args,
        data = [script] + modules,
        deps = [
            "//third_party/python:sanitizers",
            "@multislot_pythons//:" + python,
        ],
        **kwargs
    )
