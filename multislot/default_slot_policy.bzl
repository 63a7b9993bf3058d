"""Generates the header that says which slot policy multislot::PyHandleCache has."""

load("@bazel_skylib//rules:common_settings.bzl", "BuildSettingInfo")

# What --//multislot:slot_policy can be: the header and the type, where {slots}
# stands for --//multislot:slots, and the name that stands for the choice in
# the inline namespace.
SLOT_POLICIES = {
    "fixed": struct(
        header = "multislot/fixed_slots.h",
        type = "FixedSlots<{slots}>",
        name = "fixed_{slots}",
    ),
    "single": struct(
        header = "multislot/single_slot.h",
        type = "SingleSlot",
        name = "single",
    ),
}

_MIN_SLOTS = 1
_MAX_SLOTS = 1024

_HEADER = """\
// Generated from --//multislot:slot_policy and --//multislot:slots.

#ifndef MULTISLOT_DEFAULT_SLOT_POLICY_H_
#define MULTISLOT_DEFAULT_SLOT_POLICY_H_

#include "{header}"

// The name of the choice, for the inline namespace that keeps objects built
// with different choices apart.
#define MULTISLOT_DEFAULT_SLOT_POLICY_NAME {name}

namespace multislot {{
inline namespace default_slot_policy_{name} {{

using DefaultSlotPolicy = {type};

}}  // namespace default_slot_policy_{name}
}}  // namespace multislot

#endif  // MULTISLOT_DEFAULT_SLOT_POLICY_H_
"""

def _default_slot_policy_impl(ctx):
    policy = ctx.attr.slot_policy[BuildSettingInfo].value
    slots = ctx.attr.slots[BuildSettingInfo].value
    if policy not in SLOT_POLICIES:
        fail("--//multislot:slot_policy is '{}'; it can be {}".format(
            policy,
            ", ".join(sorted(SLOT_POLICIES)),
        ))
    if slots < _MIN_SLOTS or slots > _MAX_SLOTS:
        fail("--//multislot:slots is {}; it can be {} to {}".format(slots, _MIN_SLOTS, _MAX_SLOTS))
    choice = SLOT_POLICIES[policy]
    ctx.actions.write(ctx.outputs.out, _HEADER.format(
        header = choice.header,
        name = choice.name.format(slots = slots),
        type = choice.type.format(slots = slots),
    ))
    return [DefaultInfo(files = depset([ctx.outputs.out]))]

default_slot_policy = rule(
    implementation = _default_slot_policy_impl,
    attrs = {
        "out": attr.output(mandatory = True),
        "slot_policy": attr.label(mandatory = True, providers = [BuildSettingInfo]),
        "slots": attr.label(mandatory = True, providers = [BuildSettingInfo]),
    },
    doc = "Writes a header that declares multislot::DefaultSlotPolicy.",
)
