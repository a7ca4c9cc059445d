"""Mathematics that knows neither theory: Gaussian integrals, roots, neighbours, arrays."""
