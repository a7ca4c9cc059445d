"""Measured errors: simulated perceptrons, real sweeps, and fits of the theories to them."""
