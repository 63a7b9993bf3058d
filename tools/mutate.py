#!/usr/bin/env python3
"""Breaks the library, one thing at a time, and reports which tests notice.

Tries each mutant in a clone of the committed sources: first with the model checker (//tests/checker),
then, if the checker does not notice it, with the other tests.

  tools/mutate.py [--only TEXT] [--list] [FOLDER]
      The bugs of tools/mutants.py, and each memory order stronger than relaxed, weakened by one
      step. Compiles each mutant. FOLDER is where the clone goes; default ~/.cache/multislot/mutate.

  tools/mutate.py --mechanical [--part core|adapter] [--repeat N] [--only TEXT] [--list] [FOLDER]
      Changes of one token or one statement, all compiled at once; see tools/mechanical_mutants.py.
      With --repeat, a test must notice a mutant N times in a row.

The last line counts. Status 1 if a mutant survives that tools/mutants.py does not explain.
"""

import argparse
import collections
import concurrent.futures
import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as xml_tree

import mechanical_mutants
import mutants

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ORDERED = [
    mutants.SLOT,
    mutants.FIXED,
    mutants.TABLE,
    mutants.FILL,
    "multislot/internal/registry.h",
    mutants.REGISTER,
    mutants.FORK,
    "multislot/cpython/internal/records.h",
    mutants.RECORDS,
    mutants.LIFE,
    "multislot/cpython/single_interpreter_fast_path.h",
    mutants.SEVERAL,
]
WEAKER = {"acquire": ["relaxed"], "release": ["relaxed"], "acq_rel": ["acquire", "release"]}


def stages(file):
    """The tests for a mutant of the file, in order."""
    if not file.startswith("multislot/cpython/"):
        yield ["//tests/checker:all"]
        yield [f"//tests/{folder}/..." for folder in ("multislot", "conformance", "c10", "hit_path", "fuzz")]
        return
    yield ["//tests/checker:adapter_test"]
    pythons = subprocess.run(
        ["sh", "third_party/python/find_pythons.sh"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.split("\n")
    for python in (min, max):  # the oldest and the newest
        name = python((line.split("\t")[0] for line in pythons if line), key=lambda name: int(re.sub(r"\D", "", name)))
        tests = subprocess.run(
            ["./bazelw", "query", "--noshow_progress", f"filter('_{name}$', tests(//tests/cpython/...))"],
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout.split()
        yield tests


def weakened():
    """(name, file, offset, old text, new text) of each memory order, weakened."""
    seen = set()
    for file in ORDERED:
        text = open(os.path.join(ROOT, file), encoding="utf-8").read()
        for match in re.finditer(r"memory_order_(acquire|release|acq_rel)\b", text):
            line = text.count("\n", 0, match.start()) + 1
            number = re.match(r"\)*[^/]{0,30}// \((\d+)\)", text[match.end() :])
            for weaker in WEAKER[match[1]]:
                label = f"({number[1]})" if number else f"line {line}"
                name = f"{match[1]} -> {weaker}: {os.path.basename(file)} {label}"
                if name in seen:
                    name += ", again"
                seen.add(name)
                yield name, file, match.start(), match[0], "memory_order_" + weaker


def all_mutants():
    """(name, file, the file's text with the mutant)."""
    for name, file, old, new in mutants.BUGS:
        text = open(os.path.join(ROOT, file), encoding="utf-8").read()
        if text.count(old) != 1:
            sys.exit(f"mutate: {name}: {file} does not have this text exactly once:\n{old}")
        yield name, file, text.replace(old, new)
    for name, file, start, old, new in weakened():
        text = open(os.path.join(ROOT, file), encoding="utf-8").read()
        yield name, file, text[:start] + new + text[start + len(old) :]


def run(folder, targets):
    """None if all tests pass, else those that fail."""
    result = subprocess.run(
        ["./bazelw", "test", "--noshow_progress", "--color=no", "--curses=no", "--config=quick"]
        + ["--test_output=summary", "--test_timeout=60,120,300,300", "--build_tests_only"]
        + targets,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode == 0:
        return None
    failed = re.findall(r"^(//\S+) +(?:FAILED|TIMEOUT)", result.stdout, re.M)
    if result.returncode == 3 and failed:
        return " ".join(sorted(name.rsplit(":")[-1] for name in failed)[:3]) + (" ..." if failed[3:] else "")
    if "error:" in result.stdout:
        return "the compiler"
    sys.exit("mutate: bazelw test failed:\n" + result.stdout[-3000:])


def bazel(folder, command, *arguments):
    """The lines that it writes."""
    result = subprocess.run(
        ["./bazelw", command, "--noshow_progress", *arguments], cwd=folder, stdout=subprocess.PIPE, text=True, check=False
    )
    if result.returncode != 0:
        sys.exit(f"mutate: bazelw {command} failed")
    return result.stdout.split("\n")[:-1]


def path_of(label):
    return label.lstrip("/").lstrip(":").replace(":", "/")


def programs(folder, targets):
    """The C++ tests among the targets, each as a command."""
    xml = "\n".join(bazel(folder, "query", "--output=xml", f"kind(cc_test, set({' '.join(targets)}))"))
    commands = []
    for rule in xml_tree.fromstring(xml).iter("rule"):
        command = [os.path.join("bazel-bin", path_of(rule.get("name")))]
        for argument in rule.findall("list[@name='args']/string"):
            label = re.fullmatch(r"\$\((rootpaths?) (\S+)\)", argument.get("value"))
            if label is None:
                command.append(argument.get("value"))
                continue
            name = label[2] if label[2].startswith("//") else rule.get("name").split(":")[0] + ":" + label[2].lstrip(":")
            files = [name] if label[1] == "rootpath" else bazel(folder, "query", f"labels(srcs, {name})")
            command += [path_of(file) for file in files]
        commands.append(tuple(command))
    return commands


def notices(folder, command, number, seconds):
    """Whether the command fails with the mutant or takes too long; None if the mutant was not compiled in."""
    environment = dict(os.environ, MULTISLOT_MUTANT=str(number), TEST_TMPDIR=os.path.join(folder, "bazel-bin"))
    for name in ("GTEST_SHUFFLE", "PYTHONHOME"):
        environment.pop(name, None)
    try:
        result = subprocess.run(
            [os.path.join(folder, command[0]), *command[1:]],
            # As Bazel does it.
            cwd=os.path.join(folder, command[0] + ".runfiles", "multislot"),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return True
    return None if result.returncode == mechanical_mutants.NO_MUTANT else result.returncode != 0


def part(file):
    return "adapter" if file.startswith("multislot/cpython/") else "core"


def mechanical(folder, options):
    sources = subprocess.run(
        ["git", "ls-files", "multislot/*.h", "multislot/*.cc", "c10/*.h", "c10/*.cpp"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.split()
    chosen = []
    for source in sources:
        if source in mutants.NOT_MECHANICAL:
            continue
        path = os.path.join(folder, source)
        text, new = mechanical_mutants.instrument(source, open(path, encoding="utf-8").read(), len(chosen) + 1)
        chosen += new
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
    chosen = [
        mutant
        for mutant in chosen
        if options.only in f"{mutant[1]}: {mutant[3]}" and options.part in ("all", part(mutant[1]))
    ]
    if options.list:
        for _, file, line, what in chosen:
            print(f"{file}:{line}: {what}")
        return 0
    targets = {
        "core": [
            *("//tests/checker:core_test", "//tests/multislot:all", "//tests/c10:all", "//tests/fuzz:core_fuzz_test"),
            *(f"//tests/conformance:{cache}_test" for cache in ("c10", "single", "fixed_1", "fixed_3", "fixed_3_bare", "side_table")),
        ],
        "adapter": [test for stage in stages("multislot/cpython/") for test in stage],
    }
    targets = {name: targets[name] for name in sorted({part(mutant[1]) for mutant in chosen})}
    # Without assertions, which would notice mistakes of the caller before the library does.
    wanted = [target for of_part in targets.values() for target in of_part]
    bazel(folder, "build", "--color=no", "--copt=-w", "--copt=-DNDEBUG", "--build_tests_only", *wanted)
    programs_of = {name: programs(folder, of_part) for name, of_part in targets.items()}

    takes = {}  # seconds
    for program in [program for of_part in programs_of.values() for program in of_part]:
        started = time.monotonic()
        if notices(folder, program, 0, 600):
            sys.exit(f"mutate: {program[0]} fails without a mutant")
        takes[program] = time.monotonic() - started
    noticed_in = collections.Counter()  # mutants of a file, by program

    def what_notices(mutant):
        number, file, _, _ = mutant
        # Quick ones first, and those that have noticed others of the file.
        for program in sorted(programs_of[part(file)], key=lambda test: takes[test] / (1 + noticed_in[file, test])):
            limit = 10 + 5 * takes[program]
            noticed = notices(folder, program, number, limit)
            if noticed is None:
                return "nothing", None
            if noticed and all(notices(folder, program, number, limit) for _ in range(options.repeat - 1)):
                noticed_in[file, program] += 1
                return "checker" if "/checker/" in program[0] else "tests", os.path.basename(program[0])
            if noticed:
                print(f"{file}: {mutant[3]}: {os.path.basename(program[0])} does not notice it each time", flush=True)
        return "survived", None

    counts = {"checker": 0, "tests": 0, "explained": 0, "survived": 0, "nothing": 0}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for mutant, (kind, program) in zip(chosen, pool.map(what_notices, chosen)):
            _, file, line, what = mutant
            reason = mutants.EQUIVALENT.get(f"{os.path.basename(file)}: {what}")
            if kind == "survived" and reason:
                kind = "explained"
            counts[kind] += 1
            if kind != "nothing":
                verdict = program or ("SURVIVES" if kind == "survived" else f"changes nothing: {reason}")
                print(f"{file}:{line}: {what}  {verdict}", flush=True)
    print(
        f"{len(chosen) - counts['nothing']} mechanical mutants: {counts['checker']} caught by the checker, "
        f"{counts['tests']} by other tests, {counts['explained']} explained, {counts['survived']} survive"
    )
    return 1 if counts["survived"] else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--only", default="", help="only mutants whose names contain TEXT", metavar="TEXT")
    parser.add_argument("--list", action="store_true", help="list the mutants, and try none")
    parser.add_argument("--mechanical", action="store_true", help="the mechanical mutants")
    parser.add_argument("--part", choices=["all", "core", "adapter"], default="all", help="of the mechanical ones")
    parser.add_argument("--repeat", type=int, default=1, help="how often in a row a test has to notice a mutant")
    options = parser.parse_args()
    if not options.mechanical:
        chosen = [mutant for mutant in all_mutants() if options.only in mutant[0]]
    if options.list and not options.mechanical:
        print("\n".join(f"{name}: {file}" for name, file, _ in chosen))
        return 0
    cache = os.environ.get("MULTISLOT_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "multislot"
    )
    folder = options.folder or os.path.join(cache, "mutate")
    # Two runs in one clone would disturb each other.
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    lock = open(folder + ".lock", "w", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"mutate: another run uses {folder}")
    if not os.path.isdir(os.path.join(folder, ".git")):
        subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    subprocess.run(["git", "fetch", "--quiet", ROOT, head.stdout.strip()], cwd=folder, check=True)
    subprocess.run(["git", "reset", "--quiet", "--hard", head.stdout.strip()], cwd=folder, check=True)
    if os.path.exists(os.path.join(ROOT, ".bazelrc.user")):
        shutil.copy(os.path.join(ROOT, ".bazelrc.user"), folder)
    if options.mechanical:
        return mechanical(folder, options)
    counts = {"checker": 0, "tests": 0, "compiler": 0, "explained": 0, "survived": 0}
    for name, file, text in chosen:
        started = time.monotonic()
        path = os.path.join(folder, file)
        original = open(path, encoding="utf-8").read()
        try:
            with open(path, "w", encoding="utf-8") as out:
                out.write(text)
            caught = None
            for number, targets in enumerate(stages(file)):
                caught = run(folder, targets)
                if caught is not None:
                    break
        finally:
            with open(path, "w", encoding="utf-8") as out:
                out.write(original)
        if caught == "the compiler":
            kind = "compiler"
        elif caught is not None:
            kind = "checker" if number == 0 else "tests"
        else:
            kind = "explained" if name in mutants.EQUIVALENT else "survived"
        counts[kind] += 1
        what = caught or ("SURVIVES" if kind == "survived" else "changes nothing: " + mutants.EQUIVALENT[name])
        print(f"{name:60} {what}  ({time.monotonic() - started:.0f} s)", flush=True)
    print(
        f"{len(chosen)} mutants: {counts['checker']} caught by the checker, {counts['tests']} by other tests, "
        f"{counts['compiler']} do not compile, {counts['explained']} change nothing, {counts['survived']} survive"
    )
    return 1 if counts["survived"] else 0


if __name__ == "__main__":
    sys.exit(main())
