"""Species LM: a BERT over overlapping k-mers, or single bases, that is told the species (Karollus et al. 2024).

A token of the species stands before the sequence. Which one is read is what the model sheet says, or else the column
species of the genome: its tokens are names as Ensembl writes them, e.g. candida_glabrata. Published are models of
fungi; *Saccharomyces cerevisiae* was kept out of their training, so a relative's token stands for it.
"""

import difflib

import torch
from torch import Tensor

from glmtracks.errors import InputError
from glmtracks.models.bert import Bert
from glmtracks.models.tokens import Reading


class SpeciesLm(Bert):
    """Species LM of fungi, as a BERT that `transformers` has."""

    kind = "species_lm"
    padded = True
    before = ("[CLS]", "[UNK]")  # the second is the place of the species

    def __init__(self, species: str = "", **architecture):
        super().__init__(species=species, **architecture)
        numbers = {token: n for n, token in enumerate(self.architecture["vocabulary"]) if _is_species(token)}
        self.known = list(numbers)
        ids = [self.reads.prefix[1], *numbers.values()]
        self.reads.register_buffer("species", torch.tensor(ids), persistent=False)
        self._reading_as = self._number(species) if species else 0

    def read_as(self, species: str) -> None:
        """Read windows as those of a species from now on, unless the model sheet named one.

        Raises InputError for a species that the model does not know, because it knows no unknown one.
        """
        if not self.architecture["species"]:
            self._reading_as = self._number(species)

    def read(self, codes: Tensor, species: Tensor | None = None) -> Reading:
        read = super().read(codes)
        ids = read.ids.clone()
        ids[:, 1] = self.reads.species[self.species_of(codes, species)]
        return read._replace(ids=ids)

    def _number(self, species: str) -> int:
        name = species.strip().lower().replace(" ", "_")
        if name in self.known:
            return self.known.index(name) + 1
        genus = [known for known in self.known if known.startswith(name.split("_")[0] + "_")]
        close = (genus or difflib.get_close_matches(name, self.known))[:3] or self.known[:3]
        raise InputError(
            f"{species!r} is none of the {len(self.known):,} species of this Species LM; write that of a relative into "
            f"the column parameters of the model sheet, e.g. species={close[0] if close else '…'} (others: "
            f"{', '.join(close[1:]) or 'none'})"
        )


def _is_species(token: str) -> bool:
    return token[:1].isalpha() and bool(set(token.upper()) - set("ACGTN"))
