"""The students that can be simulated: one module a student, called like it, with `_` for `-`.

A module holds `STUDENT`, a subclass of `prunelaw_sim.students.base.Student`.  A new student is a
new file here, or in a folder put into `__path__`; nothing else needs to know of it.
"""
