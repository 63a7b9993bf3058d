#!/usr/bin/env python3
"""Asks herd7 whether the litmus tests hold in the memory model RC11.

Each file in tests/litmus is a protocol in miniature. Its condition must not come true in any order that
the model allows, and there must be no data race. The numbers in comments are those of
docs/memory_order.md. Each numbered line is also weakened by one step, by itself: an acquire or a release
to relaxed; what is relaxed already goes away (a look that is the second one returns what the first one
did). Then herd7 has to find the condition true, or a race: the order is needed. Files whose names begin
with "seed_" are the other way round: they have to be found broken as they are.

  tools/test_litmus.py [ROOT]      where another system is that has herd7, for chroot

Status 3 without herd7, which Debian has in sid only (herdtools7).

Not shown: that the tests are true to the code, and anything of sequentially consistent operations, of
which there are none.
"""

import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(ROOT, "tests", "litmus")


def verdict(root, text):
    """Whether the condition comes true, or there is a data race."""
    command = ["herd7", "-model", "rc11.cat"]
    with tempfile.NamedTemporaryFile("w", suffix=".litmus", dir=os.path.join(root, "tmp")) as file:
        file.write(text)
        file.flush()
        result = subprocess.run(
            (["chroot", root] if root != "/" else []) + command + [os.path.join("/tmp", os.path.basename(file.name))],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    observation = re.search(r"^Observation \S+ (Never|Sometimes|Always) ", result.stdout, re.M)
    if result.returncode != 0 or not observation or "Warning" in result.stdout:
        sys.exit(f"litmus: herd7 failed:\n{text}\n{result.stdout}")
    return observation[1] != "Never" or "Flag" in result.stdout


def weakened(line):
    """The line, each time one step weaker: (what, line)."""
    if "memory_order_acq_rel" in line:
        for weaker in ("acquire", "release"):
            yield f"acq_rel -> {weaker}", line.replace("memory_order_acq_rel", "memory_order_" + weaker, 1)
        return
    strong = re.search(r"memory_order_(acquire|release)", line)
    if strong:
        yield f"{strong[1]} -> relaxed", line.replace(strong[0], "memory_order_relaxed", 1)
    elif "_load_" in line:
        yield "removed", re.sub(r"= atomic_load.*?;", "= r0;", line)
    else:
        yield "removed", ""


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else "/"
    if not os.path.exists(os.path.join(root, "usr/bin/herd7")) and not (root == "/" and shutil.which("herd7")):
        print("litmus: NOT RUN: no herd7")
        return 3
    bad, sound, variants = [], 0, 0
    for path in sorted(glob.glob(os.path.join(FOLDER, "*.litmus"))):
        name = os.path.basename(path)[: -len(".litmus")]
        lines = open(path, encoding="utf-8").read().split("\n")
        broken = verdict(root, "\n".join(lines))
        expected = name.startswith("seed_")
        print(f"{name:24} {'broken' if broken else 'sound'}")
        if broken != expected:
            bad.append(f"{name} is {'broken' if broken else 'sound'}")
        if expected:
            continue
        sound += 1
        for number, line in enumerate(lines):
            label = re.search(r"// (\(\d+\).*)", line)
            for what, weaker in weakened(line) if label else ():
                variants += 1
                noticed = verdict(root, "\n".join(lines[:number] + [weaker] + lines[number + 1 :]))
                print(f"  {label[1]:8} {what:20} {'broken' if noticed else 'SOUND'}")
                if not noticed:
                    bad.append(f"{name} does not need {label[1]}")
    for text in bad:
        print("litmus: " + text)
    print(f"litmus: {sound} protocols sound, {variants} weakened variants broken, {len(bad)} problems")
    return 1 if bad or not sound else 0


if __name__ == "__main__":
    sys.exit(main())
