"""Flags that also apply to a build's tools, if skylib supports that."""

load("@bazel_skylib//:version.bzl", "version")
load("@bazel_skylib//rules:common_settings.bzl", "int_flag", "string_flag")

# From Bazel 9 on, a flag without this attribute has its default in the exec
# configuration (the tools that the build runs). skylib has the attribute since 1.8;
# older Bazels ignore it.
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
