"""msgpack's extension in eight interpreters at once, with a GIL each if CPython supports that.

msgpack_interpreters.py original|ported
"""

import sys

import interpreters
from msgpack import _cmsgpack, ext

IN_EACH = """
import sys
sys.path[:] = {path!r}
import datetime
import msgpack
from msgpack import _cmsgpack, exceptions, ext

assert msgpack.Packer is _cmsgpack.Packer
utc = datetime.timezone.utc
for i in range(100):
    stamp = ext.Timestamp(i, i)
    when = datetime.datetime(2000, 1, 1, microsecond=i, tzinfo=utc) + datetime.timedelta(days=i)
    thing = {{"list": [i, "%d" % i, b"x", 0.5, None, True], "stamp": stamp, "ext": ext.ExtType(5, b"abc")}}
    got = msgpack.unpackb(msgpack.packb(thing))
    assert got == thing, got
    assert type(got["stamp"]) is ext.Timestamp, type(got["stamp"])
    assert type(got["ext"]) is ext.ExtType, type(got["ext"])
    got = msgpack.unpackb(msgpack.packb(when, datetime=True), timestamp=3)
    assert got == when and type(got) is datetime.datetime and got.tzinfo is utc, got
    assert msgpack.unpackb(msgpack.packb(stamp), timestamp=1) == i + i / 1e9
    assert msgpack.unpackb(msgpack.packb(stamp), timestamp=2) == i * 10**9 + i
    unpacker = msgpack.Unpacker()
    unpacker.feed(msgpack.packb([thing]) * 2)
    assert list(unpacker) == [[thing], [thing]]
    for failing, expected in [
        (lambda: msgpack.unpackb(b"\\xc1"), exceptions.FormatError),
        (lambda: msgpack.unpackb(b"\\x01\\x02"), exceptions.ExtraData),
        (lambda: msgpack.unpackb(b"\\x91" * 3000), exceptions.StackError),
        (unpacker.unpack, exceptions.OutOfData),
    ]:
        try:
            failing()
        except expected as raised:
            assert type(raised) is expected
        else:
            raise AssertionError("not raised: %r" % expected)
"""


def main():
    ported = sys.argv[1] == "ported"
    script = IN_EACH.format(path=sys.path)
    exec(script, {})
    if not ported:
        for own_gil in (False, True) if interpreters.OWN_GIL else (False,):
            with interpreters.several(1, own_gil) as (other,):
                try:
                    # Not `import msgpack`, which falls back to Python code.
                    other.run(script.replace("import msgpack\n", "import msgpack._cmsgpack\n", 1))
                except Exception as failure:
                    assert "ImportError" in str(failure) or isinstance(failure.__cause__, ImportError), failure
                    print("the original, own GIL %s:" % own_gil, str(failure).strip().splitlines()[-1])
                else:
                    raise SystemExit("the original can be imported")
        return
    for own_gil in (False, True):
        with interpreters.several(8, own_gil) as eight:
            interpreters.run_in_each(eight, script)
            exec(script, {})
            interpreters.run_in_each(eight, script)
        exec(script, {})
    # No interpreter has another one's object.
    with interpreters.several(1, interpreters.OWN_GIL) as (other,):
        other.run(script + "assert id(ext.Timestamp) != %d\n" % id(ext.Timestamp))
    assert type(_cmsgpack.unpackb(b"\xd6\xff\0\0\0\1")) is ext.Timestamp
    print("in eight interpreters, no wrong object")


main()
