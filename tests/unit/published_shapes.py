"""Names and shapes of the weights of published architectures, as their checkpoints have them."""

from collections.abc import Iterator

Shapes = Iterator[tuple[str, tuple[int, ...]]]


def linear(name: str, out: int, inner: int, bias: bool = True) -> Shapes:
    yield f"{name}.weight", (out, inner)
    if bias:
        yield f"{name}.bias", (out,)


def norm(name: str, width: int, bias: bool = True) -> Shapes:
    yield f"{name}.weight", (width,)
    if bias:
        yield f"{name}.bias", (width,)


def gpn_convnet(width: int, layers: int, kernel: int, vocabulary: int) -> Shapes:
    for i in range(layers):
        name = f"model.encoder.{i}"
        yield f"{name}.conv.1.weight", (width, width, kernel)
        yield f"{name}.conv.1.bias", (width,)
        yield from norm(f"{name}.conv.4", width)
        yield from linear(f"{name}.ffn.0", width, width)
        yield from norm(f"{name}.ffn.2", width)
    yield from linear("cls.decoder.0", width, width)
    yield from norm("cls.decoder.2", width)
    yield from linear("cls.decoder.3", vocabulary, width)


def gpn(width: int, layers: int, inner: int, kernels: tuple[int, int], depthwise: bool) -> Shapes:
    for i in range(layers):
        name, groups = f"model.encoder.layer.{i}", width if depthwise and i else 1
        yield from norm(f"{name}.conv.0", width, False)
        yield f"{name}.conv.2.weight", (width, width // groups, kernels[i > 0])
        yield from linear(f"{name}.conv.5", width, width, False)
        yield from norm(f"{name}.ffn.0", width, False)
        yield from linear(f"{name}.ffn.1", inner, width, False)
        yield from linear(f"{name}.ffn.3", width, inner, False)
    yield from norm("model.ln_f", width, False)
    yield from linear("cls.transform.0", width, width, False)
    yield from norm("cls.transform.2", width, False)
    yield from linear("cls.decoder", 7, width, False)


def gpn_bytenet(width: int, layers: int, kernels: tuple[int, int]) -> Shapes:
    half = width // 2
    yield "model.embeddings.word_embeddings.weight", (7, width)
    for i in range(layers):
        name = f"model.encoder.layer.{i}.layer"
        yield from norm(f"{name}.0", width)
        yield from linear(f"{name}.2", half, width)
        yield from norm(f"{name}.3", half)
        yield f"{name}.6.weight", (half, half, kernels[i > 0])
        yield f"{name}.6.bias", (half,)
        yield from norm(f"{name}.8", half)
        yield from linear(f"{name}.10", width, half)
    yield from norm("model.ln_f", width)
    yield from linear("cls.decoder", 7, width)


def transformer_layer(name: str, width: int, inner: int, pre: bool, ffn: int, bias: bool) -> Shapes:
    """ESM (`pre`) has a norm before attention and one before the feed-forward part, BERT one behind each."""
    for part in ("query", "key", "value"):
        yield from linear(f"{name}.attention.self.{part}", width, width)
    yield from linear(f"{name}.attention.output.dense", width, width)
    yield from norm(f"{name}.attention.LayerNorm" if pre else f"{name}.attention.output.LayerNorm", width)
    yield from linear(f"{name}.intermediate.dense", ffn, width, bias)
    yield from linear(f"{name}.output.dense", width, inner, bias)
    yield from norm(f"{name}.LayerNorm" if pre else f"{name}.output.LayerNorm", width)


def esm(width: int, layers: int, inner: int, vocabulary: int, positions: int, v2: bool) -> Shapes:
    yield "esm.embeddings.word_embeddings.weight", (vocabulary, width)
    yield "esm.embeddings.position_embeddings.weight", (positions, width)
    for i in range(layers):
        yield from transformer_layer(f"esm.encoder.layer.{i}", width, inner, True, inner * (1 + v2), not v2)
    yield from norm("esm.encoder.emb_layer_norm_after", width)
    yield "lm_head.bias", (vocabulary,)
    yield from linear("lm_head.dense", width, width)
    yield from norm("lm_head.layer_norm", width)
    if v2:
        yield "lm_head.decoder.weight", (vocabulary, width)


def bert(width: int, layers: int, inner: int, vocabulary: int, positions: int) -> Shapes:
    yield "bert.embeddings.word_embeddings.weight", (vocabulary, width)
    yield "bert.embeddings.position_embeddings.weight", (positions, width)
    yield "bert.embeddings.token_type_embeddings.weight", (2, width)
    yield from norm("bert.embeddings.LayerNorm", width)
    for i in range(layers):
        yield from transformer_layer(f"bert.encoder.layer.{i}", width, inner, False, inner, True)
    yield "cls.predictions.bias", (vocabulary,)
    yield from linear("cls.predictions.transform.dense", width, width)
    yield from norm("cls.predictions.transform.LayerNorm", width)


def caduceus(width: int, layers: int, vocabulary: int, rcps: bool) -> Shapes:
    inner, rank, states, kernel = 2 * width, 1, 4, 4
    words = "caduceus.backbone.embeddings.word_embeddings"
    yield f"{words}.embedding.weight" if rcps else f"{words}.weight", (vocabulary, width)
    for i in range(layers):
        for way in ("fwd", "rev"):
            name = f"caduceus.backbone.layers.{i}.mixer{'.submodule' if rcps else ''}.mamba_{way}"
            yield f"{name}.A_log", (inner, states)
            yield f"{name}.D", (inner,)
            yield f"{name}.conv1d.weight", (inner, 1, kernel)
            yield f"{name}.conv1d.bias", (inner,)
            yield f"{name}.x_proj.weight", (rank + 2 * states, inner)
            yield from linear(f"{name}.dt_proj", inner, rank)
            if way == "fwd":  # those of the other way are the same
                yield f"{name}.in_proj.weight", (2 * inner, width)
                yield f"{name}.out_proj.weight", (width, inner)
        yield f"caduceus.backbone.layers.{i}.norm.weight", (width,)
    yield "caduceus.backbone.norm_f.weight", (width,)


def hyenadna(width: int, layers: int, inner: int, vocabulary: int, filters: tuple[int, int], longest: int) -> Shapes:
    yield "hyena.backbone.embeddings.word_embeddings.weight", (vocabulary, width)
    positions, order = filters
    for i in range(layers):
        name = f"hyena.backbone.layers.{i}"
        yield from linear(f"{name}.mixer.in_proj", 3 * width, width)
        yield from linear(f"{name}.mixer.out_proj", width, width)
        yield f"{name}.mixer.short_filter.weight", (3 * width, 1, 3)
        yield f"{name}.mixer.short_filter.bias", (3 * width,)
        yield f"{name}.mixer.filter_fn.bias", (width,)
        yield f"{name}.mixer.filter_fn.pos_emb.z", (1, longest, positions)
        yield f"{name}.mixer.filter_fn.pos_emb.t", (1, longest, 1)
        yield f"{name}.mixer.filter_fn.modulation.deltas", (1, 1, width)
        for n in range(3):
            yield from linear(f"{name}.mixer.filter_fn.implicit_filter.{2 * n}", order, order if n else positions)
        yield f"{name}.mixer.filter_fn.implicit_filter.1.freq", (1, order)  # the others are the same
        yield from linear(f"{name}.mixer.filter_fn.implicit_filter.6", width, order, False)
        yield from norm(f"{name}.norm1", width)
        yield from norm(f"{name}.norm2", width)
        yield from linear(f"{name}.mlp.fc1", inner, width)
        yield from linear(f"{name}.mlp.fc2", width, inner)
    yield from norm("hyena.backbone.ln_f", width)
    yield "lm_head.weight", (vocabulary, width)


def mosaic(width: int, layers: int, inner: int, vocabulary: int, head: bool) -> Shapes:
    body = "bert." if head else ""
    yield f"{body}embeddings.word_embeddings.weight", (vocabulary, width)
    yield f"{body}embeddings.token_type_embeddings.weight", (2, width)
    yield from norm(f"{body}embeddings.LayerNorm", width)
    for i in range(layers):
        name = f"{body}encoder.layer.{i}"
        yield from linear(f"{name}.attention.self.Wqkv", 3 * width, width)
        yield from linear(f"{name}.attention.output.dense", width, width)
        yield from norm(f"{name}.attention.output.LayerNorm", width)
        yield from linear(f"{name}.mlp.gated_layers", 2 * inner, width, False)
        yield from linear(f"{name}.mlp.wo", width, inner)
        yield from norm(f"{name}.mlp.layernorm", width)
    yield from linear(f"{body}pooler.dense", width, width)
    if head:
        yield from linear("cls.predictions.transform.dense", width, width)
        yield from norm("cls.predictions.transform.LayerNorm", width)
        yield "cls.predictions.decoder.bias", (vocabulary,)


def gena(width: int, layers: int, inner: int, vocabulary: int, positions: int, last: bool) -> Shapes:
    for name, shape in bert(width, layers, inner, vocabulary, positions):
        if name.startswith("bert.encoder") and ".LayerNorm" in name:  # those of BERT, behind each part
            place = "pre_attention_ln" if ".attention." in name else "post_attention_ln"
            name = f"{'.'.join(name.split('.')[:4])}.{place}.{name.rsplit('.', 1)[-1]}"
        yield name, shape
    if last:
        yield from norm("bert.encoder.last_layer_ln", width)
