"""Genomic language models behind one interface: one file for each architecture."""
