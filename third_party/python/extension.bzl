"""pythons.bzl for MODULE.bazel: a file of its own, since Bazel 4 has no module extensions."""

load("//third_party/python:pythons.bzl", "default_python", "python_headers_and_libraries")

def _pythons_impl(_module_ctx):
    python_headers_and_libraries(name = "multislot_pythons")

    # Of the Python toolchain.
    default_python(
        name = "multislot_default_python",
        headers = str(Label("@rules_python//python/cc:current_py_cc_headers")),
    )

pythons = module_extension(implementation = _pythons_impl)
