"""Edits source files of other projects, for the scripts that port them."""

import re


class Source:
    """A source file's text. An edit that does not match as expected is an error."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.text = file.read()

    def replace(self, pattern, replacement, times=1):
        """Replaces the regular expression's matches; there must be exactly this many."""
        self.text, found = re.subn(pattern, lambda match: match.expand(replacement), self.text, flags=re.DOTALL)
        if found != times:
            raise SystemExit(f"{pattern!r} is there {found} times, not {times}")

    def write(self, path):
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.text)
