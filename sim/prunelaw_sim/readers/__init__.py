"""Readers: one small module a file format, each returning a Sweep."""
