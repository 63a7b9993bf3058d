"""A library as it is with other flags than the rest of the build."""

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
    return [ctx.attr.library[0][CcInfo]]

built_with = rule(
    implementation = _built_with_impl,
    attrs = {
        "library": attr.label(cfg = _transition, mandatory = True, providers = [CcInfo]),
        "slot_policy": attr.string(default = "fixed"),
        "slots": attr.int(default = 8),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
    doc = "A cc_library built with these values of //multislot's flags.",
)
