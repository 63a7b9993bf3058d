#!/usr/bin/env python3
"""Checks that the code in README.md and docs/ is that of files which tests compile and run.

A block of code in a page has a line before it that says which region of which file it is:

    <!-- examples/migrating/static_after.c: cache -->

In the file, the region lies between lines with the comments [cache] and [end cache]. With --fix the
pages get the files' code. A block of C, C++ or Cython without such a line is an error.
"""

import re
import subprocess
import sys

LANGUAGES = {"c": "c", "h": "cpp", "cc": "cpp", "pyx": "cython"}
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


def main():
    pages = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "README.md", "docs/*.md"],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    ).stdout.split()
    problems, blocks = [], 0
    for page in pages:
        text = open(page, encoding="utf-8").read()
        blocks += len(BLOCK.findall(text))
        fixed = BLOCK.sub(lambda match: right(match, page, problems), text)
        if "--fix" in sys.argv and fixed != text:
            open(page, "w", encoding="utf-8").write(fixed)
    print("\n".join(problems) or f"snippets: {blocks} blocks in {len(pages)} pages")
    return bool(problems) or not blocks


if __name__ == "__main__":
    sys.exit(main())
