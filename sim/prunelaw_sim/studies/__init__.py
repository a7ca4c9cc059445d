"""The embedded experiments and the published study."""
