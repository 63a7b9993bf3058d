#!/usr/bin/env python3
"""Checks that the code in README.md, docs/ and the public headers equals code that tests compile and run.

A line before each block of code in a page names the file and the region that it comes from:

    <!-- examples/migrating/static_after.c: cache -->

In the file, the region is between lines with the comments [cache] and [end cache]. --fix copies the
files' code to the pages. A block of C, C++ or Cython without such a line is an error.

Each public header has an example that is part of one or two regions:

    // Example (examples/snippets/core_headers.cc [interpreter] [retire]):
    //
    //   multislot::Interpreter interpreter;
"""

import re
import subprocess
import sys

LANGUAGES = {"c": "c", "h": "cpp", "cc": "cpp", "pyx": "cython"}
HEADERS = ["multislot/*.h", "multislot/cpython/*.h", "c10/core/*.h"]
# The first is itself an example; the second has the interface of PyTorch's class.
WITHOUT_EXAMPLE = ["multislot/slot_policy.h", "c10/core/impl/PyInterpreter.h"]
EXAMPLE = re.compile(r"(?://| \*) Example \((\S+)((?: \[\w+\])+)\):\n((?:(?://| \*)(?:   .*)?\n)+)")
BLOCK = re.compile(r"(?:<!-- (\S+): (\w+) -->\n)?```(\w+)\n(.*?)```\n", re.DOTALL)


def region(path, name):
    text = open(path, encoding="utf-8").read()
    found = re.findall(rf"[^\n]*\[{name}\][^\n]*\n(.*?)\n[^\n]*\[end {name}\]", text, re.DOTALL)
    if len(found) != 1:
        raise SystemExit(f"{path}: {len(found)} regions '{name}'")
    return found[0].strip("\n") + "\n"


def right(match, page, problems):
    path, name, language, code = match.groups()
    if path is None:
        if language in LANGUAGES.values():
            problems.append(f"{page}: a block of {language} that is no file's")
        return match[0]
    expected = region(path, name)
    if language != LANGUAGES[path.rsplit(".")[-1]] or code != expected:
        problems.append(f"{page}: not as in {path}: {name}")
    return f"<!-- {path}: {name} -->\n```{LANGUAGES[path.rsplit('.')[-1]]}\n{expected}```\n"


def check_header(header, problems):
    """Returns how many examples it has."""
    examples = EXAMPLE.findall(open(header, encoding="utf-8").read())
    for path, names, comment in examples:
        code = "\n".join(region(path, name) for name in re.findall(r"\w+", names))
        # In a comment of C's there is no other such.
        code = re.sub(r"/\* (.*?) \*/", r" // \1", code) if path.endswith(".c") else code
        example = re.sub(r"(?m)^(?://| \*)(?:   )?", "", comment).strip("\n")
        if dedent(example) not in dedent(code):
            problems.append(f"{header}: not as in {path}: {names.strip()}")
    if not examples and header not in WITHOUT_EXAMPLE:
        problems.append(f"{header}: no example")
    return len(examples)


def dedent(code):
    return re.sub(r"(?m)^ +", "", code)


def files(*patterns):
    command = ["git", "ls-files", "-co", "--exclude-standard", *patterns]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout.split()


def main():
    pages = files("README.md", "docs/*.md")
    headers = [header for header in files(*HEADERS) if "/internal/" not in header]
    problems, blocks = [], 0
    for page in pages:
        text = open(page, encoding="utf-8").read()
        blocks += len(BLOCK.findall(text))
        fixed = BLOCK.sub(lambda match: right(match, page, problems), text)
        if "--fix" in sys.argv and fixed != text:
            open(page, "w", encoding="utf-8").write(fixed)
    examples = sum(check_header(header, problems) for header in headers)
    print(
        "\n".join(problems)
        or f"snippets: {blocks} blocks in {len(pages)} pages, {examples} examples in {len(headers)} headers"
    )
    return bool(problems) or not blocks or not examples


if __name__ == "__main__":
    sys.exit(main())
