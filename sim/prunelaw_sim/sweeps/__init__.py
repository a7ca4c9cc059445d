"""Many points in a store that survives a kill: designs, runner, executors, tables."""
