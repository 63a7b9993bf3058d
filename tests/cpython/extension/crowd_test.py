"""Many extensions that each embed multislot, in one process (S36, S37)."""

import importlib.machinery
import os
import shutil
import sys
import tempfile
import unittest

import interpreters

COPIES = 200

CROWD, TLS = sys.argv[1:3]


def load(path):
    loader = importlib.machinery.ExtensionFileLoader("crowd", path)
    spec = importlib.machinery.ModuleSpec("crowd", loader, origin=path)
    module = loader.create_module(spec)
    loader.exec_module(module)
    return module


# In another interpreter: `paths` are where the copies are.
IN_ANOTHER = """
import importlib.machinery

for path in {paths!r}:
    loader = importlib.machinery.ExtensionFileLoader("crowd", path)
    module = loader.create_module(importlib.machinery.ModuleSpec("crowd", loader, origin=path))
    loader.exec_module(module)
    made = module.made()
    for look_up in (module.error, module.if_several, module.without_slot):
        error = look_up()
        assert all(look_up() is error for _ in range(5)), look_up
        try:
            raise look_up()
        except error:
            pass
    assert module.made() == made + 3, (made, module.made())
"""


class CrowdTest(unittest.TestCase):
    def test_all_are_imported_and_right(self):
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for i in range(COPIES):
                paths.append(os.path.join(folder, f"crowd{i}.so"))
                # A link to the same file would be the same library.
                shutil.copyfile(CROWD, paths[-1])
            modules = [load(path) for path in paths]
            for module in modules:
                module.register()
            lookups = [
                look_up
                for module in modules
                for look_up in (module.error, module.if_several, module.without_slot)
            ]
            errors = [look_up() for look_up in lookups]
            self.assertEqual(len(set(errors)), 3 * COPIES)

            def check():
                for _ in range(3):
                    for look_up, error in zip(lookups, errors):
                        self.assertIs(look_up(), error)
                for module in modules:
                    self.assertEqual(module.made(), made)

            made = 3
            check()
            # Code like this is where a big process ends: in two interpreters.
            made += 3
            with interpreters.several(1, own_gil=True) as (another,):
                another.run(IN_ANOTHER.format(paths=paths))
                check()
            check()

            # One that has much thread-local data of its own.
            own = os.path.join(folder, "tls.so")
            shutil.copyfile(TLS, own)
            module = load(own)
            self.assertIs(module.error(), module.error())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
