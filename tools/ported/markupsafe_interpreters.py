"""MarkupSafe's extension in eight interpreters at once, with a GIL each if CPython supports that.

markupsafe_interpreters.py original|ported
"""

import sys

import interpreters

is_gil_enabled = getattr(sys, "_is_gil_enabled", lambda: True)
HAD_GIL = is_gil_enabled()

import markupsafe
from markupsafe import _speedups

IN_EACH = """
import sys
sys.path[:] = {path!r}
import markupsafe
from markupsafe import Markup, _speedups

class HasHtml:
    def __html__(self):
        return "<b>"

wrong = 0
for i in range(3000):
    for text, expected in [("<a>%d" % i, "&lt;a&gt;%d" % i), (i, str(i)), (HasHtml(), "<b>"), ("\u20ac&", "\u20ac&amp;")]:
        escaped = _speedups.escape(text)
        if type(escaped) is not Markup or escaped != expected:
            wrong += 1
assert not wrong, "%d wrong" % wrong
"""


def main():
    ported = sys.argv[1] == "ported"
    script = IN_EACH.format(path=sys.path)
    own_gil = interpreters.OWN_GIL
    with interpreters.several(8, own_gil) as eight:
        if ported:
            interpreters.run_in_each(eight, script)
            assert type(_speedups.escape("<")) is markupsafe.Markup
            assert is_gil_enabled() == HAD_GIL, "the port brings the GIL back"
            return
        try:
            eight[0].run(script)
        except Exception as failure:
            expected = "does not support loading in subinterpreters" if own_gil else "wrong"
            assert expected in str(failure), failure
            print("the original:", failure)
            return
    raise SystemExit("the original is right")


main()
