"""Benchmarks: each prints what it measured, on what, and how to repeat it. Never part of the tests."""
