"""Compiles all mutants of a file at once.

instrument() rewrites a file of C++ so that each change is there beside what it changes, and
MULTISLOT_MUTANT(n) says which one the environment asks for:

    if (index == 0) return;        if (MULTISLOT_MUTANT(7) ? (index != 0) : (index == 0)) return;
    ++count;                       { if (!MULTISLOT_MUTANT(8)) ++count; }

So one compilation serves all of them. A test also reports which mutants it reaches, in the file that
MULTISLOT_REACHED names, so that only those need it. instrument() puts in what it is given, as other bodies of the
functions, and changes of its own of one token or one statement, the mechanical mutants:

    a condition is negated; a statement is left out, also return, break and continue;
    == and !=, < and <=, > and >=, && and ||, + and -, & and |, << and >> stand for each other;
    a returned pointer is null, a returned bool is negated, a returned number is one more.
"""

import collections
import os
import re

# At the top of each file that is rewritten.
HEADER = """\
#ifndef MULTISLOT_MUTANT
#include <fcntl.h>
#include <sys/mman.h>
#include <cstdio>
#include <cstdlib>
#include <type_traits>
#include <utility>
namespace multislot_mutants {
inline const char* const chosen_text = std::getenv("MULTISLOT_MUTANT");
inline const int chosen = chosen_text == nullptr ? 0 : std::atoi(chosen_text);
// A byte for each mutant, in the file that MULTISLOT_REACHED names.
inline char* MapReached() {
  const char* name = std::getenv("MULTISLOT_REACHED");
  if (name == nullptr) return nullptr;
  void* bytes = mmap(nullptr, 1 << 16, PROT_READ | PROT_WRITE, MAP_SHARED, open(name, O_RDWR | O_CLOEXEC), 0);
  return bytes == MAP_FAILED ? nullptr : static_cast<char*>(bytes);
}
inline char* const reached = MapReached();
inline bool IsChosen(int number) noexcept {
  if (reached != nullptr) reached[number] = 1;
  return chosen == number;
}
// Scalars are returned by value, the rest as it is.
template <typename T>
constexpr std::conditional_t<std::is_scalar<std::decay_t<T>>::value, std::decay_t<T>, T> Return(
    bool is_chosen, T&& value) {
  using Value = std::decay_t<T>;
  if constexpr (std::is_pointer<Value>::value) {
    return is_chosen ? nullptr : value;
  } else if constexpr (std::is_same<Value, bool>::value) {
    return value != is_chosen;
  } else if constexpr (std::is_integral<Value>::value) {
    return static_cast<Value>(value + (is_chosen ? 1 : 0));
  } else {
    if (is_chosen) std::_Exit(77);
    return std::forward<T>(value);
  }
}
}  // namespace multislot_mutants
#define MULTISLOT_MUTANT(n) (!__builtin_is_constant_evaluated() && ::multislot_mutants::IsChosen(n))
#define MULTISLOT_RETURN(n, ...) ::multislot_mutants::Return(MULTISLOT_MUTANT(n), __VA_ARGS__)
#endif
"""
# With this status a test says that the mutant has nothing to change.
NO_MUTANT = 77

SWAPS = {
    "==": "!=", "!=": "==", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "&&": "||", "||": "&&",
    "+": "-", "-": "+", "&": "|", "|": "&", "<<": ">>", ">>": "<<",
}  # fmt: skip
# With spaces around it, as clang-format writes binary operators and nothing else in an expression.
OPERATOR = re.compile(r"(?<= )(==|!=|<=|>=|<<|>>|&&|\|\||<|>|\+|-|&|\|)(?= )")
TYPE_FIRST = re.compile(
    r"(?:const |constexpr |static |inline |mutable |auto\b|using |typedef |template|struct |class |enum |union |"
    r"namespace |friend |public|private|protected|case |default:|static_assert|ABSL_ASSERT|TORCH_|explicit |"
    r"\[\[|else\b|do\b|for\b|while\b|if\b|switch\b|return\b|break;|continue;|goto |extern |operator|#|\{|\}|~|:)"
)
DECLARATION = re.compile(r"[A-Za-z_][\w:<>, *&]*[ *&]+[A-Za-z_]\w*(?:\[[^]]*\])?(?:;| =\s|\(|\{)")


def blank(text):
    """The text with comments, strings, preprocessor lines and what only Windows or a CPython without a GIL
    compiles made of blanks."""

    def spaces(match):
        return re.sub(r"[^\n]", " ", match[0])

    text = re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', spaces, text, flags=re.S)
    text = re.sub(
        r"(#if defined\((?:_WIN32|Py_GIL_DISABLED)\)[^\n]*\n)(.*?)(?=#else|#endif)",
        lambda match: match[1] + re.sub(r"[^\n]", " ", match[2]),
        text,
        flags=re.S,
    )
    return re.sub(r"(?m)^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", spaces, text)


def close(code, start):
    """Where what opens at start closes."""
    depth = 0
    for position in range(start, len(code)):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(code[position], 0)
        if depth == 0:
            return position
    raise ValueError("not closed")


def statement_end(code, start):
    """The position of the statement's semicolon; None if it has a block of its own."""
    position = start
    while code[position] != ";":
        if code[position] in "([{":
            position = close(code, position)
        elif code[position] in ")]}":
            return None
        position += 1
    return position


def bodies(code):
    """The ranges of the bodies of functions."""
    # A body follows a closing parenthesis, perhaps with noexcept, const, a macro, or initialisers behind it.
    # In a lambda's body there is more code of the body that it is in.
    result, position = [], 0
    opening = re.compile(
        r"\)(?: const| noexcept| override| mutable| ABSL_[A-Z_]+(?:\([^)]*\))?| -> [\w:*& ]+)*"
        r"(?:\s*:\s[^;{}]*(?:\{[^{}]*\}[^;{}]*)*?)?\s*\{"
    )
    while True:
        match = opening.search(code, position)
        if match is None:
            return result
        start = match.end() - 1
        end = close(code, start)
        result.append((start + 1, end))
        position = end


class Mutator:
    def __init__(self, text, first):
        self.text, self.code = text, blank(text)
        self.next = first
        self.mutants = []  # number, line, name
        self.times = collections.Counter()  # by name
        self.edits = []  # of the body at hand: start, end, new text
        self.bodies = {}  # other versions of bodies, by start: number, text

    def new(self, position, name):
        self.times[name] += 1
        if self.times[name] > 1:
            name += f" ({self.times[name]})"
        self.mutants.append((self.next, self.text.count("\n", 0, position) + 1, name))
        self.next += 1
        return self.next - 1

    def expression(self, start, end, negate):
        """The expression between the two, with its mutants."""
        code = self.code[start:end]
        text = re.sub(r"//[^\n]*", lambda comment: " " * len(comment[0]), self.text[start:end])
        if "[" in code and "{" in code:  # a lambda
            return text
        mutated = f"({text})"
        if negate:
            number = self.new(start, f"! {' '.join(text.split())}")
            mutated = f"(MULTISLOT_MUTANT({number}) ? !({text}) : {mutated})"
        operators = list(OPERATOR.finditer(code))
        if negate and len(operators) == 1 and operators[0][1] in ("==", "!="):
            operators = []  # that is the same
        for match in operators:
            if match[1] in "<>" and re.search(r"(?:_cast|static_cast|template)\s*$", code[: match.start()]):
                continue
            other = SWAPS[match[1]]
            changed = text[: match.start(1)] + other + text[match.end(1) :]
            number = self.new(start + match.start(1), f"{match[1]} is {other} in {' '.join(text.split())}")
            mutated = f"(MULTISLOT_MUTANT({number}) ? ({changed}) : {mutated})"
        return mutated

    def replace(self, start, end, new):
        self.edits.append((start, end, new))

    def statement(self, start, end):
        """A statement from start to its semicolon."""
        code = self.code[start:end]
        shown = " ".join(self.text[start:end].split())
        if code.startswith(("break", "continue")) or code == "return":
            number = self.new(start, f"no {shown}")
            self.replace(start, end + 1, f"{{ if (!MULTISLOT_MUTANT({number})) {self.text[start:end + 1]} }}")
        elif code.startswith("return "):
            value = start + len("return ")
            if self.code[value] in "{*" or code == "return nullptr" or "[" in code and "{" in code:
                return
            number = self.new(start, f"another result: {shown}")
            mutated = self.expression(value, end, False)
            self.replace(value, end, f"MULTISLOT_RETURN({number}, {mutated})")
        elif DECLARATION.match(code + ";") or TYPE_FIRST.match(code):
            match = re.match(r"[^=(]*? =\s+(?=[^{])", code)
            if match and not code.startswith(("auto*", "using", "constexpr", "static ", "inline ")):
                value = start + match.end()
                mutated = self.expression(value, end, False)
                if mutated != f"({self.text[value:end]})":
                    self.replace(value, end, mutated)
        elif re.match(r"(?:\+\+|--|\*|\(|[A-Za-z_])", code) and not re.match(r"[A-Z_0-9]+\(", code):
            number = self.new(start, f"no {shown}")
            self.replace(start, end + 1, f"{{ if (!MULTISLOT_MUTANT({number})) {self.text[start:end + 1]} }}")

    def body(self, start, end):
        position = start
        while position < end:
            rest = self.code[position:end]
            skip = re.match(r"[\s;{}]+|else\b|do\b|#", rest)
            if skip:
                position += skip.end()
                continue
            control = re.match(r"(if constexpr|if|while|switch|for)\s*\(", rest)
            if control:
                opening = position + control.end() - 1
                closing = close(self.code, opening)
                inside = self.code[opening + 1 : closing]
                if control[1] in ("if", "while") and not re.match(r"[\w:<>*& ]+[*& ]\w+ = ", inside):
                    self.replace(opening + 1, closing, self.expression(opening + 1, closing, True))
                elif control[1] == "for" and inside.count(";") == 2:
                    first = opening + 1 + inside.index(";") + 2
                    last = opening + 1 + inside.rindex(";")
                    if last > first:
                        self.replace(first, last, self.expression(first, last, False))
                position = closing + 1
                continue
            label = re.match(r"(?:case [^:]+|default):(?!:)", rest)
            if label:
                position += label.end()
                continue
            semicolon = statement_end(self.code, position)
            if semicolon is None or semicolon > end:
                return
            self.statement(position, semicolon)
            # The bodies of lambdas in it are left as they are.
            position = semicolon + 1

    def changed(self, name, text):
        """Adds the change of one function's body that makes the text; False if it changes something else."""
        start = len(os.path.commonprefix([self.text, text]))
        same = len(os.path.commonprefix([self.text[start:][::-1], text[start:][::-1]]))
        for body, end in bodies(self.code):
            if body <= start and len(self.text) - same <= end:
                number = self.new(start, name)
                self.bodies.setdefault(body, []).append((number, text[body : end + len(text) - len(self.text)]))
                return True
        return False

    def run(self):
        result, position = "", 0
        for start, end in bodies(self.code):
            self.edits = []
            self.body(start, end)
            body = self.text[start:end]
            for first, last, new in sorted(self.edits, reverse=True):
                body = body[: first - start] + new + body[last - start :]
            for number, other in self.bodies.get(start, ()):
                body = f"if (MULTISLOT_MUTANT({number})) {{{other}\n}} else {{{body}\n}}"
            result += self.text[position:start] + body
            position = end
        return result + self.text[position:]


def instrument(text, first, changed):
    """Puts all mutants into the text, numbered from first on.

    changed has a name and the whole changed text of each mutant that is not mechanical.
    Returns the new text, a list of (number, line, name), and what is in changed
    but outside of functions, where one cannot choose.
    """
    mutator = Mutator(text, first)
    alone = [(name, other) for name, other in changed if not mutator.changed(name, other)]
    return HEADER + mutator.run(), mutator.mutants, alone
