"""Bugs that somebody could write into the library, for tools/mutate.py.

Each is a name, a file, the text that is there now, once, and what a maintainer might have written
instead.
"""

SLOT = "multislot/internal/slot.h"
FIXED = "multislot/fixed_slots.h"
TABLE = "multislot/internal/table.h"
FILL = "multislot/internal/table_fill.cc"
REGISTER = "multislot/internal/registry.cc"
FORK = "multislot/internal/fork_mutex.cc"
INTERPRETER = "multislot/interpreter.h"
TAG = "multislot/internal/tag.h"
SINGLE = "multislot/single_slot.h"
LIFE = "multislot/cpython/internal/record_life.cc"
RECORDS = "multislot/cpython/internal/records.cc"
OWNED = "multislot/cpython/internal/owned.cc"
SEVERAL = "multislot/cpython/single_interpreter_fast_path.cc"

_BUSY = "    tag.store(kBusyTag, std::memory_order_relaxed);   // (7)\n"
_HANDLE = "    handle.store(result, std::memory_order_release);  // (8)\n"
_TAG = "    tag.store(own, std::memory_order_release);        // (9)\n"

BUGS = [
    # A fill.
    ("no busy tag", SLOT, _BUSY, ""),
    ("busy after the handle", SLOT, _BUSY + _HANDLE, _HANDLE + _BUSY),
    ("busy is empty", SLOT, "store(kBusyTag", "store(kEmptyTag"),
    ("tag before handle", SLOT, _HANDLE + _TAG, _TAG + _HANDLE),
    ("no look under the lock", FIXED, "if (slot->tag.load(std::memory_order_relaxed) == tag) {", "if (false) {"),
    ("fills for a retired one", FIXED, "    if (!Traits::IsLive(own)) return nullptr;\n", ""),
    ("reclaims before it looks for its own", FIXED,
     "if (free == nullptr && !Traits::IsLive(tag)) free = &slot;",
     "if (!Traits::IsLive(tag)) return &slot;"),
    ("never reclaims", FIXED,
     "if (free == nullptr && !Traits::IsLive(tag)) free = &slot;",
     "if (free == nullptr && tag == internal::kEmptyTag) free = &slot;"),
    ("reclaims what is live", FIXED,
     "if (free == nullptr && !Traits::IsLive(tag)) free = &slot;",
     "if (free == nullptr) free = &slot;"),
    ("looks at one slot too few", FIXED,
     "    Slot* free = nullptr;\n    std::size_t index = HomeIndex(own);\n"
     "    for (std::size_t probes = 0; probes < Capacity; ++probes) {",
     "    Slot* free = nullptr;\n    std::size_t index = HomeIndex(own);\n"
     "    for (std::size_t probes = 1; probes < Capacity; ++probes) {"),
    ("does not count retirements again", FIXED,
     "return !Traits::IsLive(own) || Traits::Retirements() == retirements;",
     "return !Traits::IsLive(own) || (retirements, true);"),
    ("counts retirements too late", FIXED,
     "    const std::uintptr_t retirements = Traits::Retirements();\n"
     "    if (SlotFor(own) != nullptr) return false;\n",
     "    if (SlotFor(own) != nullptr) return false;\n"
     "    const std::uintptr_t retirements = Traits::Retirements();\n"),
    # A lookup.
    ("no first look at the tag", SLOT,
     "if (ABSL_PREDICT_FALSE(tag.load(std::memory_order_acquire) !=  // (10)\n"
     "                           own)) {",
     "if (ABSL_PREDICT_FALSE(tag.load(std::memory_order_acquire) ==  // (10)\n"
     "                           kEmptyTag)) {"),
    ("no second look at the tag", SLOT,
     "if (ABSL_PREDICT_FALSE(tag.load(std::memory_order_relaxed) !=  // (12)\n"
     "                           own)) {",
     "if (false) {"),
    ("find() without a second look", FIXED,
     "if (found == tag) return slot.Read(tag);",
     "if (found == tag) return slot.handle.load(std::memory_order_acquire);"),
    ("find() stops at a busy slot", FIXED,
     "if (found == internal::kEmptyTag) break;",
     "if (found <= internal::kBusyTag) break;"),
    ("no next slot but the first", FIXED,
     "return index + 1 == Capacity ? 0 : index + 1;", "return 0;"),
    ("homes past the capacity are all the first", TAG,
     "return offset < end ? offset : offset - end;", "return offset < end ? offset : 0;"),
    ("reserved tags are equal", TAG,
     "inline constexpr Tag kBusyTag = 2;", "inline constexpr Tag kBusyTag = 1;"),
    ("busy is zero", TAG,
     "inline constexpr Tag kBusyTag = 2;", "inline constexpr Tag kBusyTag = 0;"),
    # The table.
    ("fills a retired one's table", FILL, "if (!IsLive(tag)) return {nullptr, false};", ""),
    ("the last fill wins", FILL, "if (first != nullptr) return {first, false};", ""),
    ("growing loses the handles", FILL,
     "    larger->handles()[index].store(handle, std::memory_order_release);  // (26)\n",
     "    (void)handle;\n    (void)index;\n"),
    ("copies by relaxed stores", FILL,
     "larger->handles()[index].store(handle, std::memory_order_release);  // (26)",
     "larger->handles()[index].store(handle, std::memory_order_relaxed);"),
    ("grows outside the order", FILL,
     "  for (std::size_t i = 0; i < table->fills; ++i) {\n    const std::size_t index = IndexIn(table->order()[i]);\n    // Relaxed: written",
     "  tables.store(larger, std::memory_order_release);\n"
     "  for (std::size_t i = 0; i < table->fills; ++i) {\n    const std::size_t index = IndexIn(table->order()[i]);\n    // Relaxed: written"),
    ("tables are not emptied", FILL,
     "      table->handles()[IndexIn(table->order()[i])].store(\n"
     "          nullptr, std::memory_order_relaxed);\n", ""),
    ("fills are not forgotten", FILL, "    table->fills = 0;\n", ""),
    ("a free table is given twice", FILL,
     "if (table != nullptr) shared.free_tables[bits] = table->next;", ""),
    ("two caches have one index", FILL, "own = ++shared.last_index;", "own = shared.last_index + 1;"),
    ("the smaller tables are lost", FILL,
     "larger->next = table->size == 0 ? nullptr : table;", "larger->next = nullptr;"),
    ("keeps its table when it retires", REGISTER,
     "    tables->store(&g_empty_table, std::memory_order_relaxed);  // (28)\n", ""),
    ("no second look at the table", TABLE,
     "  if (ABSL_PREDICT_FALSE(tables.load(std::memory_order_relaxed) !=  // (31)\n"
     "                         table)) {",
     "  if (false) {"),
    ("find() without a second look at the table", TABLE,
     "if (tables.load(std::memory_order_relaxed) == table) {  // (31)", "if (true) {"),
    ("reads past the table's end", TABLE,
     "if (ABSL_PREDICT_FALSE(index >= table->size)) return nullptr;",
     "if (ABSL_PREDICT_FALSE(index > table->size)) return nullptr;"),
    # The register.
    ("retires without an exchange", INTERPRETER,
     "        tag_.exchange(internal::kRetiredTag, std::memory_order_relaxed));",
     "        [this] {\n"
     "          const internal::Tag tag = tag_.load(std::memory_order_relaxed);\n"
     "          tag_.store(internal::kRetiredTag, std::memory_order_relaxed);\n"
     "          return tag;\n"
     "        }());"),
    ("counts a retirement before it", REGISTER,
     "  page->live[entry].store(0, std::memory_order_relaxed);\n"
     "  shared.retirements.fetch_add(1, std::memory_order_release);  // (5)\n",
     "  shared.retirements.fetch_add(1, std::memory_order_release);  // (5)\n"
     "  page->live[entry].store(0, std::memory_order_relaxed);\n"),
    ("a retirement is not counted", REGISTER,
     "  shared.retirements.fetch_add(1, std::memory_order_release);  // (5)\n", ""),
    ("the dead are alive", REGISTER,
     "  page->live[entry].store(0, std::memory_order_relaxed);\n", ""),
    ("a generation is used again", REGISTER, "++page.generation[entry]", "page.generation[entry] + 1"),
    ("generations run over", REGISTER,
     "  if (page.generation[entry] == kLastGeneration) return;\n", ""),
    ("an index is given twice", REGISTER, "  page.taken |= Bit(entry);\n", ""),
    ("an index is not given back", REGISTER, "  page.taken &= ~Bit(entry);\n", ""),
    ("full pages stay full", REGISTER, "  shared.full_pages[word] &= ~Bit(page_number);\n", ""),
    ("full words stay full", REGISTER, "  shared.full_words[word / kBitsOfAWord] &= ~Bit(word);\n", ""),
    ("no look whether it grew meanwhile", REGISTER,
     "if (page == nullptr && spare.pages != nullptr &&", "if (spare.pages != nullptr &&"),
    ("grows without the lock", REGISTER,
     "    if (!spare.Allocate(ChunkOf(number))) return kRetiredTag;\n",
     "    if (!spare.Allocate(ChunkOf(number))) return kRetiredTag;\n"
     "    shared.chunks[spare.chunk].store(spare.pages, std::memory_order_release);\n"
     "    spare.pages = nullptr;\n"),
    ("no register lock", REGISTER, "  shared_.mutex.Lock();\n", "  (void)shared_;\n"),
    ("memory is not asked for", REGISTER, "return pages != nullptr;", "return true;"),
    ("a table's memory is not asked for", FILL, "if (table_ == nullptr) return false;", ""),
    ("more indices than there are", REGISTER, "if (number == kPages) return kRetiredTag;", ""),
    ("an id of its own when born retired", INTERPRETER,
     "if (tag != internal::kRetiredTag) id_ = tag;", "id_ = tag;"),
    # Fork.
    ("the fork does not wait", FORK, "  Lock();\n  forker_.store", "  forker_.store"),
    ("the forker waits for itself", FORK,
     "  if (forking_.load(std::memory_order_acquire) &&  // (2)", "  if (false &&"),
    ("everybody is the forker", FORK,
     "pthread_equal(forker_.load(std::memory_order_relaxed), pthread_self())", "true"),
    ("the fork is never over", FORK,
     "if (locked_again_ == 0) forking_.store(false, std::memory_order_relaxed);", ""),
    ("locked again is unlocked at once", FORK, "    --locked_again_;\n    return;\n", "    --locked_again_;\n"),
    ("only makes the child's lock anew", REGISTER,
     "    [] { g_register.mutex.BeforeFork(); }, [] { g_register.mutex.AfterFork(); },\n"
     "    [] { g_register.mutex.AfterFork(); });",
     "    nullptr, nullptr, [] { new (&g_register.mutex) ForkMutex(); });"),
    # The single slot.
    ("a single slot counts two", SINGLE,
     "static constexpr std::size_t capacity() noexcept { return 1; }",
     "static constexpr std::size_t capacity() noexcept { return 2; }"),
    ("a bare one's address is a tag", SINGLE, "reinterpret_cast<Key>(interpreter) | kBareMark",
     "reinterpret_cast<Key>(interpreter)"),
    ("fills for one that retired meanwhile", SINGLE, "        KeyOf(interpreter) != own) {", "        false) {"),
    # The adapter's records.
    ("an unused record is taken twice", LIFE, "    record->stage = Record::kNew;\n    ++record->life;", "    ++record->life;"),
    ("a record is added at a wrong end", LIFE, "    end = &next->next;\n", "    break;\n"),
    ("a new life is not counted", LIFE,
     "    ++record->life;  // witnesses of the one before count no more\n", ""),
    ("another record leaves the only one", LIFE,
     "  // Where there is a record of another interpreter, none is the only one.\n"
     "  g_records.only.store(nullptr, std::memory_order_relaxed);\n", ""),
    ("the old Interpreter is used again", LIFE,
     "    record->interpreter.~Interpreter();\n    new (&record->interpreter) Interpreter();\n", ""),
    ("a free record keeps its address", LIFE,
     "  record->address.store(kUnproven, std::memory_order_relaxed);\n"
     "  record->stage = Record::kUnused;",
     "  record->stage = Record::kUnused;"),
    ("two prove at once", LIFE, "if (record->stage != Record::kNew) return false;", ""),
    ("proven though its proof has ended", LIFE, "if (record->stage != Record::kProving) return;", ""),
    ("proven as it is born", LIFE,
     "  record->address.store(AddressOf(state) + kUnproven,\n"
     "                        std::memory_order_relaxed);",
     "  record->address.store(AddressOf(state), std::memory_order_relaxed);"),
    ("the end of a proof leaves the address", LIFE,
     "  record->address.store(address | kUnproven, std::memory_order_relaxed);\n", ""),
    ("the end of a proof leaves the only one", LIFE,
     "  if (g_records.only.load(std::memory_order_relaxed) == record) {\n"
     "    g_records.only.store(nullptr, std::memory_order_relaxed);\n  }\n", ""),
    ("a witness of another life counts", LIFE, "  if (!witness.lives()) return;\n", ""),
    ("a witness that goes is no sign", LIFE, "  PyCapsule_SetDestructor(capsule, WitnessGoes);\n", ""),
    ("the interpreter's end is no sign", LIFE,
     "    if (witness.lives()) EndProof(witness.record, Record::kUnprovable);\n", ""),
    ("one witness is enough", LIFE, "AddWitnessToSys(record) && AddWitnessToAtExit(record)",
     "AddWitnessToSys(record)"),
    ("another interpreter's capsule counts", LIFE,
     "  return address == AddressOf(state) &&\n"
     "                 record->id == PyInterpreterState_GetID(state)\n", "  return (address | 1) != 0\n"),
    ("a capsule of an earlier one counts", LIFE,
     "  return address == AddressOf(state) &&\n"
     "                 record->id == PyInterpreterState_GetID(state)\n", "  return address == AddressOf(state)\n"),
    ("a record is born after the end", LIFE, "Anchor(state, !past_its_end)", "Anchor(state, true)"),
    ("tables are free before objects are released", LIFE,
     "  Release(tables);\n  FreeTables(g_register, tables);\n",
     "  FreeTables(g_register, tables);\n  Release(tables);\n"),
    ("retires after its objects are released", LIFE,
     "  Table* tables =\n"
     "      InterpreterTraits<Interpreter>::RetireAndTakeTables(&record->interpreter);\n"
     "  // Runs code of others, which finds the interpreter ended.\n"
     "  Release(tables);\n",
     "  Release(InterpreterTraits<Interpreter>::TablesOf(&record->interpreter).load(std::memory_order_relaxed));\n"
     "  Table* tables =\n"
     "      InterpreterTraits<Interpreter>::RetireAndTakeTables(&record->interpreter);\n"),
    ("looks at the first in a place only", RECORDS,
     "    record = record->next.load(std::memory_order_acquire);  // (21)\n", "    return nullptr;\n"),
    ("the first made is released first", OWNED,
     "for (std::size_t i = tables->fills; i-- > 0;) {", "for (std::size_t i = 0; i < tables->fills; ++i) {"),
    ("the loser's object is not released", OWNED, "    Py_DecRef(object);\n", ""),
    ("an object is released twice", OWNED, "if ((entry & kOwnsReference) != 0) Py_DecRef(handle);",
     "if ((entry & kOwnsReference) != 0) Py_DecRef(handle), Py_DecRef(handle);"),
    ("hears of nothing", SEVERAL, "    DisableFastPath();\n", ""),
    ("hears of announced ones only", SEVERAL, "      (!IsOf(watched, CurrentState()) ||\n", "      (false ||\n"),
    ("hears of unannounced ones only", SEVERAL,
     "std::strcmp(event, \"cpython.PyInterpreterState_New\") == 0", "false"),
    ("does not look again who is there", SEVERAL, "HookIsCalled() && IsTheOnlyOne(state)", "HookIsCalled()"),
    ("does not look whether it is watched still", SEVERAL,
     "      g_records.watched.load(std::memory_order_relaxed) == record &&\n", ""),
    ("does not look whether a later attempt watches", SEVERAL, "is_alone && g_records.attempts == attempt &&\n",
     "is_alone &&\n"),
    ("ends the watch first", SEVERAL,
     "  g_records.only.store(nullptr, std::memory_order_relaxed);\n"
     "  g_records.watched.store(nullptr, std::memory_order_release);  // (36)\n",
     "  g_records.watched.store(nullptr, std::memory_order_release);  // (36)\n"
     "  g_records.only.store(nullptr, std::memory_order_relaxed);\n"),
    ("does not look whether it is proven still", SEVERAL,
     "record &&\n      FindInPlace(state, 0) == record) {", "record) {"),
    ("watches too late", SEVERAL,
     "  if (!HookIsCalled()) AddHook(record);\n", ""),
]

# Files whose memory orders only litmus tests check: the checker models neither the GIL nor waiting with a timeout.
ONLY_LITMUS_TESTS = [
    "c10/core/PyHandleCache.h",
    "multislot/cpython/internal/once_gate.cc",
    "multislot/single_slot.h",
]

# No code, or for C too.
NOT_INSTRUMENTED = [
    "multislot/cpython/internal/python_abi.h",
    "multislot/cpython/multislot.h",
    "multislot/internal/assume.h",
    "multislot/internal/cplusplus17.h",
    "multislot/internal/kept_function.h",
]

_THE_ONLY_ONE = (
        "CPython imports modules in each interpreter that it initialises, before any other code runs "
        "there; the audit hook hears that and clears it first. One that imports nothing, since only "
        "PyInterpreterState_New() made it, has no sys.modules, and gets no record. What is left is an "
        "only one that ended without any sign: its dict, what sys has and what atexit has were all kept, "
        "which record_life.h does not promise to survive."
)
_ONCE_MORE = "the home slot is looked at once more."
_BEYOND_EMPTY = "nothing of an interpreter's lies beyond an empty slot; looking on takes longer."
_NO_CONTEXT = "the rest gives the end of a chain, which has no context, none."
_COMPILED = "it checks while it is compiled."
_A_VETO_IS_NEGATIVE = "to CPython only a negative result is a veto."

# Mutants that change nothing that anybody can see, and why. Mechanical ones by "file: name".
EQUIVALENT = {
    "another record leaves the only one": _THE_ONLY_ONE,
    "record_life.cc: no g_records.only.store(nullptr, std::memory_order_relaxed)": _THE_ONLY_ONE,
    "record_life.cc: no record->interpreter.~Interpreter()": "that interpreter has retired.",
    "bare_interpreter.h: another result: return reinterpret_cast<Tag>(interpreter)":
        "each tag is one more; they are as different from each other as before.",
    "bare_interpreter.h: > is >= in tag > kBusyTag":
        "occupancy(), a snapshot, counts a slot a moment earlier: while it is filled.",
    "bare_interpreter.h: another result: return 0": "any number will do that never changes.",
    "interpreter.h: another result: return internal::Retirements()": "only whether the number changes matters.",
    "fixed_slots.h: < is <= in probes < Capacity": _ONCE_MORE,
    "fixed_slots.h: < is <= in probes < Capacity (2)": _ONCE_MORE,
    "fixed_slots.h: no break": _BEYOND_EMPTY,
    "fixed_slots.h: no break (2)": _BEYOND_EMPTY,
    "registry.cc: < is <= in i < kWordsOfWords":
        "with no index left, the number of the word behind the last one is too large as well.",
    "registry.cc: >= is > in shared.full_words[i] == kAllBits || word >= kWordsOfPages":
        "with 64-bit pointers kWordsOfPages is a multiple of the bits of a word: a word at the end is full.",
    "registry.cc: no page = PageNumber(shared, number)": "the loop finds the page in its next round.",
    "table_fill.cc: another result: return sizeof(Table) + size * (sizeof(std::atomic<PyObject*>) + sizeof(std::uint32_t))":
        "each table is one byte larger.",
    "table_fill.cc: >= is > in bytes >= 64 * 1024": "no table has 64 KiB.",
    "table_fill.cc: no madvise(memory, bytes, MADV_NOHUGEPAGE)":
        "tables take more memory, if the kernel is set to use huge pages for everything.",
    "table_fill.cc: < is <= in first < kMaxInterpreters":
        "the loop ends at the first page that is missing; a process with a million interpreters has all.",
    "table_fill.cc: no return (2)": "without tables the rest does nothing.",
    "table_fill.cc: < is <= in i < table->fills (2)":
        "the entry behind the last one is 0 or an earlier interpreter's, whose handle is null already.",
    "interpreter.h: <= is < in id <= std::numeric_limits<internal::Tag>::max() && internal::IsLive(static_cast<internal::Tag>(id))":
        "only the last home index, in its last generation, has the largest tag.",
    "once_gate.cc: another result: return getpid()": "two processes still have different numbers.",
    "once_gate.cc: >= is > in inside == self || process_ != ThisProcess() || !Py_IsInitialized() || std::chrono::steady_clock::now() >= deadline":
        "a thread waits for one tick of the clock more.",
    "saved_error.cc: no return (2)": _NO_CONTEXT,
    "saved_error.cc: no return (4)": _NO_CONTEXT,
    "once_gate.cc: no std::this_thread::sleep_for(std::chrono::milliseconds(1))": "a thread that waits keeps a processor busy.",
    "handle_cache.h: no internal::CheckMake<Make>()": _COMPILED,
    "handle_cache.h: no internal::CheckMake<Make>() (2)": _COMPILED,
    "per_interpreter.h: no internal::CheckMakeOf<T, Make>()": _COMPILED,
    "per_interpreter.h: no internal::CheckMakeOf<T, Make>() (2)": _COMPILED,
    "single_interpreter_fast_path.cc: another result: return 0": _A_VETO_IS_NEGATIVE,
    "single_interpreter_fast_path.cc: another result: return 0 (2)": _A_VETO_IS_NEGATIVE,
    "owned.cc: no value->next = g_unowned.load(std::memory_order_relaxed)": "the first exchange fails, and loads it.",
    "owned.cc: ! !g_unowned.compare_exchange_weak(value->next, value, std::memory_order_relaxed, std::memory_order_relaxed)":
        "a leak checker reports values that nobody owns; nothing else reads the list.",
    "owning_cache.h: ! ABSL_PREDICT_FALSE(handle == nullptr)": "the slow path finds it; the hit is slower.",
    "owning_cache.h: no handle = places_.owned().find_fast(interpreter)": "the slow path finds it; the hit is slower.",
    "record_life.cc: no record->interpreter.retire()":
        "it retires as its record is used again; until then its home index stays taken.",
    "record_life.cc: - is + in (number & (number - 1)) != 0 || !BeginProof(record)":
        "proofs are tried at other lookups, and as rarely.",
    "records.h: another result: return ABSL_PREDICT_TRUE(record != nullptr && record->address.load(std::memory_order_acquire) == address) // (19) ? record : nullptr":
        "the slow path finds it; the hit is slower.",
    "saved_error.cc: < is <= in i < kLongestChain && exception != nullptr": "one more of a thousand.",
    "saved_error.cc: < is <= in i < kLongestChain": "one more of a thousand.",
    "saved_error.cc: < is <= in i < kLongestChain && node != nullptr": "one more of a thousand.",
    "registry.h: <= is < in tag <= kBusyTag": "the register has no entry that is kBusyTag.",
}
