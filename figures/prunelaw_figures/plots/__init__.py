"""One figure a module, and the style of all."""
