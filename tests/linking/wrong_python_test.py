"""(S44) Extensions compiled for another Python than their multislot library."""

import importlib.machinery
import os
import sys
import sysconfig
import unittest

PATHS = {os.path.basename(os.path.dirname(path)): path for path in sys.argv[1:-1]}


def load(name):
    loader = importlib.machinery.ExtensionFileLoader("wrong_python", PATHS[name])
    spec = importlib.machinery.ModuleSpec("wrong_python", loader, origin=PATHS[name])
    return loader.create_module(spec)


class WrongPythonTest(unittest.TestCase):
    def check(self, name, code, library):
        with self.assertRaises(ImportError) as raised:
            load(name)
        self.assertIn(
            f"multislot_code_for_{code}_needs_another_library_than_for_{library}",
            str(raised.exception),
        )

    def test_the_right_python_is_imported(self):
        self.assertEqual(load("right").__name__, "wrong_python")

    def test_another_version(self):
        other_minor = sys.argv[-1]
        self.check(
            "version",
            "python_3_" + other_minor,
            "python_3_%d" % sys.version_info[1],
        )

    def test_the_limited_api(self):
        self.check(
            "limited_api", "limited_api_3_10", "python_3_%d" % sys.version_info[1]
        )

    def test_another_kind(self):
        kind = {"free_threaded": "Py_GIL_DISABLED", "debug": "Py_DEBUG"}
        own = [k for k in kind if sysconfig.get_config_var(kind[k])]
        for other in set(kind) - set(own):
            code = [k for k in kind if k in own + [other]]
            self.check(
                other,
                "_".join(code) + "_python",
                ("_".join(own) or "release") + "_python",
            )


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
