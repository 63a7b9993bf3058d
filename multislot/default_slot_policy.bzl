"""Generates the header that defines the default slot policies."""

load("@bazel_skylib//rules:common_settings.bzl", "BuildSettingInfo")

# The values of --@multislot//multislot:slot_policy. For each: the headers; PyHandleCache's
# type, where {slots} stands for --@multislot//multislot:slots; HandleCache's type if it
# differs; and the choice's name in the inline namespace, where {label} stands for the
# label of a custom policy.
SLOT_POLICIES = {
    "custom": struct(
        headers = ["multislot/custom_slot_policy.h"],
        type = "CustomSlotPolicy",
        handle_cache = None,
        name = "custom_{label}",
    ),
    "default": struct(
        headers = ["multislot/fixed_slots.h", "multislot/side_table.h"],
        type = "FixedSlots<{slots}>",
        handle_cache = "SideTable",
        name = "default_{slots}",
    ),
    "fixed": struct(
        headers = ["multislot/fixed_slots.h"],
        type = "FixedSlots<{slots}>",
        handle_cache = None,
        name = "fixed_{slots}",
    ),
    "side_table": struct(
        headers = ["multislot/side_table.h"],
        type = "SideTable",
        handle_cache = None,
        name = "side_table",
    ),
    "single": struct(
        headers = ["multislot/single_slot.h"],
        type = "SingleSlot",
        handle_cache = None,
        name = "single",
    ),
}

_MIN_SLOTS = 1
_MAX_SLOTS = 1024

_HEADER = """\
// Generated from --@multislot//multislot:slot_policy and --@multislot//multislot:slots.

#ifndef MULTISLOT_DEFAULT_SLOT_POLICY_H_
#define MULTISLOT_DEFAULT_SLOT_POLICY_H_

{includes}
#include "multislot/internal/kept_function.h"

// The name of the choice, for the inline namespace that keeps objects built
// with different choices apart.
#define MULTISLOT_DEFAULT_SLOT_POLICY_NAME {name}

namespace multislot {{
inline namespace default_slot_policy_{name} {{

// The defaults of PyHandleCache and of HandleCache.
using DefaultSlotPolicy = {type};
using DefaultHandleCachePolicy = {handle_cache};

}}  // namespace default_slot_policy_{name}

namespace internal {{

// The library defines this function for its own choice only. Each object that
// includes this header refers to its choice's, so another choice does not link.
void default_slot_policy_is_{name}();
MULTISLOT_KEPT_FUNCTION(needs_default_slot_policy,
                        default_slot_policy_is_{name});

}}  // namespace internal
}}  // namespace multislot

#endif  // MULTISLOT_DEFAULT_SLOT_POLICY_H_
"""

_SOURCE = """\
// Generated from --@multislot//multislot:slot_policy and --@multislot//multislot:slots.

#include "multislot/default_slot_policy.h"

namespace multislot {{
namespace internal {{

// Every choice's library defines it, so two of them do not link.
void one_default_slot_policy_in_a_program();
void one_default_slot_policy_in_a_program() {{}}

void default_slot_policy_is_{name}() {{}}

}}  // namespace internal
}}  // namespace multislot
"""

def _default_slot_policy_impl(ctx):
    policy = ctx.attr.slot_policy[BuildSettingInfo].value
    slots = ctx.attr.slots[BuildSettingInfo].value
    if policy not in SLOT_POLICIES:
        fail("--@multislot//multislot:slot_policy is '{}'; it can be {}".format(
            policy,
            ", ".join(sorted(SLOT_POLICIES)),
        ))
    custom = ctx.attr.custom_slot_policy.label
    if (policy == "custom") != (custom.name != "no_custom_slot_policy"):
        fail("--@multislot//multislot:slot_policy=custom and --@multislot//multislot:custom_slot_policy=LABEL go together; " +
             "they are {} and {}".format(policy, custom))
    if slots < _MIN_SLOTS or slots > _MAX_SLOTS:
        fail("--@multislot//multislot:slots is {}; it can be {} to {}".format(slots, _MIN_SLOTS, _MAX_SLOTS))
    choice = SLOT_POLICIES[policy]
    name = choice.name.format(
        label = "".join([c if c.isalnum() else "_" for c in str(custom).elems()]),
        slots = slots,
    )
    type = choice.type.format(slots = slots)
    ctx.actions.write(ctx.outputs.header, _HEADER.format(
        handle_cache = choice.handle_cache or type,
        includes = "\n".join(["#include \"%s\"" % header for header in choice.headers]),
        name = name,
        type = type,
    ))
    ctx.actions.write(ctx.outputs.source, _SOURCE.format(name = name))
    return [DefaultInfo(files = depset([ctx.outputs.header, ctx.outputs.source]))]

default_slot_policy = rule(
    implementation = _default_slot_policy_impl,
    attrs = {
        "custom_slot_policy": attr.label(mandatory = True),
        "header": attr.output(mandatory = True),
        "slot_policy": attr.label(mandatory = True, providers = [BuildSettingInfo]),
        "slots": attr.label(mandatory = True, providers = [BuildSettingInfo]),
        "source": attr.output(mandatory = True),
    },
    doc = "Writes a header that declares the default slot policies, and a source with which the linker checks them.",
)
