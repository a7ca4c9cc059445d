"""Utility decay of pools: the law, mixtures, filters, schedules and rival laws."""
