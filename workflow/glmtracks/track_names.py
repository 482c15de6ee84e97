"""Names of the values that a base has: those that are stored, those derived from them, and those of a calibration."""

LLR_COLUMNS = tuple(f"llr_{base}" for base in "ACGT")
TRACKS = (*LLR_COLUMNS, "entropy")  # the columns of a shard and of a dataset
LOGO_TRACKS = tuple(f"logo_{base}" for base in "ACGT")
BIGWIG_TRACKS = (*TRACKS, "llr_min", "llr_mean", *LOGO_TRACKS)
CORRECTED_TRACKS = tuple(f"llr_corrected_{base}" for base in "ACGT")
PHRED_TRACKS = tuple(f"phred_{base}" for base in "ACGT")
CALIBRATED_TRACKS = (*CORRECTED_TRACKS, *PHRED_TRACKS)
ALL_TRACKS = (*BIGWIG_TRACKS, *CALIBRATED_TRACKS)
