#ifndef MULTISLOT_TESTS_CHECKER_PYTHON_INTERPRETERS_H_
#define MULTISLOT_TESTS_CHECKER_PYTHON_INTERPRETERS_H_

// What a host, or CPython itself, does with the interpreters of Python.h.

#include <Python.h>

#include <cstddef>
#include <cstdint>

namespace multislot {
namespace checker {

// An address where an interpreter can live. Other interpreters may live there
// later, one at a time.
PyInterpreterState* Address(std::size_t number);
inline constexpr std::size_t kAddresses = 4096;

// As if the process had just begun: ends all interpreters.
void RestartPython();

// From here on threads of an interpreter run at once, as without a GIL.
void DropTheGil();

// A new interpreter, to which this thread is then attached. Announced by an
// audit event to where the thread is attached so far; and it imports something,
// which is another event, before anything else runs in it.
void NewInterpreter(PyInterpreterState* where);
// What somebody keeps for longer than an interpreter lives: references to what
// its dict has, or to the multislot's witnesses too.
enum class Keeps { kNothing, kDict, kDictAndWitnesses };

// Ends the interpreter that this thread is attached to, and is attached to none
// then; false, and it is attached still, if another thread is attached too.
bool EndInterpreter(Keeps keeps = Keeps::kNothing);
// Drops what was kept.
void DropWhatWasKept();

// Attaches this thread to the interpreter that lives there; false if none does.
bool Attach(PyInterpreterState* where);
void Detach();
// The current interpreter's id; no two have the same.
std::int64_t CurrentId();

// Python code runs: another thread may take the GIL meanwhile.
void RunPython();

// An audit hook of somebody else's, which runs Python code.
void AddHookInPython();

// A new object, and how many there are.
PyObject* NewObject();
// The interpreter in which it was made.
std::int64_t MadeIn(PyObject* object);
int LiveObjects();

}  // namespace checker
}  // namespace multislot

#endif  // MULTISLOT_TESTS_CHECKER_PYTHON_INTERPRETERS_H_
