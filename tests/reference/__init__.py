"""Independent evaluations and tables that the tests hold the package against."""
