"""A library built with other flags than the rest of the build."""

load("@rules_cc//cc:defs.bzl", "CcInfo")

def _transition_impl(settings, attr):
    copts = settings["//command_line_option:copt"]
    return {
        "//command_line_option:copt": copts + attr.build_copts,
        "//multislot:slot_policy": attr.slot_policy,
        "//multislot:slots": attr.slots,
    }

_transition = transition(
    implementation = _transition_impl,
    inputs = ["//command_line_option:copt"],
    outputs = [
        "//command_line_option:copt",
        "//multislot:slot_policy",
        "//multislot:slots",
    ],
)

def _built_with_impl(ctx):
    library = ctx.attr.library[0]
    files = library[DefaultInfo].files.to_list()
    return [
        DefaultInfo(files = depset([file for file in files if file.extension == "a"])),
        library[CcInfo],
    ]

built_with = rule(
    implementation = _built_with_impl,
    attrs = {
        "build_copts": attr.string_list(doc = "Like --copt, for the library and its dependencies."),
        "library": attr.label(cfg = _transition, mandatory = True, providers = [CcInfo]),
        "slot_policy": attr.string(default = "default"),
        "slots": attr.int(default = 8),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
    doc = """\
A cc_library and its dependencies, built with these values of flags.

As a dependency it is all of them; as a file, only the library's archive.""",
)
