"""Real features: their clusters as the theory's model, linear students on them, predictions."""
