# cython: language_level=3
"""A class in a `cdef` variable."""

# [cache]
cdef object fraction = None

cdef object get_fraction():
    global fraction
    if fraction is None:
        from fractions import Fraction
        fraction = Fraction
    return fraction
# [end cache]


def get():
    """The class that is kept."""
    return get_fraction()
