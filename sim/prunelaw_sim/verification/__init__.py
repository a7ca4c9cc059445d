"""What `prunelaw verify` and `prunelaw sweep check` compute."""
