"""`prunelaw sweep`: many trainings in a store that lasts; its verbs are modules here."""

from prunelaw_figures.commands.sweep.verbs import command

__all__ = ["command"]
