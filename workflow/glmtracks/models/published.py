"""What the models that others have published share: how they are loaded, asked and read."""

import itertools
import logging
from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

import pandas as pd
from torch import Tensor, nn

from glmtracks.errors import InputError
from glmtracks.models import checkpoint
from glmtracks.models.base import GenomicLanguageModel
from glmtracks.models.bpe import BytePairs, rules_of
from glmtracks.models.checkpoint import Checkpoint
from glmtracks.models.tokens import Reading, Tokens
from glmtracks.windows.corpus import Corpus

logger = logging.getLogger(__name__)


class Published(GenomicLanguageModel):
    """A model whose weights have the names that they were published under, inside `network`.

    Its architecture is what its config.json says, its vocabulary, and `context`.
    """

    objective = "masked"
    model_types: ClassVar[tuple[str, ...]]
    options: ClassVar[dict]
    """What config.json may say -> what holds where it does not; Ellipsis = it must say."""
    fixed: ClassVar[dict] = {}
    """What config.json may say, but only this."""
    idle: ClassVar[tuple[str, ...]] = ()
    """What config.json may say, but the network does not heed."""
    unused: ClassVar[str] = ""
    """Pattern of the names of weights that are published with the network, but that no prediction needs."""
    tied: ClassVar[dict[str, str]] = {}
    """Names of weights that are another's where word embeddings are tied."""
    padded: ClassVar[bool] = False
    """Whether the weights may have rows for more tokens than the vocabulary has."""
    usual_vocabulary: ClassVar[tuple[str, ...]] = ()
    """The vocabulary where the checkpoint has none, since its tokenizer is a program."""

    special: ClassVar[tuple[str, ...]] = ()
    """Special tokens, of which there may be fewer, in the order in which published vocabularies number them."""

    network: nn.Module
    reads: Tokens | BytePairs

    def __init__(self, vocabulary: list[str], context: int = 0, **options):
        super().__init__(vocabulary=list(vocabulary), context=context, **options)

    def finish(self, network: nn.Module, reads: Tokens | BytePairs, longest: int | None) -> None:
        """Take the parts of the model; `longest` is the longest window, in bases, that is usual for it or possible."""
        self.network, self.reads = network.eval(), reads
        wanted = self.architecture["context"]
        if wanted and reads.longest and wanted > reads.longest:
            raise InputError(f"context = {wanted:,}: the model cannot read more than {reads.longest:,} bases")
        self.context = wanted or longest
        self.token_width, self.mean_width = reads.width, reads.mean_width

    @property
    def built_of(self) -> dict:
        """What config.json says of the architecture, as the classes of `transformers` take it."""
        return {option: self.architecture[option] for option in self.options}

    @classmethod
    def adopt(cls, published: Checkpoint, context: int = 0, **parameters) -> "Published":
        """The model of a checkpoint; raises InputError, in one sentence, where it is not one of this kind.

        `parameters` are what the model sheet says of this kind besides.
        """
        where, vocabulary = f"{published.folder}/config.json", published.vocabulary or list(cls.usual_vocabulary)
        if not vocabulary:
            raise InputError(f"{published.folder} holds neither vocab.txt nor tokenizer.json, the vocabulary")
        options = checkpoint.choose_options(published.options, cls.options, cls.fixed, cls.idle, cls.model_types, where)
        cls.check_vocabulary(vocabulary, options, str(published.folder))
        try:
            model = cls(vocabulary=vocabulary, context=context, **cls.brought(published), **parameters, **options)
        except InputError as error:
            raise InputError(f"{published.folder}: {error}") from None
        except Exception as error:  # whatever the many classes of the network say of values that make no sense
            said = " ".join(str(error).split()) or type(error).__name__
            raise InputError(f"{where}: its options fit no network of the kind {cls.kind} ({said})") from None
        tied, folder = model.tied_weights(), str(published.folder)
        checkpoint.load_strictly(model.network, published.weights, unused=cls.unused, tied=tied, where=folder)
        return model.eval()

    @classmethod
    def brought(cls, published: Checkpoint) -> dict:
        """What of a checkpoint belongs to the architecture beside options and vocabulary."""
        return {}

    @classmethod
    def check_vocabulary(cls, vocabulary: list[str], options: dict, where: str) -> None:
        """Raise InputError where vocabulary and config contradict each other."""
        size = options["vocab_size"]
        if len(vocabulary) > size or (len(vocabulary) < size and not cls.padded):
            raise InputError(
                f"{where}: its vocabulary has {len(vocabulary)} tokens, its weights {size}; they do not belong together"
            )
        for name, tokens in (("mask_token_id", ("<mask>", "[MASK]")), ("pad_token_id", ("<pad>", "[PAD]"))):
            number = options.get(name)
            if number is not None and (number not in range(len(vocabulary)) or vocabulary[number] not in tokens):
                raise InputError(
                    f"{where}: token {number} of its vocabulary is not {' or '.join(tokens)}, as {name} in config.json "
                    "says; they do not belong together"
                )
        if not issubclass(cls, PublishedBytePairs) and not is_usual_order(vocabulary, cls.special):
            logger.warning(
                f"{where}: its vocabulary does not number {kmer_length(vocabulary)}-mers as published ones do, behind "
                f"the special tokens ({' '.join(cls.special)}) and by their bases in the order ACGT or ATCG; it is "
                "read as it stands, but if the weights were trained with other numbers, the scores mean nothing: "
                "compare it with its source"
            )

    def tied_weights(self) -> dict[str, str]:
        """Names of weights that are another's by construction -> that other."""
        return self.tied if self.architecture.get("tie_word_embeddings", True) else {}

    @property
    def receptive_field(self) -> int:
        return self.context - 1

    @abstractmethod
    def states(self, ids: Tensor, there: Tensor, layer: int) -> Tensor:
        """States of tokens (batch, T, channels) after a layer, numbered as in `embeddings`.

        ids    int64 (batch, T)
        there  bool (batch, T), False for padding
        """

    @abstractmethod
    def logits(self, states: Tensor) -> Tensor:
        """Logits over the vocabulary (batch, T, tokens) from the states of the last layer."""

    def token_numbers(self, codes: Tensor) -> Tensor:
        return self.reads.numbers(codes)

    def read(self, codes: Tensor, species: Tensor | None = None) -> Reading:
        """Windows as tokens; `species` is for models with a species token."""
        return self.reads.read(codes)

    def log_probs(self, codes: Tensor, species: Tensor | None = None, hidden: Tensor | None = None) -> Tensor:
        """See `GenomicLanguageModel` and `glmtracks.models.tokens`; unknown bases cannot be hidden."""
        read = self.read(codes, species)
        ids = read.ids if hidden is None else read.masked(hidden & (codes < 4), self.reads.mask)
        return read.log_probs(self.logits(self.states(ids, read.there, self.layers)))

    def embeddings(self, codes: Tensor, layer: int = -1) -> Tensor:
        """The states of the token that covers a base, their mean where there are several; of the unmasked window."""
        read, layer = self.read(codes), self.layer_number(layer)
        return read.states(self.states(read.ids, read.there, layer)).float()

    def fit(self, corpus: Corpus, parameters: dict, folder: Path) -> pd.DataFrame:
        raise TypeError(f"a model of kind {self.kind} is loaded, not trained")


class PublishedBytePairs(Published):
    """One whose tokens are byte pairs, by the tokenizer.json of the checkpoint.

    Windows of as many bases are usual as `room_for` each token that the model reads at least covers on average in
    sequence of any kind; longer ones may be asked for.
    """

    tokens = "byte pairs"
    room_for: ClassVar[int] = 4

    def __init__(self, tokenizer: dict, **architecture):
        super().__init__(tokenizer=tokenizer, **architecture)

    @classmethod
    def brought(cls, published: Checkpoint) -> dict:
        if not published.tokenizer:
            raise InputError(f"{published.folder} holds no tokenizer.json, by which byte pairs are made; restore it")
        return {"tokenizer": rules_of(published.tokenizer)}

    def finish_byte_pairs(self, network: nn.Module, positions: int | None, usual: int | None = None) -> None:
        """As `finish`, with the tokens; `positions` is how many tokens the model reads, None = any number."""
        reads = BytePairs(self.architecture["tokenizer"], self.architecture["vocabulary"], longest=positions)
        self.finish(network, reads, usual or self.room_for * reads.room)


def kmer_length(vocabulary: list[str]) -> int:
    """Bases of the longest token that is made of bases alone."""
    return max((len(token) for token in vocabulary if token and not set(token.upper()) - set("ACGT")), default=0)


def is_usual_order(vocabulary: list[str], special: tuple[str, ...]) -> bool:
    """Whether special tokens come in their order, and behind them the longest tokens of bases by their letters.

    >>> bases, special = ["a", "c", "g", "t"], ("[PAD]", "[MASK]", "[UNK]")
    >>> is_usual_order(["[PAD]", "[MASK]", *bases], special), is_usual_order(["[MASK]", "[PAD]", *bases], special)
    (True, False)
    """
    k = kmer_length(vocabulary)
    words = [token.upper() for token in vocabulary if len(token) == k and not set(token.upper()) - set("ACGT")]
    if not words:
        return False
    usual = [["".join(word) for word in itertools.product(letters, repeat=k)] for letters in ("ACGT", "ATCG")]
    around = [token for token in vocabulary if token.startswith(("[", "<"))]
    in_order = sorted(set(special).intersection(around), key=special.index)
    return words in usual and around == vocabulary[: len(around)] and [t for t in around if t in special] == in_order
