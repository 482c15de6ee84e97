"""glmtracks: from a genome and a genomic language model to base-resolution tracks and an honest benchmark.

Coordinates are 0-based and half-open everywhere in memory; 1-based only inside files whose format says so.
"""

__version__ = "0.1.0"
