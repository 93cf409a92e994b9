"""The ground the product stands on. Knows no word of the product."""
