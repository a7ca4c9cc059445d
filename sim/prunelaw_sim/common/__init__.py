"""Forms of text, amounts, seeds, notes, and which examples a rule keeps."""
