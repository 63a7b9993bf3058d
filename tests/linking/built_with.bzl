"""A library built with other flags than the rest of the build."""

def _transition_impl(_settings, attr):
    return {
        "//multislot:slot_policy": attr.slot_policy,
        "//multislot:slots": attr.slots,
    }

_transition = transition(
    implementation = _transition_impl,
    inputs = [],
    outputs = [
        "//multislot:slot_policy",
        "//multislot:slots",
    ],
)

def _built_with_impl(ctx):
    files = ctx.attr.library[0][DefaultInfo].files.to_list()
    return [DefaultInfo(files = depset([file for file in files if file.extension == "a"]))]

built_with = rule(
    implementation = _built_with_impl,
    attrs = {
        "library": attr.label(cfg = _transition, mandatory = True),
        "slot_policy": attr.string(default = "fixed"),
        "slots": attr.int(default = 8),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
    doc = "A cc_library's archive, built with these values of //multislot's flags.",
)
