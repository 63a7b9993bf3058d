"""Tables, in Markdown."""

from results import ADAPTER_NAMES, CACHES, NAMES, OURS, PLACES, RIVALS


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def core_table(results, way):
    single = results.series("core_hit", f"{way}/single/0")
    floor = results.series("core_hit", f"{way}/floor/0")
    rival = min((results.positions(way, name)[0] for name in RIVALS), key=lambda series: series.fastest)
    rows = []
    for cache in ["floor", "single", *OURS, *RIVALS, "call_once"]:
        positions = results.positions(way, cache)
        times = [series.fastest for series in positions]
        slowest = results.slowest_position(way, cache)
        some = [times[0], times[len(times) // 2], times[-1]] if len(times) > 1 else [times[0]]
        rows.append(
            [
                f"`{NAMES[cache]}`" if cache in OURS + ["single"] else NAMES[cache],
                " / ".join(f"{time:.2f}" for time in some),
                f"{min(times):.2f} to {max(times):.2f}" if len(times) > 1 else "",
                f"{slowest.median:.2f}",
                slowest.ratio(floor),
                slowest.ratio(single),
                slowest.ratio(rival),
            ]
        )
    return table(
        ["", "first / middle / last, ns", "all positions", "median of the slowest", "to floor", "to SingleSlot", "to the best rival"],
        rows,
    )


def adapter_table(results, program):
    rows = []
    for peer, name in ADAPTER_NAMES.items():
        if not results.names(program, f"{peer}/.*"):
            continue
        row = [name]
        for place in PLACES:
            series = results.series(program, f"{peer}/{place}")
            row.append(f"{series.fastest:.2f}" if series else "")
        last = next(place for place in ("last_of_8", "last_of_64") if results.entry(program, f"{peer}/{place}"))
        for other in ("floor", "get_or_create"):
            row.append(results.series(program, f"{peer}/{last}").ratio(results.series(program, f"{other}/{last}")))
        rows.append(row)
    return table(["", *PLACES.values(), "to floor, in the last", "to get_or_create"], rows)


def first_lookup_table(results):
    rows = []
    for program in results.programs("adapter_hit"):
        times = [
            results.series(program, f"first_lookup/{what}").fastest
            for what in ("make", "get_or_create", "get_or_create_fixed")
        ]
        rows.append([results.python(program), *(f"{time:.1f}" for time in times)])
    return table(["CPython", "make alone, ns", "HandleCache<SideTable>", "HandleCache<FixedSlots<8>>"], rows)


def miss_table(results):
    columns = ["miss", "overflow", "fill", "fill_last", "reclaim", "interpreter"]
    rows = []
    for cache in ["single", *OURS, *RIVALS, "call_once"]:
        row = [NAMES[cache]]
        for column in columns:
            series = results.series("core_miss", f"{column}/{cache}")
            row.append(f"{series.fastest:.1f}" if series else "")
        rows.append(row)
    head = ["ns", "miss", "overflow", "fill", "fill of the last slot", "reclaim", "an interpreter that fills one"]
    return table(head, rows)


def scaling_table(results):
    threads = results.most_threads("core_scaling")
    rows = []
    for program in ["core_scaling", *results.programs("adapter_scaling")]:
        python = results.context(program).get("python")
        for cache in ADAPTER_NAMES if python else NAMES:
            one = results.series(program, f"threads/{cache}/threads:1")
            if one is None:
                continue
            several = results.series(program, f"threads/{cache}/threads:{threads}")
            label = ADAPTER_NAMES[cache] if python else NAMES[cache]
            row = [f"CPython {python}: {label}" if python else label]
            row += [f"{one.fastest:.2f}", f"{several.fastest:.2f}", several.ratio(one)]
            rows.append(row)
    return table(["a thread's time, ns", "1 thread", f"{threads} threads", "ratio"], rows)


def beside_table(results):
    places = {"same": "the same cache", "next": "the next one in an array", "far": "one far away"}
    rows = []
    for cache in ["fixed_8", "side_table"]:
        medians = (results.series("core_scaling", f"beside_fills/{cache}/{place}").median for place in places)
        rows.append([NAMES[cache], *(f"{median:.2f}" for median in medians)])
    return table(["median, ns", *places.values()], rows)


def random_table(results):
    rows = []
    for cache in ["floor", "single", "fixed_8", "fixed_64", "side_table", *RIVALS]:
        times = (results.series("core_scaling", f"random/{cache}/{count}").fastest for count in CACHES)
        rows.append([NAMES[cache], *(f"{time:.2f}" for time in times)])
    return table(["ns", *(f"{count:,} cache" + "s" * (count != 1) for count in CACHES)], rows)


def interpreters_table(results):
    counts = results.counts("core_scaling", "last_of/side_table")
    rows = []
    for what, words in [("last_of", "the last"), ("interpreters", "in turn")]:
        for cache in ["fixed_8", "fixed_1024", "side_table"]:
            row = [f"{NAMES[cache]}, {words}"]
            for count in counts:
                series = results.series("core_scaling", f"{what}/{cache}/{count}")
                row.append(f"{series.fastest:.2f}" if series else "")
            rows.append(row)
    return table(["ns", *(f"{count:,} interpreter" + "s" * (count != 1) for count in counts)], rows)


def memory_table(results):
    counts = [0, 1, 2, 8, 64]
    rows = []
    for cache in ["single", *OURS, *RIVALS, "call_once"]:
        row = [NAMES[cache]]
        for count in counts:
            row.append(f"{results.resident(cache, count, 10000):,.0f}")
        rows.append(row)
    return table(["bytes per cache", *(f"{count} interpreter" + "s" * (count != 1) for count in counts)], rows)


def memory_grid_table(results):
    rows = []
    for cache in ["single", "fixed_8", "fixed_64", "side_table"]:
        for interpreters in [1, 8, 64, 1000]:
            row = [f"{NAMES[cache]}, {interpreters:,}"]
            for caches in CACHES:
                size = results.resident(cache, interpreters, caches)
                row.append(f"{size:,.0f} / {size * caches / interpreters:,.0f}")
            rows.append(row)
    return table(["per cache / per interpreter", *(f"{count:,} cache" + "s" * (count != 1) for count in CACHES)], rows)


def farm_table(results):
    rows = []
    for farm in results.farms():
        for policy in farm["policies"]:
            label = {"none": "no cache", "fixed": f"FixedSlots<{policy['slots']}>", **NAMES}
            rows.append(
                [
                    farm["python"],
                    label[policy["policy"]],
                    f"{policy['lookups_per_s']:,.0f}",
                    f"{policy['ns_per_lookup']:.1f}",
                    f"{100 * policy['hit_rate']:.1f} %",
                ]
            )
    return table(["CPython", "policy", "lookups/s", "ns per lookup", "hits"], rows)
