"""Exact theory of training on pruned data with structured features."""
