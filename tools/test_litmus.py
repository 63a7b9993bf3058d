#!/usr/bin/env python3
"""Asks herd7 whether the litmus tests hold in the memory models RC11 and C++11.

Each file in tests/litmus is a small model of a protocol. Its condition must not come true in any order that
the memory models allow, and there must be no data race. The numbers in comments are those of
docs/memory_order.md. The script also weakens each numbered line by one step, one at a time: acquire or
release becomes relaxed; a relaxed operation is removed (a second look then returns what the first one
did). Then herd7 must find the condition true in RC11, or a race: the order is needed. For files whose names
begin with "seed_" the condition must come true unchanged.

It uses two models. RC11 excludes load buffering (a store that comes before an earlier load), which C++ and ARM
allow; C++11 (Batty, Donaldson and Wickerson, POPL 2016) includes it.

  tools/test_litmus.py [ROOT]      ROOT: the root of another system that has herd7, for chroot

Status 3 without herd7, which Debian has in sid only (herdtools7).

Not shown: that the tests match the code; more threads and steps than a test has; and anything about
fences and sequentially consistent operations, of which there are none. Operations under the RegistryLock
are modelled as steps of one thread.
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


MODELS = ("rc11.cat", "c11_partialSC.cat")


def verdict(root, text, model=MODELS[0]):
    """What herd7 found: "condition" if it comes true, "race" if there is one."""
    command = ["herd7", "-model", model]
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
    return ["condition"] * (observation[1] != "Never") + ["race"] * ("\nFlag " in result.stdout)


def say(found):
    return "broken: " + ", ".join(found) if found else "sound"


def weakened(line):
    """The ways to weaken the line by one step: (what, line)."""
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
    bad, sound, seeds, variants = [], 0, 0, 0
    for path in sorted(glob.glob(os.path.join(FOLDER, "*.litmus"))):
        name = os.path.basename(path)[: -len(".litmus")]
        lines = open(path, encoding="utf-8").read().split("\n")
        wrong = {model: verdict(root, "\n".join(lines), model) for model in MODELS}
        seed = name.startswith("seed_")
        for model, found in wrong.items():
            print(f"{name:24} {model:20} {say(found)}")
            if "condition" not in found if seed else found:
                bad.append(f"{name} in {model}: {say(found)}")
        if seed:
            seeds += all("condition" in found for found in wrong.values())
            continue
        sound += not any(wrong.values())
        labels = [re.search(r"// (\((?:\d+|GIL)\).*)", line) for line in lines]
        if not any(labels):
            bad.append(f"{name} has no numbered line")
        for number, label in enumerate(labels):
            for what, weaker in weakened(lines[number]) if label else ():
                found = verdict(root, "\n".join(lines[:number] + [weaker] + lines[number + 1 :]))
                print(f"  {label[1]:8} {what:20} {say(found)}")
                if found:
                    variants += 1
                else:
                    bad.append(f"{name} does not need {label[1]}, {what}")
    if not sound or not seeds:
        bad.append("no sound test, or no broken seed")
    for text in bad:
        print("litmus: FAILED: " + text)
    print(f"litmus: {sound} litmus tests sound, {variants} weakened variants broken, {len(bad)} problems")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
