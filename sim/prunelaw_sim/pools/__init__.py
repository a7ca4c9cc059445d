"""Which pools at a budget: the plan."""
