#!/usr/bin/env python3
"""Breaks the library, one thing at a time, and reports which tests notice.

  tools/mutate.py [--kind bugs|orders|mechanical] [--part core|adapter] [--only TEXT] [--repeat N]
                  [--list] [FOLDER]

The kinds of mutants:

  bugs         what a maintainer could write by mistake: tools/mutants.py
  orders       each memory order stronger than relaxed, one step weaker
  mechanical   changes of one token or one statement: tools/mechanical_mutants.py

All of them are compiled at once, in a clone of the committed sources; an environment variable chooses
one. Runs the tests of the mutant's part that reach it until one notices it: the model checker first, but for
mechanical mutants the tests that are quick and have noticed others. Each case of a GoogleTest is a test, and so are
all its cases in one process. With --repeat, a test must notice a mutant N times in a row, but for the checker, which
does the same each time. FOLDER is where the clone goes; default ~/.cache/multislot/mutate.

What changes nothing, as tools/mutants.py explains, is not tried. The last lines count. Status 1 if a mutant
survives.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as xml_tree

import mechanical_mutants
import mutants

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KINDS = ["bugs", "orders", "mechanical"]
WEAKER = {"acquire": ["relaxed"], "release": ["relaxed"], "acq_rel": ["acquire", "release"]}
ADAPTER = "multislot/cpython/"
# Many tests wait, or hang.
WORKERS = 2 * os.cpu_count()
# The number is None where the mutant cannot be compiled together with others; text is its file then.
Mutant = collections.namedtuple("Mutant", ["number", "kind", "file", "line", "name", "text"])


def part_of(file):
    return "adapter" if file.startswith(ADAPTER) else "core"


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def output_of(command):
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def bugs_in(file, text):
    """(name, the whole text with the bug)"""
    for name, of_file, old, new in mutants.BUGS:
        if of_file == file:
            if text.count(old) != 1:
                sys.exit(f"mutate: {name}: {file} does not have this text exactly once:\n{old}")
            yield name, text.replace(old, new)


def weaker_orders_in(file, text):
    seen = set()
    for match in re.finditer(r"memory_order_(acquire|release|acq_rel)\b", text):
        line = text.count("\n", 0, match.start()) + 1
        number = re.match(r"\)*[^/]{0,30}// \((\d+)\)", text[match.end() :])
        for weaker in WEAKER[match[1]]:
            label = f"({number[1]})" if number else f"line {line}"
            name = f"{match[1]} -> {weaker}: {os.path.basename(file)} {label}"
            if name in seen:
                name += ", again"
            seen.add(name)
            yield name, text[: match.start()] + "memory_order_" + weaker + text[match.end() :]


def instrument(folder):
    """Puts all mutants into the sources in the folder, and returns them."""
    result = []
    patterns = ["multislot/*.h", "multislot/*.cc", "c10/*.h", "c10/*.cpp"]
    for source in output_of(["git", "ls-files", *patterns]).split():
        if source in mutants.NOT_INSTRUMENTED:
            continue
        path = os.path.join(folder, source)
        text = read(path)
        kinds, changed = {}, []
        orders = () if source in mutants.ONLY_LITMUS_TESTS else weaker_orders_in(source, text)
        for kind, found in ("bugs", bugs_in(source, text)), ("orders", orders):
            for name, other in found:
                kinds[name] = kind
                changed.append((name, other))
        first = 1 + max((mutant.number or 0 for mutant in result), default=0)
        text, new, alone = mechanical_mutants.instrument(text, first, changed)
        write(path, text)
        for number, line, name in new:
            result.append(Mutant(number, kinds.get(name, "mechanical"), source, line, name, None))
        for name, other in alone:
            result.append(Mutant(None, kinds[name], source, 1, name, other))
    return result


def bazel(folder, command, *arguments):
    """The lines that it writes."""
    command = ["./bazelw", command, "--noshow_progress", *arguments]
    result = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"mutate: bazelw {command[1]} failed")
    return result.stdout.split("\n")[:-1]


def targets_of(part):
    if part == "core":
        caches = ("c10", "single", "fixed_1", "fixed_3", "fixed_3_bare", "side_table")
        return [
            *("//tests/checker:core_test", "//tests/multislot:all", "//tests/c10:all", "//tests/fuzz:core_fuzz_test"),
            *(f"//tests/conformance:{cache}_test" for cache in caches),
        ]
    found = output_of(["sh", "third_party/python/find_pythons.sh"]).split("\n")
    pythons = sorted((line.split("\t")[0] for line in found if line), key=lambda name: int(re.sub(r"\D", "", name)))
    # The oldest and the newest.
    return ["//tests/checker:adapter_test"] + [
        test
        for python in sorted({pythons[0], pythons[-1]})
        for test in bazel(ROOT, "query", f"filter('_{python}$', tests(//tests/cpython/...))")
    ]


def build(folder, targets):
    # Without assertions, which would notice mistakes of the caller before the library does.
    options = ["--noshow_progress", "--color=no", "--copt=-w", "--copt=-DNDEBUG", "--build_tests_only"]
    return subprocess.run(["./bazelw", "build", *options, *targets], cwd=folder, check=False).returncode == 0


def path_of(label):
    return label.lstrip("/").lstrip(":").replace(":", "/")


def tests_in(folder, targets):
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


def run_test(folder, test, number, seconds, stdout=subprocess.DEVNULL, **environment):
    """Runs it as Bazel does, with the mutant of this number. Its status; None if it takes too long."""
    environment = {**os.environ, **environment, "MULTISLOT_MUTANT": str(number), "GTEST_FAIL_FAST": "1"}
    for name in ("GTEST_SHUFFLE", "PYTHONHOME"):
        environment.pop(name, None)
    with tempfile.TemporaryDirectory() as environment["TEST_TMPDIR"]:
        process = subprocess.Popen(
            [os.path.join(folder, test[0]), *test[1:]],
            cwd=os.path.join(folder, test[0] + ".runfiles", "multislot"),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            # With the processes that it started.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def cases_of(folder, test):
    """A command for each case, if it is a GoogleTest."""
    with tempfile.TemporaryFile("w+") as file:
        if run_test(folder, test + ("--gtest_list_tests",), 0, 600, stdout=file) != 0:
            return
        file.seek(0)
        lines = file.read().split("\n")
    suite = None
    for line in lines:
        name = line.split("#")[0].rstrip()
        if re.fullmatch(r"[\w/<>]+\.", name):
            suite = name
        elif suite and re.fullmatch(r"  [\w/]+", name) and "DISABLED_" not in suite + name:
            yield test + (f"--gtest_filter={suite}{name.strip()}",)


class Tests:
    """The tests of a part."""

    def __init__(self, folder, targets):
        self.folder, self.targets = folder, targets
        self.takes = {}  # seconds
        self.reaches = {}  # a byte for each number of a mutant
        self.noticed = collections.Counter()  # by file and test
        whole = tests_in(folder, targets)
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            cases = [case for found in pool.map(lambda test: list(cases_of(folder, test)), whole) for case in found]
            for test, passes in zip(whole + cases, pool.map(self.passes, whole + cases)):
                # A case may need those before it.
                if not passes and test in whole:
                    sys.exit(f"mutate: {test[0]} fails without a mutant")

    def passes(self, test):
        """Whether it does without a mutant; then it can be used."""
        with tempfile.NamedTemporaryFile() as reached:
            os.truncate(reached.name, 1 << 16)
            started = time.monotonic()
            if run_test(self.folder, test, 0, 600, MULTISLOT_REACHED=reached.name) != 0:
                return False
            self.reaches[test] = reached.read()
            self.takes[test] = time.monotonic() - started
            return True

    def order(self, mutant, test):
        """Quick ones first, and those that have noticed others of the file."""
        is_checker = mutant.kind != "mechanical" and "/checker/" in test[0]
        return not is_checker, self.takes[test] / (1 + self.noticed[mutant.file, test])

    def try_compiled(self, mutant, repeat):
        """What happens to the mutant ("checker", "tests", "nothing", "survived" or
        "not reached"), and the test's name."""
        number = mutant.number or 0
        tests = [test for test in self.takes if number == 0 or self.reaches[test][number]]
        for test in sorted(tests, key=lambda test: self.order(mutant, test)):
            limit = 4 + 10 * self.takes[test]
            status = run_test(self.folder, test, number, limit)
            if status == 0:
                continue
            if status == mechanical_mutants.NO_MUTANT:
                return "nothing", None
            cases = [argument.split("=", 1)[1] for argument in test if argument.startswith("--gtest_filter=")]
            name = " ".join([os.path.basename(test[0]), *cases])
            if "/checker/" in test[0]:  # the same each time
                return "checker", name
            if all(run_test(self.folder, test, number, limit) != 0 for _ in range(repeat - 1)):
                if status is not None:  # not one that takes too long
                    self.noticed[mutant.file, test] += 1
                return "tests", name
            print(f"{mutant.file}: {mutant.name}: {name} does not notice it each time", flush=True)
        return "survived" if tests else "not reached", None

    def try_alone(self, mutant, repeat):
        path = os.path.join(self.folder, mutant.file)
        original = read(path)
        write(path, mutant.text)
        try:
            if not build(self.folder, self.targets):
                return "compiler", "the compiler"
            return self.try_compiled(mutant, repeat)
        finally:
            write(path, original)


def reason_of(mutant):
    """Why the mutant changes nothing, or None."""
    return mutants.EQUIVALENT.get(mutant.name) or mutants.EQUIVALENT.get(
        f"{os.path.basename(mutant.file)}: {mutant.name}"
    )


def report(counts, mutant, kind, test):
    verdicts = {"survived": "SURVIVES", "not reached": "SURVIVES, no test reaches it"}
    verdict = test or verdicts.get(kind) or f"changes nothing: {reason_of(mutant)}"
    counts[part_of(mutant.file), mutant.kind, "survived" if kind == "not reached" else kind] += 1
    if kind != "nothing":
        print(f"{mutant.file}:{mutant.line}: {mutant.name}  {verdict}", flush=True)


def prepare(folder):
    """A clone of what is committed."""
    if not os.path.isdir(os.path.join(folder, ".git")):
        subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    head = output_of(["git", "rev-parse", "HEAD"]).strip()
    subprocess.run(["git", "fetch", "--quiet", ROOT, head], cwd=folder, check=True)
    subprocess.run(["git", "reset", "--quiet", "--hard", head], cwd=folder, check=True)
    if os.path.exists(os.path.join(ROOT, ".bazelrc.user")):
        shutil.copy(os.path.join(ROOT, ".bazelrc.user"), folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--kind", choices=KINDS, help="only mutants of this kind")
    parser.add_argument("--part", choices=["core", "adapter"], help="only mutants of this part")
    parser.add_argument("--only", default="", help="only mutants whose lines in --list contain TEXT", metavar="TEXT")
    parser.add_argument("--repeat", type=int, default=1, help="how often in a row a test has to notice a mutant")
    parser.add_argument("--list", action="store_true", help="list the mutants, and try none")
    options = parser.parse_args()
    cache = os.environ.get("MULTISLOT_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "multislot"
    )
    folder = options.folder or os.path.join(cache, "mutate")
    # Two runs in one clone would disturb each other.
    os.makedirs(os.path.dirname(os.path.abspath(folder)), exist_ok=True)
    lock = open(folder + ".lock", "w", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"mutate: another run uses {folder}")
    prepare(folder)
    chosen = [
        mutant
        for mutant in instrument(folder)
        if options.kind in (None, mutant.kind)
        and options.part in (None, part_of(mutant.file))
        and options.only in f"{mutant.file}:{mutant.line}: {mutant.name}"
    ]
    if options.list:
        for mutant in chosen:
            print(f"{mutant.file}:{mutant.line}: {mutant.name}")
        return 0

    parts = sorted({part_of(mutant.file) for mutant in chosen})
    targets = {part: targets_of(part) for part in parts}
    if not build(folder, sum(targets.values(), [])):
        sys.exit("mutate: bazelw build failed")
    tests = {part: Tests(folder, targets[part]) for part in parts}

    counts = collections.Counter()
    for mutant in chosen:
        if reason_of(mutant):
            report(counts, mutant, "explained", None)
    chosen = [mutant for mutant in chosen if not reason_of(mutant)]
    compiled = [mutant for mutant in chosen if mutant.number]
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        running = {
            pool.submit(tests[part_of(mutant.file)].try_compiled, mutant, options.repeat): mutant for mutant in compiled
        }
        for done in concurrent.futures.as_completed(running):
            report(counts, running[done], *done.result())
    for mutant in chosen:
        if not mutant.number:
            report(counts, mutant, *tests[part_of(mutant.file)].try_alone(mutant, options.repeat))

    for part in parts:
        for kind in KINDS:
            number = sum(counts[part, kind, what] for what in ("checker", "tests", "compiler", "explained", "survived"))
            if number:
                print(
                    f"{part}, {kind}: {number} mutants: {counts[part, kind, 'checker']} noticed by the checker, "
                    f"{counts[part, kind, 'tests']} by other tests, {counts[part, kind, 'compiler']} by the compiler; "
                    f"{counts[part, kind, 'explained']} change nothing, {counts[part, kind, 'survived']} survive"
                )
    return 1 if any(counts[part, kind, "survived"] for part in parts for kind in KINDS) else 0


if __name__ == "__main__":
    sys.exit(main())
