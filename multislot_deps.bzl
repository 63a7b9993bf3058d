"""multislot's dependencies for a WORKSPACE; MODULE.bazel has those for bzlmod."""

load("@bazel_tools//tools/build_defs/repo:http.bzl", "http_archive")
load("@bazel_tools//tools/build_defs/repo:utils.bzl", "maybe")
load("//third_party/python:pythons.bzl", "default_python", "python_headers_and_libraries")

def multislot_deps():
    """Defines the repositories that multislot needs, unless they are there already."""
    maybe(
        http_archive,
        name = "rules_cc",
        # Bazel 4 does not know use_cpp_toolchain; the list it returns, every Bazel knows.
        patch_cmds = ["""sed -i.orig -e 's/, "use_cpp_toolchain")/)/' -e 's|use_cpp_toolchain()|["@bazel_tools//tools/cpp:toolchain_type"]|' cc/private/rules_impl/cc_flags_supplier.bzl cc/private/rules_impl/compiler_flag.bzl"""],
        sha256 = "af6cc82d87db94585bceeda2561cb8a9d55ad435318ccb4ddfee18a43580fb5d",
        strip_prefix = "rules_cc-0.0.4",
        urls = ["https://github.com/bazelbuild/rules_cc/releases/download/0.0.4/rules_cc-0.0.4.tar.gz"],
    )
    maybe(
        http_archive,
        name = "bazel_skylib",
        sha256 = "74d544d96f4a5bb630d465ca8bbcfe231e3594e5aae57e1edbf17a6eb3ca2506",
        urls = ["https://github.com/bazelbuild/bazel-skylib/releases/download/1.3.0/bazel-skylib-1.3.0.tar.gz"],
    )
    maybe(
        http_archive,
        name = "platforms",
        sha256 = "5308fc1d8865406a49427ba24a9ab53087f17f5266a7aabbfc28823f3916e1ca",
        urls = ["https://github.com/bazelbuild/platforms/releases/download/0.0.6/platforms-0.0.6.tar.gz"],
    )
    maybe(
        http_archive,
        name = "com_google_absl",
        sha256 = "91ac87d30cc6d79f9ab974c51874a704de9c2647c40f6932597329a282217ba8",
        strip_prefix = "abseil-cpp-20220623.1",
        urls = ["https://github.com/abseil/abseil-cpp/archive/refs/tags/20220623.1.tar.gz"],
    )

    # Searches the machine only when it is used: by //multislot/cpython, unless
    # --//multislot/cpython:python names another Python.
    maybe(
        python_headers_and_libraries,
        name = "multislot_pythons",
    )
    maybe(
        default_python,
        name = "multislot_default_python",
        headers = "@multislot_pythons//:default_headers",
    )
