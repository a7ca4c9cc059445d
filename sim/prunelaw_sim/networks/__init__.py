"""Small models on real data: data sets, models, recipes, training."""
