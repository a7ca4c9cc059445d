"""Least squares of any law: fit, intervals, bootstrap, held-out rows."""
