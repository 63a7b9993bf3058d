"""Tests that the conformance suite catches planted bugs."""

load("@rules_cc//cc:defs.bzl", "cc_test")

# Each bug, and the test that must fail with it.
_BUGS = {
    "address_as_tag": "AnAddressComesBack",
    "anothers_handle": "EachInterpreterHasItsOwnHandle",
    "counts_hits": "AHitWritesNothing",
    "duplicate_slots": "ThreadsOfOneInterpreterMissTogether",
    "growth_loses_handles": "ManyCachesOfOneInterpreter",
    "hits_after_retirement": "ARetiredInterpreterNeitherHitsNorFills",
    "index_used_again": "ACacheInTheMemoryOfAnother",
    "lock_not_fork_safe": "AForkInTheMiddleOfFills",
    "loser_keeps_its_own": "TheAccessorFillsTheSameSlot",
    "never_reclaims": "ANewcomerGetsARetiredInterpretersSlot",
    "no_second_look": "ALookupOverlapsItsInterpretersEnd",
    "null_cached": "ANullFromTheAccessor",
    "table_not_emptied": "InterpretersComeAndGo",
    "tag_before_handle": "ThreadsOfOneInterpreterAllGetOneHandle",
}

def planted_bug_tests():
    """A cc_test for each bug, and one for the same cache without any."""
    for bug, test in [("none", None)] + _BUGS.items():
        cc_test(
            name = bug + "_test",
            size = "small",
            args = [bug] + ([test] if test else []),
            # With one lock for everything, and a sanitizer, readers starve writers.
            tags = ["no_sanitizer"],
            deps = [":planted_main"],
        )
