"""Training to a proof: hard margin, large margin, and a catalogue of students."""
