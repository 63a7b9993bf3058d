"""Which of the CPythons found have the limited API that the adapter needs."""

load("@multislot_pythons//:defs.bzl", "PYTHONS")

# 3.10 and up, but for free-threaded ones; the oldest first.
LIMITED_API_PYTHONS = [
    python
    for python in sorted(PYTHONS)
    if python != "py39" and not python.endswith("t")
]

# The defines of extensions that are built for it.
LIMITED_API = "0x030a0000"
