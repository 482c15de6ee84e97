"""Two small genomes with something to learn, and a recipe that learns it in seconds."""

import numpy as np
import pandas as pd

from glmtracks.annotation.gene_parts import CLASSES
from glmtracks.schemas import fill_defaults, schema
from glmtracks.windows.corpus import Corpus, CorpusGenome

ARCHITECTURE = {"width": 16, "layers": 3, "kernel": 3, "max_dilation": 4}
RECIPE = fill_defaults(
    ARCHITECTURE
    | {"steps": 30, "batch": 8, "learning_rate": 0.01, "precision": "float32", "seed": 5, "validations": 3},
    schema("parameters/one_pass"),
)


def make_corpus(make_genome) -> Corpus:
    """Two genomes that repeat a word of 13 bases, so that there is something to learn."""
    members = []
    for name in ("one", "two"):
        genome = make_genome({"a": "ACGGTTACAGTCA" * 200, "b": "ACGGTTACAGTCA" * 20}, name)
        windows = pd.DataFrame({"contig": "a", "start": np.arange(0, 2400, 100), "split": "train", "slack_right": 50})
        validation = windows.head(2).assign(contig="b", split="validation", slack_right=0)
        windows = pd.concat([windows, validation], ignore_index=True).assign(kind="other", slack_left=0)
        windows["end"] = windows["start"] + 100
        repeats = pd.DataFrame({"contig": ["a"], "start": [50], "end": [60]})
        regions = pd.DataFrame({"contig": "a", "start": [0, 40], "end": [40, 2600], "region": ["CDS", "intron"]})
        regions["region"] = pd.Categorical(regions["region"], CLASSES)
        members.append(CorpusGenome(name, genome, repeats, pd.DataFrame(), windows, species=name, regions=regions))
    return Corpus(members)
