"""Finds the CPythons of this machine, for programs that embed or extend one.

The repository that python_headers_and_libraries() makes has, for each CPython
found, two cc_libraries named after it:

    @multislot_pythons//:py311_headers   for extension modules: the headers, and
                                         multislot_python.h with the path of the
                                         executable
    @multislot_pythons//:py311           for programs that embed it: libpython too

and `default_headers` and `default_with_libpython` for the one that comes first. Its file
defs.bzl lists them: PYTHONS maps names to versions, DEFAULT_PYTHON is the name
of the one that comes first.

The repository that default_python() makes has one target, `headers`: the Python
that //multislot/cpython is built for unless a flag names another. It does not
search the machine itself.
"""

_BUILD_HEAD = """\
load("@rules_cc//cc:defs.bzl", "cc_library")

package(default_visibility = ["//visibility:public"])
"""

_LIBRARY = """
cc_library(
    name = "{name}_headers",
    hdrs = glob(["{name}/**/*.h"]),
    includes = ["{name}", "{name}/include"],
)

cc_library(
    name = "{name}",
    hdrs = glob(["{name}/**/*.h"]),
    linkopts = ["-L{libdir}", "-l{library}", "-Wl,-rpath,{libdir}"],
    deps = [":{name}_headers"],
)
"""

_DEFAULT = """
alias(
    name = "default_headers",
    actual = ":{name}_headers",
)

alias(
    name = "default_with_libpython",
    actual = ":{name}",
)
"""

_HEADER = """\
// The executable of the CPython that this library belongs to.
#define MULTISLOT_PYTHON_EXECUTABLE "{executable}"
"""

def _python_headers_and_libraries_impl(repository_ctx):
    script = repository_ctx.path(Label("//third_party/python:find_pythons.sh"))
    result = repository_ctx.execute(["sh", str(script)])
    if result.return_code != 0:
        fail("find_pythons.sh: " + result.stderr)
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    if not lines:
        fail("No CPython 3.9 or newer with headers and a shared libpython was found " +
             "(on Debian: apt-get install python3-dev). To name one: MULTISLOT_PYTHON=/path/to/python3")

    build = _BUILD_HEAD
    for name, _, executable, include, libdir, library in lines:
        repository_ctx.symlink(include, name + "/include")
        repository_ctx.file(name + "/multislot_python.h", _HEADER.format(executable = executable))
        build += _LIBRARY.format(name = name, libdir = libdir, library = library)
    build += _DEFAULT.format(name = lines[0][0])
    repository_ctx.file("BUILD.bazel", build)

    versions = {line[0]: line[1] for line in lines}
    repository_ctx.file("defs.bzl", '"""The CPythons found."""\n\nPYTHONS = {}\n\nDEFAULT_PYTHON = "{}"\n'.format(
        versions,
        lines[0][0],
    ))

python_headers_and_libraries = repository_rule(
    implementation = _python_headers_and_libraries_impl,
    configure = True,
    environ = [
        "HOME",
        "MULTISLOT_PYTHON",
        "PATH",
        "PYENV_ROOT",
    ],
    local = True,
)

_DEFAULT_PYTHON = """\
alias(
    name = "headers",
    actual = "{headers}",
    visibility = ["//visibility:public"],
)
"""

def _default_python_impl(repository_ctx):
    repository_ctx.file("BUILD.bazel", _DEFAULT_PYTHON.format(headers = repository_ctx.attr.headers))

default_python = repository_rule(
    implementation = _default_python_impl,
    attrs = {
        "headers": attr.string(
            doc = "The label of a cc_library that has Python.h.",
            mandatory = True,
        ),
    },
)
