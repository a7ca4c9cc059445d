"""Which examples to keep: the best fraction, band and rule, and phase diagrams."""
