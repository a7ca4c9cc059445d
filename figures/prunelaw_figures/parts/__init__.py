"""The three parts of `prunelaw verify`: each is one function that returns one frozen result."""
