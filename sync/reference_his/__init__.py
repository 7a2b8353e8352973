"""The reference HIS: a centre with the habits of real ones, to try everything against.

It stands for the hospital's own system, which is not ours: its tables, its keys, its quirks. Nothing in the product
may import from here except the command line and tests.
"""
