"""Training to a proof: hard margin, penalised and large-margin students."""
