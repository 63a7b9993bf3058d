#ifndef TESTS_FUZZ_LAST_ACTS_H_
#define TESTS_FUZZ_LAST_ACTS_H_

// Objects that look up as they die, and the places in an interpreter where they
// wait for that: destructors of all kinds, a module's m_free, callbacks of
// atexit.

#include <Python.h>

namespace multislot {
namespace fuzz {

class Subject;

enum class Place {
  kNowhere,  // dies at once
  kAtExit,   // a callback of atexit
  kSys,      // a capsule, as an attribute of sys
  kThread,   // a capsule in the dict of the thread state
  kDict,     // a capsule in the interpreter's dict
  kModule,   // a module in sys.modules, by its m_free
  kDealloc,  // an object in sys.modules whose type has a tp_dealloc
  kDel,      // a Python object with a __del__(), in __main__
  kCycle,    // the same in a cycle, for the garbage collector
  kAtFork,   // a capsule in a fork handler, which goes last
  kCache,    // an object or value in a cache; make plants it
};
inline constexpr unsigned kPlaces = 10;  // not counting kCache

// The place in words.
const char* NameOf(Place place);

struct LastAct {
  Place place;
  Subject* subject;  // where it looks up
  unsigned how;      // and how; see Sequence::LookUp()
  void (*run)(const LastAct& act);
};

// Lets the current interpreter run the act once, at that place, at its end at
// the latest. The act must live until then.
void Plant(const LastAct* act);

}  // namespace fuzz
}  // namespace multislot

#endif  // TESTS_FUZZ_LAST_ACTS_H_
