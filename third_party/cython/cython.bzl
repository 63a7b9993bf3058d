"""Finds a Cython that supports sub-interpreters, 3.1 or newer.

It is the executable that the environment variable MULTISLOT_CYTHON names (tools/fetch_cython.sh fetches one),
else `cython3` or `cython` of the PATH. The repository's file defs.bzl lists it: CYTHONS has one label,
or none if there is no such Cython.
"""

_OLDEST = [3, 1]

def _version(repository_ctx, path):
    result = repository_ctx.execute([path, "--version"])
    words = (result.stdout + result.stderr).strip().split(" ")
    if result.return_code != 0:
        return None
    return [int(number) if number.isdigit() else 0 for number in words[-1].split(".")[:2]]

def _cython_impl(repository_ctx):
    named = repository_ctx.os.environ.get("MULTISLOT_CYTHON")
    found = [named] if named else [repository_ctx.which(name) for name in ["cython3", "cython"]]
    labels = []
    for path in found:
        if path == None or labels:
            continue
        version = _version(repository_ctx, path)
        if version != None and version >= _OLDEST:
            repository_ctx.file("cython", "#!/bin/sh\nexec '{}' \"$@\"\n".format(path), executable = True)
            labels = ["@multislot_cython//:cython"]
        elif named:
            fail("MULTISLOT_CYTHON={} is no Cython {}.{} or newer".format(path, _OLDEST[0], _OLDEST[1]))
    repository_ctx.file("BUILD.bazel", "exports_files([\"cython\"])\n" if labels else "")
    repository_ctx.file("defs.bzl", "\"\"\"The Cython found.\"\"\"\n\nCYTHONS = {}\n".format(labels))

cython = repository_rule(
    implementation = _cython_impl,
    configure = True,
    environ = [
        "MULTISLOT_CYTHON",
        "PATH",
    ],
    local = True,
)
