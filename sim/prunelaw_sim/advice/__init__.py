"""Which examples, which pools: advice from runs."""
