"""Other exact students of pruned data: ridge and Gibbs."""
