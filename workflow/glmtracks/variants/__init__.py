"""Variants of call sets: VCF in, a score or a reason for each allele, annotated VCF and Parquet out."""
