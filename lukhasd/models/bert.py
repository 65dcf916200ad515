"""The graph that is run of the packaged all-MiniLM-L6-v2: the same numbers from fewer and larger steps.

The package's file has the weights in int8 and a graph that onnxruntime takes 0.3 s to simplify, each time it is opened,
to something slower and with the word vectors in four times the memory. Of the file only the tensors are used here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lukhasd.models.onnx_wire import Array, Graph, read

LAYERS, HEADS, WIDTH = 6, 12, 384
PRODUCTS = 6
"""Matrices of a layer, in this order: query, key, value, attention's output, and in and out of the hidden layer."""
EPSILON = 1e-12

Floats = NDArray[np.float32]


def build(packaged: bytes, *layers: int, after: int = 0) -> bytes:
    """A model from `input_ids` and `attention_mask`, (texts, tokens), to what each of `layers`, rising from 1, makes of
    each token, (texts, tokens, WIDTH) each; the last without them. `after`: from `states`, what that layer made of
    each, in place of `input_ids`. Raises ValueError or KeyError where `packaged` is another model."""
    wanted = layers or (LAYERS,)
    tensors, nodes = read(packaged)
    products = [inputs[1] for operator, inputs in nodes if operator == "MatMul" and f"{inputs[1]}_q" in tensors]
    if len(products) != LAYERS * PRODUCTS:
        raise ValueError(f"the model has {len(products)} weight matrices, not {LAYERS * PRODUCTS}")
    graph = Graph()
    if after:
        states = graph.input("states", ("texts", "tokens", "width"), np.float32)
    else:
        states = _embed(graph, tensors, graph.input("input_ids", ("texts", "tokens")))
    graph.input("attention_mask", ("texts", "tokens"))
    mask = graph.node("Cast", ["attention_mask"], ["mask"], to=6)
    outputs = []
    for layer in range(after, max(wanted)):
        names = products[layer * PRODUCTS : (layer + 1) * PRODUCTS]
        states = _layer(graph, tensors, states, mask=mask, names=names, layer=layer)
        if layer + 1 in wanted:
            outputs.append(states)
    return graph.model(outputs)


def _embed(graph: Graph, tensors: dict[str, Array], ids: str) -> str:
    inner = "inner.embeddings."
    words, scales = tensors[f"{inner}word_embeddings.weight_q"], tensors[f"{inner}word_embeddings.weight_scale"]
    graph.node("Gather", [graph.tensor("words", words), ids], ["word_codes"])
    graph.node("Cast", ["word_codes"], ["word_values"], to=1)
    graph.node("Gather", [graph.tensor("word_scales", scales), ids], ["scales"])
    graph.node("Mul", ["word_values", "scales"], ["word_vectors"])
    places = _weight(tensors, f"{inner}position_embeddings.weight")
    graph.tensor("places", places + tensors[f"{inner}token_type_embeddings.weight"][0])
    graph.node("Shape", [ids], ["length"], start=1, end=2)
    zero = graph.tensor("zero", np.zeros(1, dtype=np.int64))
    graph.node("Slice", ["places", zero, "length", zero], ["place_vectors"])
    graph.node("Add", ["word_vectors", "place_vectors"], ["embedded"])
    norm = [graph.tensor(f"embedded_{name}", tensors[f"{inner}LayerNorm.{name}"]) for name in ("weight", "bias")]
    return graph.node("LayerNormalization", ["embedded", *norm], ["states"], axis=-1, epsilon=EPSILON)


def _layer(graph: Graph, tensors: dict[str, Array], states: str, *, mask: str, names: list[str], layer: int) -> str:
    inner = f"inner.encoder.layer.{layer}."

    def own(name: str) -> str:
        return f"{name}_{layer}"

    def given(name: str) -> str:
        return graph.tensor(own(name), tensors[name])

    def times(inputs: str, name: str, output: str) -> str:
        codes = graph.node("Cast", [given(f"{name}_q")], [own(f"{name}_values")], to=1)
        weight = graph.node("Mul", [codes, given(f"{name}_scale")], [own(f"{name}_weight")])
        return graph.node("MatMul", [inputs, weight], [own(output)])

    heads = [times(states, name, part) for name, part in zip(names[:3], ("query", "key", "value"), strict=True)]
    biases = [tensors[f"{inner}attention.self.{part}.bias"] for part in ("query", "key", "value")]
    bias = graph.tensor(own("attention_bias"), np.concatenate(biases))
    graph.node("MultiHeadAttention", [*heads, bias, mask], [own("attended")], own=True, num_heads=HEADS)
    mixed = times(own("attended"), names[3], "mixed")
    norm = [given(f"{inner}attention.output.{name}") for name in ("LayerNorm.weight", "LayerNorm.bias", "dense.bias")]
    middle = graph.node("SkipLayerNormalization", [mixed, states, *norm], [own("middle")], own=True, epsilon=EPSILON)
    wide = times(middle, names[4], "wide")
    graph.node("BiasGelu", [wide, given(f"{inner}intermediate.dense.bias")], [own("hidden")], own=True)
    narrow = times(own("hidden"), names[5], "narrow")
    norm = [given(f"{inner}output.{name}") for name in ("LayerNorm.weight", "LayerNorm.bias", "dense.bias")]
    return graph.node("SkipLayerNormalization", [narrow, middle, *norm], [own("states")], own=True, epsilon=EPSILON)


def _weight(tensors: dict[str, Array], name: str) -> Floats:
    values: Floats = tensors[f"{name}_q"].astype(np.float32) * tensors[f"{name}_scale"]
    return values
