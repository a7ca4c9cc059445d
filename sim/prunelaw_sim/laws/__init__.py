"""One law a module, the registry, and laws side by side."""
