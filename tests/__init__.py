"""Tests. A package, since of two folders of one name Python takes the one with an __init__.py, wherever it lies.

Wheels of other libraries install folders named `tests` too.
"""
