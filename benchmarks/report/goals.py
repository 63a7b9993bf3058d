"""The project's goals, and whether the measurements meet them."""

from results import OURS, PLACES, SLOTS


def goals(results, newest):
    """Rows of (goal, measured, met)."""
    rows = []

    def add(goal, value, met):
        rows.append((goal, value, {True: "met", False: "**not met**", None: "not measured"}[met]))

    for way in ("getter", "inlined"):
        single = results.series("core_hit", f"{way}/single/0")
        slowest = [results.slowest_position(way, f"fixed_{n}") for n in SLOTS[1:]]
        worst = max(series.fastest for series in slowest) / single.fastest
        medians = max(series.median for series in slowest) / single.median
        add(
            f"core hit, {way}: FixedSlots<2…64>, any position, ≤ 1.05 × SingleSlot",
            f"≤ {worst:.2f}; medians ≤ {medians:.2f}",
            worst <= 1.05,
        )
    counts = results.counts("core_scaling", "last_of/side_table")
    slowest = {
        what: max(
            results.series("core_scaling", f"{what}/side_table/{count}").fastest
            / results.series("core_scaling", f"{what}/fixed_1024/{count}").fastest
            for count in counts
        )
        for what in ("last_of", "interpreters")
    }
    add(
        f"core hit, getter, of {counts[0]} to {counts[-1]:,} interpreters: SideTable ≤ 1.1 × FixedSlots<1024>",
        f"≤ {slowest['last_of']:.2f}; all interpreters in turn ≤ {slowest['interpreters']:.2f}",
        slowest["last_of"] <= 1.1,
    )
    table, fixed, single = (
        results.series("core_scaling", f"random/{cache}/100000").fastest for cache in ("side_table", "fixed_8", "single")
    )
    add(
        "core hit, 100,000 caches in random order: SideTable ≤ 2 × SingleSlot",
        f"{table / single:.2f}; FixedSlots<8> {fixed / single:.2f}",
        table <= 2 * single,
    )
    spreads = []
    for n in SLOTS[1:]:
        times = [series.fastest for series in results.positions("getter", f"fixed_{n}")]
        spreads.append(max(times) / min(times))
    add("core hit, slowest position / fastest ≤ 1.10", f"≤ {max(spreads):.2f}", max(spreads) <= 1.10)
    one = results.series("core_hit", "getter/fixed_1/0").fastest / results.series("core_hit", "getter/single/0").fastest
    add("core hit, getter: FixedSlots<1> = SingleSlot", f"{one:.2f}", one <= 1.05)
    for source in filter(None, (results, newest)):
        for program in source.programs("adapter_hit"):
            over = [
                source.series(program, f"get_or_create/{place}").fastest
                - source.series(program, f"floor/{place}").fastest
                for place in PLACES
                if source.entry(program, f"get_or_create/{place}")
            ]
            add(
                f"adapter hit ≤ floor + 0.5 ns, CPython {source.python(program)}",
                f"≤ floor {max(over):+.1f} ns",
                max(over) <= 0.5,
            )
            for place, what, limit in [
                ("in_turn", "after a switch of interpreters", 3),
                ("colliding", "not the first in its place of the table", 5),
            ]:
                over = (
                    source.series(program, f"get_or_create/{place}").fastest
                    - source.series(program, f"floor/{place}").fastest
                )
                add(
                    f"adapter hit, {what}, ≤ floor + {limit} ns, CPython {source.python(program)}",
                    f"floor {over:+.1f} ns",
                    over <= limit,
                )
            if not source.entry(program, "no_slot/last_of_64"):
                continue
            many = source.series(program, "get_or_create/last_of_64").fastest
            one = source.series(program, "get_or_create/main").fastest
            add(
                f"adapter hit, 64 live interpreters ≤ 1.1 × one, CPython {source.python(program)}",
                f"{many / one:.2f}",
                many <= 1.1 * one,
            )
            without = source.series(program, "no_slot/last_of_64").fastest
            hit = source.series(program, "get_or_create_fixed/last_of_64").fastest
            add(
                f"adapter hit, FixedSlots<8>, without a slot ≤ 2 × with one, CPython {source.python(program)}",
                f"{without / hit:.2f}",
                without <= 2 * hit,
            )
            first, make = (source.series(program, f"first_lookup/{what}").fastest for what in ("get_or_create", "make"))
            add(
                f"first lookup of a cache ≤ 100 ns over make(), CPython {source.python(program)}",
                f"{first - make:.0f} ns",
                first - make <= 100,
            )
    bytes_of_one = int(results.context(results.programs("adapter_hit")[0])["bytes_of_a_handle_cache"])
    add("sizeof(HandleCache<>) ≤ 16", str(bytes_of_one), bytes_of_one <= 16)
    pybind = None
    for program in newest.programs("adapter_hit") if newest else []:
        if not newest.entry(program, "pybind11_call_once/main"):
            continue
        pybind = program
        version = f"CPython {newest.python(program)}, pybind11 {newest.context(program)['pybind11']}"
        times = min(
            newest.series(program, f"pybind11_call_once/{place}").fastest
            / newest.series(program, f"get_or_create/{place}").fastest
            for place in ("main_of_8", "last_of_8")
        )
        add(f"adapter hit, sub-interpreters alive: 100 × faster than pybind11 ({version})", f"{times:.0f} ×", times >= 100)
        times = min(
            newest.series(program, f"pybind11_call_once/{place}").fastest
            / newest.series(program, f"call_once_and_store/{place}").fastest
            for place in ("main_of_8", "last_of_8")
        )
        add(f"`get_stored()` of CallOnceAndStore, the same ({version})", f"{times:.0f} ×", times >= 100)
        alone = (
            newest.series(program, "get_or_create_if_several/main").fastest
            / newest.series(program, "pybind11_call_once/main").fastest
        )
        add(f"adapter hit, alone, SingleInterpreterFastPath ≤ pybind11's ({version})", f"{alone:.2f} ×", alone <= 1)
    if pybind is None:
        add("adapter hit against pybind11 3", "", None)
    # The control shares nothing between threads, so only the machine can slow it down.
    for program, name, control in [("core_scaling", "threads/fixed_8", "threads_apart/fixed_8")] + [
        (program, "threads/get_or_create", "threads/floor") for program in results.programs("adapter_scaling")
    ]:
        threads = results.most_threads(program)
        if threads == 1:
            add("threads of different interpreters: rate of each unchanged", "", None)
            continue

        def pair(lookups):
            return (results.series(program, f"{lookups}/threads:{count}") for count in (threads, 1))

        (several, one), (control_several, control_one) = pair(name), pair(control)
        ratio = several.fastest / one.fastest
        python = results.context(program).get("python")
        add(
            f"a thread's hits, {threads} threads of as many interpreters against 1"
            + (f", CPython {python}" if python else ", core"),
            f"{ratio:.2f} × the time; medians {several.median / one.median:.2f}, "
            f"where nothing is shared {control_several.median / control_one.median:.2f}",
            ratio <= 1.10,
        )
    accessor = results.series("core_miss", "accessor").fastest
    for what, names in {
        "miss": [f"miss/{name}" for name in OURS],
        "fill": [f"fill/{name}" for name in OURS],
        "overflow, 1 to 8 slots": [f"overflow/fixed_{n}" for n in SLOTS if n <= 8],
        "overflow, 16 to 64 slots": [f"overflow/fixed_{n}" for n in SLOTS if n > 8],
    }.items():
        over = max(results.series("core_miss", name).fastest for name in names) - accessor
        add(f"{what} ≤ 25 ns over the bare accessor", f"≤ {over:.1f} ns", over <= 25)
    sizes = all(abs(results.entry("core_memory", f"cache/fixed_{n}/1/10000")["bytes_per_cache"] - 16 * n) < 1 for n in SLOTS)
    add("FixedSlots<N> takes 16 · N bytes", "yes" if sizes else "no", sizes)
    return rows
