"""Faults on purpose: kills, damage, power cuts, full disks, contested writing, hostile input; what each did is counted.

`python -m torture` (from the folder of the tests; `make torture`) runs all of it, the test suite a short form.
"""
