"""--plot: what it draws is what the table and --json say, and its errors come before the measurement."""

import json
import math
import os
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

FARM = os.path.abspath(next(path for path in sys.argv[1:] if "interpreter_farm_" in os.path.basename(path)))
SVG = "{http://www.w3.org/2000/svg}"
POLICIES = ["none", "single", "fixed", "side_table"]
# Where matplotlib keeps its list of fonts, which takes it long to make.
FONTS = tempfile.TemporaryDirectory()
NO_MATPLOTLIB = "needs a python3 that has matplotlib"


def run(*flags, folder=None, **environment):
    """Status, stdout and stderr of the farm, as `bazel run` in that folder has it."""
    if folder is not None:
        environment["BUILD_WORKING_DIRECTORY"] = folder
    result = subprocess.run(
        [FARM, "--interpreters=3", "--operators=20", "--lookups=5000", "--slots=5", *flags],
        env={**os.environ, "MPLCONFIGDIR": FONTS.name, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )
    return result.returncode, result.stdout, result.stderr


class PlotTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name

    def run_or_skip(self, *flags, **keywords):
        status, out, err = run(*flags, **keywords)
        if NO_MATPLOTLIB in err:
            self.skipTest(err)
        self.assertEqual(status, 0, err)
        return out

    def test_svg_says_what_the_table_says(self):
        # A name that neither a shell nor Python may read in its own way.
        name = "it's a \"$HOME\" \\n.svg"
        table = self.run_or_skip("--plot=" + name, "--json=farm.json", folder=self.folder)
        root = ElementTree.parse(os.path.join(self.folder, name)).getroot()
        with open(os.path.join(self.folder, "farm.json"), encoding="utf-8") as file:
            results = json.load(file)
        self.assertEqual([of["policy"] for of in results["policies"]], POLICIES)

        texts = [text.text for text in root.iter(SVG + "text")]
        lines = table.splitlines()
        self.assertIn(lines[0], texts)
        rows = [re.split("  +", line) for line in lines[5:]]
        self.assertEqual(len(rows), 4)
        for words, _, ns, hit_rate, *_ in rows:
            self.assertIn(words, texts)
            self.assertIn(ns + " ns", texts)
            self.assertIn(hit_rate, texts)
        self.assertEqual(sum(re.fullmatch("[0-9.]+ (ns|%)", text) is not None for text in texts), 8, texts)

        ids = {group.get("id"): group for group in root.iter(SVG + "g")}
        for panel, value in [
            ("ns", lambda of: math.log(of["ns_per_lookup"])),
            ("hits", lambda of: of["hit_rate"]),
        ]:
            marks = []  # (value, x), of the bars' ends too
            for policy in results["policies"]:
                (bar,) = ids.pop(f"{panel}/{policy['policy']}").iter(SVG + "path")
                corners = re.findall("[ML] ([0-9.]+) ", bar.get("d"))
                marks.append((value(policy), max(map(float, corners))))
                self.assertEqual(len(policy["by_interpreter"]), 3)
                for number, interpreter in enumerate(policy["by_interpreter"], 1):
                    uses = list(ids.pop(f"{panel}/{policy['policy']}/{number}").iter(SVG + "use"))
                    self.assertEqual(len(uses), 1)
                    marks.append((value(interpreter), float(uses[0].get("x"))))
            # One scale for all.
            (low, left), (high, right) = min(marks), max(marks)
            self.assertGreater(right, left + 50)
            for at, x in marks:
                self.assertAlmostEqual(x, left + (at - low) / (high - low) * (right - left), delta=0.1)
        self.assertEqual([name for name in ids if name and re.match("(ns|hits)/", name)], [])

    def test_the_sums_are_those_of_the_interpreters(self):
        status, _, err = run("--json=farm.json", folder=self.folder)
        self.assertEqual(status, 0, err)
        with open(os.path.join(self.folder, "farm.json"), encoding="utf-8") as file:
            for policy in json.load(file)["policies"]:
                for key in ("ns_per_lookup", "hit_rate"):
                    values = [interpreter[key] for interpreter in policy["by_interpreter"]]
                    self.assertAlmostEqual(policy[key], sum(values) / 3, delta=1e-5, msg=policy["policy"])

    def test_png(self):
        self.run_or_skip("--plot=farm.PNG", folder=self.folder)
        with open(os.path.join(self.folder, "farm.PNG"), "rb") as file:
            self.assertEqual(file.read(8), b"\x89PNG\r\n\x1a\n")

    def test_errors_come_before_the_measurement(self):
        missing = os.path.join(self.folder, "no", "farm.svg")
        for flag, error in [
            ("--plot=farm.pdf", f"the file of --plot must end in .svg or .png: {self.folder}/farm.pdf"),
            ("--plot=svg", f"the file of --plot must end in .svg or .png: {self.folder}/svg"),
            ("--plot=" + missing, f"cannot write {missing}"),
            ("--plot=no/farm.svg", f"cannot write {missing}"),
        ]:
            status, out, err = run(flag, folder=self.folder)
            self.assertEqual((status, out, err), (1, "", f"error: {error}\n"))

    def test_without_matplotlib(self):
        # Neither python3 finds it with these in the way.
        os.mkdir(os.path.join(self.folder, "matplotlib"))
        with open(os.path.join(self.folder, "matplotlib", "__init__.py"), "w", encoding="utf-8") as file:
            file.write("raise ImportError\n")
        status, out, err = run("--plot=farm.svg", folder=self.folder, PYTHONPATH=self.folder)
        self.assertEqual((status, out), (1, ""))
        self.assertRegex(err, f"^error: --plot {NO_MATPLOTLIB} .*python3-matplotlib[)]\n$")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
