"""C code of Cython modules."""

def cython_source(name, src, cython, pxds = [], **kwargs):
    """A genrule that makes NAME.c from a .pyx file.

    Args:
      name: what the C file is called, without ".c".
      src: the .pyx file.
      cython: the label of Cython's executable, one of CYTHONS.
      pxds: .pxd files that it cimports, by their paths in the workspace.
      **kwargs: as of genrule.
    """
    native.genrule(
        name = name + "_c",
        srcs = [src] + pxds,
        outs = [name + ".c"],
        cmd = "$(location {cython}) -3 -I . -o $@ $(location {src})".format(cython = cython, src = src),
        tools = [cython],
        **kwargs
    )
