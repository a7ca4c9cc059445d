"""Exact theory of data pruning and data filtering."""
