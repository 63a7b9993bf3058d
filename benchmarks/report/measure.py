"""Runs benchmark programs and writes down what they measure."""

import datetime
import json
import os
import platform
import re
import subprocess
import sys
import tempfile

MEASURE = [
    "--benchmark_enable_random_interleaving",
    "--benchmark_min_time=0.004",
    "--benchmark_repetitions=51",
]
QUICK = ["--benchmark_min_time=0.00001", "--benchmark_repetitions=2"]
COUNTERS = ["bytes_per_cache", "bytes_per_interpreter", "resident_per_cache", "resident_per_interpreter"]
CONTEXT = ["compiler", "python", "pybind11", "bytes_of_a_handle_cache"]


def run(arguments):
    done = subprocess.run(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{arguments[0]} ended with status {done.returncode}:\n{done.stderr}")


def run_benchmark(program, arguments, quick):
    """Runs a program once. Returns {name: {"ns": [...], ...}} and the context."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out.json")
        run([program, "--benchmark_out=" + out, *(QUICK if quick else MEASURE), *arguments])
        with open(out, encoding="utf-8") as file:
            result = json.load(file)
    benchmarks = {}
    for entry in result["benchmarks"]:
        if entry["run_type"] != "iteration":
            continue
        if entry.get("error_occurred"):
            sys.exit(f"{program}: {entry['name']}: {entry['error_message']}")
        name = re.sub(r"/(real_time|iterations:\d+|repeats:\d+)", "", entry["run_name"])
        benchmark = benchmarks.setdefault(name, {"ns": []})
        benchmark["ns"].append(float(f"{entry.get('thread_ns', entry['real_time']):.4g}"))
        for counter in COUNTERS:
            if counter in entry:
                benchmark[counter] = round(entry[counter], 1)
    context = {key: result["context"][key] for key in CONTEXT if key in result["context"]}
    return benchmarks, context


def run_farm(program, quick):
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out.json")
        run([program, "--json=" + out, *(["--lookups=10000"] if quick else [])])
        with open(out, encoding="utf-8") as file:
            return json.load(file)


def command(*arguments):
    try:
        return subprocess.run(arguments, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def commit(workspace):
    if "COMMIT" in os.environ:  # of a copy without a repository
        return os.environ["COMMIT"]
    name = command("git", "-C", workspace, "rev-parse", "--short=12", "HEAD")
    changed = command("git", "-C", workspace, "status", "--porcelain", "--", ".", ":!docs")
    return name + (" and changes" if changed else "")


def measure(programs, workspace, quick):
    results = {
        "commit": commit(workspace),
        "date": datetime.date.today().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "programs": {},
        "farm": {},
    }
    for program in programs:
        name = os.path.basename(program)
        print(f"report: {name}", file=sys.stderr, flush=True)
        if name.startswith("interpreter_farm"):
            results["farm"][name.rsplit("_", 1)[1]] = run_farm(program, quick)
            continue
        benchmarks, context = run_benchmark(program, [], quick)
        if name.startswith("adapter_hit"):
            for interpreters in (1, 64):
                benchmarks.update(run_benchmark(program, [f"--interpreters={interpreters}"], quick)[0])
        results["programs"][name] = {"context": context, "benchmarks": benchmarks}
    return results


def write_results(results, path):
    """Writes JSON with the repetitions of a benchmark on one line."""
    text = json.dumps(results, indent=1)
    text = re.sub(r"\[[^][{}]*\]", lambda match: re.sub(r"\s+", " ", match[0]), text)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text + "\n")
