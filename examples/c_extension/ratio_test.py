"""ratio, in a real python3: one interpreter, several, several at once."""

import fractions
import gc
import sys
import unittest

import interpreters
import ratio

# Whether it was built for the limited API of 3.10, which cannot say that a
# module is made for interpreters with a GIL each.
LIMITED = "abi3" in ratio.__file__

IN_EACH = """
import sys
sys.path[:0] = {path!r}
import fractions
import ratio

for i in range(1, 500):
    value = ratio.parse(f"{{i}}/7")
    assert type(value) is fractions.Fraction, type(value)
    assert value == fractions.Fraction(i, 7), value
    try:
        ratio.parse("seven")
        assert False, "parsed"
    except ratio.ParseError as error:
        assert type(error) is ratio.ParseError
""".format(path=sys.path)


class RatioTest(unittest.TestCase):
    def test_parses(self):
        self.assertEqual(ratio.parse("6/4"), fractions.Fraction(3, 2))
        self.assertIs(type(ratio.parse("-1/3")), fractions.Fraction)

    def test_refuses(self):
        for text in ("", "1", "1/", "/2", "1/0", "1/2 ", "1//2", "9" * 30 + "/1"):
            with self.assertRaises(ratio.ParseError):
                ratio.parse(text)
        self.assertTrue(issubclass(ratio.ParseError, ValueError))
        with self.assertRaises(TypeError):
            ratio.parse(1)

    def test_eight_interpreters_at_once(self):
        with interpreters.several(8, own_gil=not LIMITED) as eight:
            interpreters.run_in_each(eight, IN_EACH)
            self.assertEqual(ratio.parse("1/7"), fractions.Fraction(1, 7))
            interpreters.run_in_each(eight, IN_EACH)

    def test_interpreters_come_and_go(self):
        for _ in range(20):
            with interpreters.several(2, own_gil=not LIMITED) as both:
                for interpreter in both:
                    interpreter.run(IN_EACH)
        self.assertIs(type(ratio.parse("1/3")), fractions.Fraction)

    # (S21)
    def test_functions_outlive_the_module(self):
        global ratio
        parse, error = ratio.parse, ratio.ParseError
        del sys.modules["ratio"], ratio
        gc.collect()
        self.assertEqual(parse("1/2"), fractions.Fraction(1, 2))
        with self.assertRaises(error):
            parse("")
        import ratio

        self.assertEqual(ratio.parse("1/2"), fractions.Fraction(1, 2))
        with self.assertRaises(error):
            ratio.parse("")
        self.assertIs(ratio.ParseError, error)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
