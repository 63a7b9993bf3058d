#ifndef TESTS_FUZZ_LAST_ACTS_H_
#define TESTS_FUZZ_LAST_ACTS_H_

// What looks things up as it dies, and where in an interpreter it waits for
// that: destructors of objects of all kinds, a module's m_free, callbacks of
// atexit.

#include <Python.h>

namespace multislot {
namespace fuzz {

class Subject;

enum class Place {
  kNowhere,  // it dies at once
  kAtExit,   // what atexit calls
  kSys,      // a capsule, an attribute of sys
  kThread,   // a capsule in the dict of the thread state
  kDict,     // a capsule in the interpreter's dict
  kModule,   // a module, in sys.modules: its m_free
  kDealloc,  // an object of a type with a tp_dealloc of its own, in sys.modules
  kDel,      // a Python object with a __del__(), in __main__
  kCycle,    // another one, which only the garbage collector finds
  kAtFork,   // a capsule that os.register_at_fork() got: after all others
  kCache,    // an object or a value that a cache has, which plants it itself
};
inline constexpr unsigned kPlaces = 10;  // without kCache

// In words.
const char* NameOf(Place place);

struct LastAct {
  Place place;
  Subject* subject;  // what is looked up, and
  unsigned how;      // how; see Sequence::LookUp()
  void (*run)(const LastAct& act);
};

// Makes the current interpreter run the act once, there; at its end at the
// latest. The act lives until then.
void Plant(const LastAct* act);

}  // namespace fuzz
}  // namespace multislot

#endif  // TESTS_FUZZ_LAST_ACTS_H_
