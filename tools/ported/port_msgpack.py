"""Ports msgpack 1.0.3's extension: port_msgpack.py SOURCE original|ported FOLDER

SOURCE has its .pyx and .h files. "original" makes only the changes that Cython 3 needs.
"""

import pathlib
import shutil
import sys

from edit import Source

FLOATS = """#if PY_VERSION_HEX >= 0x030B0000
#define _PyFloat_Pack4(value, to, little) PyFloat_Pack4(value, (char*)(to), little)
#define _PyFloat_Pack8(value, to, little) PyFloat_Pack8(value, (char*)(to), little)
#define _PyFloat_Unpack4(from, little) PyFloat_Unpack4((const char*)(from), little)
#define _PyFloat_Unpack8(from, little) PyFloat_Unpack8((const char*)(from), little)
#endif
"""

source, kind, folder = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
for file in [*source.glob("*.pyx"), *source.glob("*.h")]:
    shutil.copy(file, folder)
module = Source(source / "_cmsgpack.pyx")
packer = Source(source / "_packer.pyx")
unpacker = Source(source / "_unpacker.pyx")
unpack = Source(source / "unpack.h")
sysdep = Source(source / "sysdep.h")

# Cython 3 has no PyInt_Check. The branch before it handles Python 3's integers.
packer.replace(r"\n +elif PyInt_CheckExact\(o\) if strict_types.*?(?=\n +elif PyFloat_CheckExact)", "")
unpack.replace(r"\bPyInt_(FromLong|FromSize_t)\(", r"PyLong_\1(", times=5)
# These private functions have public names since 3.11.
sysdep.replace(r"\A", FLOATS)

if kind == "ported":
    shutil.copy(pathlib.Path(__file__).parent / "msgpack_objects.pxi", folder)
    # `cdef` variables, and datetime's C API: a static pointer in datetime.h.
    module.replace(r"(language_level=3)\n", r"\1, subinterpreters_compatible=own_gil\n")
    module.replace(r"from cpython\.datetime .*?epoch = [^\n]*\n", 'include "msgpack_objects.pxi"\n')
    packer.replace(r"from cpython\.datetime cimport \(.*?\)\n", "")
    packer.replace(r"cdef ExtType\ncdef Timestamp\n", "")
    # Each import would write them.
    packer.replace(r"cdef int DEFAULT_RECURSE_LIMIT=511\ncdef long long ITEM_LIMIT = [^\n]*\n", "")
    packer.replace(r"\n(    cdef msgpack_packer pk\n)", r"\n\1    cdef Objects* objects\n")
    # Looked up once for each call from Python.
    packer.replace(r"\n( +)(try:\n +ret = self\._pack\(obj,)", r"\n\1self.objects = get_objects()\n\1\2")
    packer.replace(r"\n( +)(cdef int ret = msgpack_pack_map\(&self\.pk, len\(pairs\)\))", r"\n\1self.objects = get_objects()\n\1\2")
    packer.replace(
        r"type\(o\) is ExtType if strict_types else isinstance\(o, ExtType\)",
        "type(o) is <object>self.objects.ext_type if strict_types else isinstance(o, <object>self.objects.ext_type)",
    )
    packer.replace(r"type\(o\) is Timestamp", "type(o) is <object>self.objects.timestamp")
    packer.replace(r"PyDateTime_CheckExact\(o\)", "type(o) is <object>self.objects.datetime", times=2)
    packer.replace(r"datetime_tzinfo\(o\)", "o.tzinfo")
    packer.replace(r"\bepoch\b", "<object>self.objects.epoch")
    packer.replace(r"not PyDelta_CheckExact\(delta\)", "type(delta) is not <object>self.objects.timedelta")
    packer.replace(r"timedelta_(days|seconds|microseconds)\(delta\)", r"(<int>delta.\1)", times=3)
    unpacker.replace(r"cdef object giga = [^\n]*\n", "")
    unpacker.replace(r"\n( +)PyObject \*utc;", r"\n\1PyObject* epoch\n\1PyObject* timedelta")
    unpacker.replace(r"\n( +)(unpack_init\(ctx\)\n +ctx\.user\.use_list)", r"\n\1cdef Objects* objects = get_objects()\n\1\2")
    unpacker.replace(r"<PyObject\*>Timestamp", "objects.timestamp")
    unpacker.replace(r"<PyObject\*>giga", "objects.giga")
    unpacker.replace(
        r"\n( +)ctx\.user\.utc = <PyObject\*>utc",
        r"\n\1ctx.user.epoch = objects.epoch\n\1ctx.user.timedelta = objects.timedelta",
    )
    unpack.replace(r"PyObject \*utc;", "PyObject* epoch;\n    PyObject* timedelta;")
    unpack.replace(r'#include "datetime\.h"\n', "")
    unpack.replace(r"PyDateTimeAPI->DateTime_FromDateAndTime\([^;]*\);", "u->epoch;\n            Py_INCREF(epoch);")
    unpack.replace(r"PyDelta_FromDSU\(", r'PyObject_CallFunction(u->timedelta, "LLL", ')
    unpack.replace(
        r"(\"LLL\", )([^,]*), ([^,]*), ([^,;]*)\);", r"\1(long long)(\2), (long long)(\3), (long long)(\4));"
    )

module.write(folder / "_cmsgpack.pyx")
packer.write(folder / "_packer.pyx")
unpacker.write(folder / "_unpacker.pyx")
unpack.write(folder / "unpack.h")
sysdep.write(folder / "sysdep.h")
