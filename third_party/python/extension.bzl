"""pythons.bzl for MODULE.bazel: a file of its own, since Bazel 4 has no module extensions."""

load("//third_party/python:pythons.bzl", "python_headers_and_libraries")

def _pythons_impl(_module_ctx):
    python_headers_and_libraries(name = "multislot_pythons")

pythons = module_extension(implementation = _pythons_impl)
