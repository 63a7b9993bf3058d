"""The caches that the conformance suite runs on."""

load("@rules_cc//cc:defs.bzl", "cc_test")

SUBJECTS = {
    "c10": "SeedCache",
    "default": "PyHandleCache",
    "fixed_1": "BasicPyHandleCache<FixedSlots<1>>",
    "fixed_2": "BasicPyHandleCache<FixedSlots<2>>",
    "fixed_3": "BasicPyHandleCache<FixedSlots<3>>",
    "fixed_3_bare": "BasicPyHandleCache<FixedSlots<3,c10::impl::PyInterpreter>>",
    "fixed_64": "BasicPyHandleCache<FixedSlots<64>>",
    "fixed_64_bare": "BasicPyHandleCache<FixedSlots<64,c10::impl::PyInterpreter>>",
    "fixed_8": "BasicPyHandleCache<FixedSlots<8>>",
    "reference": "ReferenceCache",
    "side_table": "BasicPyHandleCache<SideTable>",
    "single": "BasicPyHandleCache<SingleSlot>",
}

def conformance_tests():
    """A cc_test for each of SUBJECTS."""
    for name, cache in SUBJECTS.items():
        cc_test(
            name = name + "_test",
            size = "small",
            timeout = "moderate",
            srcs = ["conformance_test.cc"],
            local_defines = ["CONFORMANCE_SUBJECT=" + cache],
            deps = [
                ":conformance",
                ":reference_cache",
                ":seed_cache",
                "//multislot",
                "//multislot:c10",
                "@com_google_googletest//:gtest",
                "@com_google_googletest//:gtest_main",
            ],
        )
