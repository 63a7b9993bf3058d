"""Shows caches in gdb: which interpreters have a slot, and what is in it.

    (gdb) source tools/gdb/multislot.py
    (gdb) print cache
    $1 = FixedSlots: 2 of 8 slots filled = {[home 0] = 0x5555558a0, [home 1, retired] = 0x5555558a8}
"""

import gdb
import gdb.printing
import gdb.types


def _value(atomic):
    """The value of a std::atomic, of either standard library."""
    for member in ("_M_i", "_M_b"):  # libstdc++
        try:
            inner = atomic[member]
            return _value(inner) if member == "_M_b" else inner
        except gdb.error:
            pass
    try:
        inner = atomic["_M_p"]
        return inner
    except gdb.error:
        return atomic["__a_"]["__a_value"]  # libc++


# The same as in multislot/internal/tag.h and registry.h: compilers drop constants.
_BUSY_TAG = 2
_WIDE = gdb.lookup_type("long").pointer().sizeof >= 8
_HOME_SHIFT = 4 if _WIDE else 3
_HOME_BITS = 20 if _WIDE else 12
_REGISTER = "multislot::internal::registry_layout_4::g_register"


def _home_index(tag):
    return (tag >> _HOME_SHIFT) & ((1 << _HOME_BITS) - 1)


def _page(number):
    """The register's page; None if the register has not grown that far."""
    register = gdb.parse_and_eval(_REGISTER)
    if number == 0:
        return register["first_page"]
    chunk = number.bit_length() - 1
    if chunk > register["chunks"].type.range()[1]:
        return None
    pages = _value(register["chunks"][chunk])
    return pages[number - (1 << chunk)] if int(pages) else None


def _is_live(tag):
    """Whether the tag is live; None if that cannot be found out."""
    try:
        page_number, entry = divmod(_home_index(tag), 64)
        return int(_value(_page(page_number)["live"][entry])) == tag
    except (gdb.error, TypeError):
        return None


def _tables():
    """(home index, table) of each live interpreter."""
    number = 0
    while True:
        page = _page(number)
        if page is None:
            return
        for entry in range(64):
            if int(page["tables"][entry]):
                yield number * 64 + entry, _value(page["tables"][entry].dereference())
        number += 1


def _is_bare(policy):
    return "PyInterpreter" in str(policy)


def _name(tag, bare):
    if bare:
        return "[interpreter at 0x%x]" % tag
    return "[home %d%s]" % (_home_index(tag), ", retired" if _is_live(tag) is False else "")


class FixedSlots:
    def __init__(self, value):
        self.bare = _is_bare(value.type.strip_typedefs())
        slots = value["slots_"]
        first, last = slots.type.range()
        self.capacity = last - first + 1
        self.filled = []
        for i in range(first, last + 1):
            tag = int(_value(slots[i]["tag"]))
            if tag > _BUSY_TAG:
                self.filled.append((_name(tag, self.bare), _value(slots[i]["handle"])))

    def to_string(self):
        return "FixedSlots: %d of %d slots filled" % (len(self.filled), self.capacity)

    def children(self):
        return iter(self.filled)

    def display_hint(self):
        return None


class SingleSlot:
    def __init__(self, value):
        self.key = int(_value(value["key_"]))
        self.handle = value["handle_"]

    def to_string(self):
        return "SingleSlot: %d of 1 slots filled" % (self.key != 0)

    def children(self):
        if self.key & 1:
            yield _name(self.key - 1, bare=True), self.handle
        elif self.key:
            yield _name(self.key, bare=False), self.handle


class SideTable:
    def __init__(self, value):
        self.index = int(_value(value["index_"]))
        self.filled = []
        pointer = gdb.lookup_type("void").pointer().pointer()
        for home, table in _tables():
            if self.index < int(table["size"]):
                handle = (table + 1).cast(pointer)[self.index]
                if int(handle):
                    self.filled.append(("[home %d]" % home, handle))

    def to_string(self):
        return "SideTable: index %d, %d slots filled" % (self.index, len(self.filled))

    def children(self):
        return iter(self.filled)


class Cache:
    """A cache whose policy is the member slots_ or cache_.places_.slots."""

    @staticmethod
    def slots(value):
        if gdb.types.has_field(value.type.strip_typedefs(), "slots_"):
            return value["slots_"]
        return value["cache_"]["places_"]["slots"]

    def __new__(cls, value):
        slots = cls.slots(value)
        found = gdb.default_visualizer(slots)
        return found if found is not None else super().__new__(cls)

    def __init__(self, value):
        self.value = value

    def to_string(self):
        return "%s" % self.slots(self.value)


def _printers():
    printers = gdb.printing.RegexpCollectionPrettyPrinter("multislot")
    printers.add_printer("FixedSlots", r"^multislot::FixedSlots<.*>$", FixedSlots)
    printers.add_printer("SideTable", r"^multislot::SideTable$", SideTable)
    printers.add_printer("SingleSlot", r"^multislot::BasicPyHandleCache<multislot::SingleSlot>$", SingleSlot)
    printers.add_printer("BasicPyHandleCache", r"^multislot::BasicPyHandleCache<.*>$", Cache)
    printers.add_printer("HandleCache", r"^multislot::cpython::(\w+::)?HandleCache<.*>$", Cache)
    printers.add_printer("PerInterpreter", r"^multislot::cpython::(\w+::)?PerInterpreter<.*>$", Cache)
    return printers


gdb.printing.register_pretty_printer(gdb.current_objfile(), _printers(), replace=True)
