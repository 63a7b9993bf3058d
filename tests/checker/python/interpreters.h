#ifndef MULTISLOT_TESTS_CHECKER_PYTHON_INTERPRETERS_H_
#define MULTISLOT_TESTS_CHECKER_PYTHON_INTERPRETERS_H_

// What a host or CPython itself does with the interpreters of Python.h.

#include <Python.h>

#include <cstddef>
#include <cstdint>

namespace multislot {
namespace checker {

// An address for interpreters. Several may live there, one after the other.
PyInterpreterState* Address(std::size_t number);
inline constexpr std::size_t kAddresses = 4096;

// Ends all interpreters, as if the process had just begun.
void RestartPython();

// From now on threads of an interpreter run at once, as without a GIL.
void DropTheGil();

// Makes an interpreter and attaches this thread to it. Two audit events: one
// before, where the thread was attached, and an import in the new interpreter
// before anything else runs there.
void NewInterpreter(PyInterpreterState* where);
// What outlives an interpreter because somebody kept references: what its dict
// holds, or multislot's witnesses too.
enum class Keeps { kNothing, kDict, kDictAndWitnesses };

// Ends the current interpreter and detaches this thread. If another thread is
// attached too, does nothing and returns false.
bool EndInterpreter(Keeps keeps = Keeps::kNothing);
// Drops everything that was kept.
void DropWhatWasKept();

// Attaches this thread to the interpreter that lives there; false if none.
bool Attach(PyInterpreterState* where);
void Detach();
// The current interpreter's id, which is unique.
std::int64_t CurrentId();

// Runs Python code: another thread may take the GIL meanwhile.
void RunPython();

// Adds another library's audit hook, which runs Python code.
void AddHookInPython();

// Makes an object. LiveObjects() counts them.
PyObject* NewObject();
// The id of the interpreter in which the object was made.
std::int64_t MadeIn(PyObject* object);
int LiveObjects();

}  // namespace checker
}  // namespace multislot

#endif  // MULTISLOT_TESTS_CHECKER_PYTHON_INTERPRETERS_H_
