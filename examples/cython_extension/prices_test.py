"""prices, in a real python3: one interpreter, several, several at once."""

import decimal
import sys
import unittest

import interpreters
import prices

IN_EACH = """
import sys
sys.path[:0] = {path!r}
import decimal
import prices

for i in range(500):
    price = prices.price("%d.125" % i)
    assert type(price) is decimal.Decimal, type(price)
    assert str(price) == "%d.12" % i, price
    assert type(prices.cent()) is decimal.Decimal
assert prices.cent() is prices.cent()
try:
    prices.price("much")
    assert False, "took it"
except decimal.InvalidOperation:
    pass
""".format(path=sys.path)


class PricesTest(unittest.TestCase):
    def test_price(self):
        self.assertEqual(str(prices.price("2.345")), "2.34")
        self.assertIs(type(prices.price(3)), decimal.Decimal)
        self.assertEqual(str(prices.cent()), "0.01")
        with self.assertRaises(decimal.InvalidOperation):
            prices.price("much")

    def test_another_interpreters_are_not_ours(self):
        ours = prices.cent()
        with interpreters.several(1, own_gil=True) as (other,):
            other.run(IN_EACH + "assert id(prices.cent()) != {}\n".format(id(ours)))
        self.assertIs(prices.cent(), ours)

    # With a GIL each, if CPython supports that.
    def test_eight_interpreters_at_once(self):
        for own_gil in (False, True):
            with interpreters.several(8, own_gil) as eight:
                interpreters.run_in_each(eight, IN_EACH)
                self.assertEqual(str(prices.price(1)), "1.00")
                interpreters.run_in_each(eight, IN_EACH)

    def test_interpreters_come_and_go(self):
        for _ in range(20):
            with interpreters.several(2, own_gil=True) as both:
                for interpreter in both:
                    interpreter.run(IN_EACH)
        self.assertEqual(str(prices.price("1.005")), "1.00")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
