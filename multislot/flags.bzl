"""Flags that tools are built with too, where skylib knows how to say so."""

load("@bazel_skylib//:version.bzl", "version")
load("@bazel_skylib//rules:common_settings.bzl", "int_flag", "string_flag")

# From Bazel 9 on a flag keeps its default in what the build runs, the exec
# configuration, unless it says otherwise. skylib has the attribute since 1.8;
# older Bazels take no notice of it.
_UNIVERSAL = {"scope": "universal"} if [int(part) for part in version.split(".")[:2]] >= [1, 8] else {}

def universal_int_flag(name, **kwargs):
    """An int_flag for all configurations.

    Args:
      name: its name.
      **kwargs: as of int_flag.
    """
    attrs = dict(_UNIVERSAL)
    attrs.update(kwargs)
    int_flag(name = name, **attrs)

def universal_string_flag(name, **kwargs):
    """A string_flag for all configurations.

    Args:
      name: its name.
      **kwargs: as of string_flag.
    """
    attrs = dict(_UNIVERSAL)
    attrs.update(kwargs)
    string_flag(name = name, **attrs)
