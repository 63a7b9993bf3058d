"""Shared objects that embed multislot, built in several ways."""

load("@rules_cc//cc:defs.bzl", "cc_binary")

def _hidden_transition_impl(settings, _attr):
    return {"//command_line_option:copt": settings["//command_line_option:copt"] + ["-fvisibility=hidden"]}

_hidden_transition = transition(
    implementation = _hidden_transition_impl,
    inputs = ["//command_line_option:copt"],
    outputs = ["//command_line_option:copt"],
)

def _hidden_impl(ctx):
    ctx.actions.symlink(output = ctx.outputs.out, target_file = ctx.file.binary)
    return [DefaultInfo(files = depset([ctx.outputs.out]))]

_hidden = rule(
    implementation = _hidden_impl,
    attrs = {
        "binary": attr.label(allow_single_file = True, cfg = _hidden_transition, mandatory = True),
        "out": attr.output(mandatory = True),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
    doc = "The binary with all its sources built with -fvisibility=hidden.",
)

def module(name, local_defines = []):
    """A shared object, built in several ways, each in its own folder.

    Args:
      name: its name, without the ending.
      local_defines: as of cc_binary.
    """
    for kind, linkopts in [
        ("default", []),
        ("exclude_libs", ["-Wl,--exclude-libs,ALL"]),
    ]:
        cc_binary(
            name = "%s/%s.so" % (kind, name),
            testonly = True,
            srcs = [
                "module.cc",
                "module.h",
            ],
            linkopts = linkopts,
            linkshared = True,
            linkstatic = True,
            local_defines = local_defines,
            deps = [
                "//multislot:core",
                "//multislot:internal",
            ],
        )
        _hidden(
            name = "%s_%s" % (kind, name),
            testonly = True,
            out = "%s/%s.so" % ("hidden" if kind == "default" else "hidden_" + kind, name),
            binary = ":%s/%s.so" % (kind, name),
        )
