"""The table of runs, and how cells of files become one."""
