"""What others have observed or measured of variants and positions: labels, populations, assays, other species."""
