"""Results as sentences and documents."""
