"""Asking models: of every base of a genome, of windows, for log-probabilities or for embeddings."""
