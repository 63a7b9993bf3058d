#!/usr/bin/env bash
#
# Checks .bcr, the templates for the Bazel Central Registry: they are well formed,
# the targets in presubmit.yml exist, and every file that names multislot's version
# names MODULE.bazel's. Needs Debian's python3-yaml.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

/usr/bin/python3 -c "import yaml" 2>/dev/null || {
  echo "bcr: a Python module is missing (Debian: apt-get install python3-yaml)" >&2
  exit 1
}
targets=$(/usr/bin/python3 - <<'PYTHON'
import json, os, re, yaml

metadata = json.load(open(".bcr/metadata.template.json"))
assert metadata["versions"] == [] and metadata["yanked_versions"] == {}, "versions are filled in"
assert isinstance(metadata["maintainers"], list) and isinstance(metadata["repository"], list)

# Names only: what is filled in, and nothing else in braces.
source = json.load(open(".bcr/source.template.json"))
assert source["integrity"] == "", "integrity is filled in"
for key in "strip_prefix", "url":
    left = re.sub(r"\{(OWNER|REPO|TAG|VERSION)\}", "x", source[key])
    assert re.fullmatch(r"[\w.-]+" if key == "strip_prefix" else r"https://[\w./-]+\.tar\.gz", left), source[key]

version = re.search(r'module\(\s*name = "multislot",\s*version = "([^"]+)"', open("MODULE.bazel").read())[1]
for name in "README.md", "docs/using.md", "examples/consumer/MODULE.bazel":
    named = re.findall(r'bazel_dep\(name = "multislot", version = "([^"]+)"', open(name).read())
    assert named == [version], f"{name} names {named}, MODULE.bazel {version}"

presubmit = yaml.safe_load(open(".bcr/presubmit.yml"))
test_module = presubmit["bcr_test_module"]
for folder, part in (".", presubmit), (test_module["module_path"], test_module):
    assert os.path.exists(folder + "/MODULE.bazel"), folder
    for name, task in part["tasks"].items():
        for value in task["platform"], task["bazel"]:
            variable = re.fullmatch(r"\$\{\{ (\w+) \}\}", value)
            assert not variable or part["matrix"][variable[1]], (name, value)
        for target in task.get("build_targets", []) + task.get("test_targets", []):
            print(folder, target)
PYTHON
)
bazelw=$PWD/bazelw
while read -r folder target; do
  (cd "$folder" && "$bazelw" query --noshow_progress "$target" >/dev/null)
done <<<"$targets"
echo "bcr: $(wc -l <<<"$targets") targets exist"
