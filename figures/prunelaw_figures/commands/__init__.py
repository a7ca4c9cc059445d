"""The verbs of `prunelaw`, one module each: the file's name is the verb, `command` is its code."""
