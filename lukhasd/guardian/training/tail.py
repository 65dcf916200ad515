"""The layers that are ours: taken from the packaged MiniLM, trained further, and written out as ONNX.

Layer for layer as in BERT (Devlin et al., 2019), after which the mean and the maximum over the tokens feed one linear
map to all columns.
"""

from __future__ import annotations

import math
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import optax
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from lukhasd.models.encoder import LOWER_LAYERS
from lukhasd.models.minilm import packaged_model

LAYERS, HEADS, WIDTH = 6, 12, 384
LENGTHS = (12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192)
"""Batches are padded to one of these, so that few shapes are compiled."""
BATCH_TOKENS = 2048
EPOCHS = 2
LEARNING_RATE = 2e-4
DROPOUT = 0.1
SMOOTHING = 0.04
NORM_EPSILON = 1e-12
MATRICES = ("query", "key", "value", "out", "up", "down")
VECTORS = {
    "query_bias": "attention.self.query.bias",
    "key_bias": "attention.self.key.bias",
    "value_bias": "attention.self.value.bias",
    "out_bias": "attention.output.dense.bias",
    "first_gain": "attention.output.LayerNorm.weight",
    "first_bias": "attention.output.LayerNorm.bias",
    "up_bias": "intermediate.dense.bias",
    "down_bias": "output.dense.bias",
    "second_gain": "output.LayerNorm.weight",
    "second_bias": "output.LayerNorm.bias",
}

Floats = NDArray[np.float32]
Parameters = dict[str, Any]


def initial(columns: int, *, seed: int = 0) -> Parameters:
    """The packaged model's upper layers, and a new last map to `columns`."""
    graph = onnx.load(str(packaged_model())).graph
    arrays = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    products = [node.input[1] for node in graph.node if node.op_type == "MatMul" and f"{node.input[1]}_q" in arrays]
    layers = []
    for number in range(LOWER_LAYERS, LAYERS):
        names = products[6 * number : 6 * number + 6]
        layer = {
            matrix: arrays[f"{name}_q"].astype(np.float32) * arrays[f"{name}_scale"]
            for matrix, name in zip(MATRICES, names, strict=True)
        }
        layer |= {mine: arrays[f"inner.encoder.layer.{number}.{theirs}"] for mine, theirs in VECTORS.items()}
        layers.append({name: np.asarray(array, dtype=np.float32) for name, array in layer.items()})
    chance = np.random.default_rng(seed)
    last = chance.normal(0, 0.02, (2 * WIDTH, columns)).astype(np.float32)
    return {"layers": layers, "last": last, "last_bias": np.zeros(columns, dtype=np.float32)}


def forward(parameters: Parameters, hidden: Any, mask: Any, key: Any = None) -> Any:
    """(rows, columns) logits from (rows, tokens, WIDTH) and (rows, tokens). With `key`, dropout."""
    rows, tokens, _ = hidden.shape
    unseen = (1.0 - mask)[:, None, None, :] * -1e9

    def dropped(values: Any) -> Any:
        nonlocal key
        if key is None:
            return values
        key, own = jax.random.split(key)
        return values * jax.random.bernoulli(own, 1 - DROPOUT, values.shape) / (1 - DROPOUT)

    def split(values: Any) -> Any:
        return values.reshape(rows, tokens, HEADS, WIDTH // HEADS).transpose(0, 2, 1, 3)

    for layer in parameters["layers"]:
        query, keys, value = (split(hidden @ layer[name] + layer[f"{name}_bias"]) for name in ("query", "key", "value"))
        weights = jax.nn.softmax(query @ keys.transpose(0, 1, 3, 2) / math.sqrt(WIDTH / HEADS) + unseen, axis=-1)
        mixed = (weights @ value).transpose(0, 2, 1, 3).reshape(rows, tokens, WIDTH)
        mixed = dropped(mixed @ layer["out"] + layer["out_bias"])
        hidden = normed(hidden + mixed, layer["first_gain"], layer["first_bias"])
        inner = jax.nn.gelu(hidden @ layer["up"] + layer["up_bias"], approximate=False)
        inner = dropped(inner @ layer["down"] + layer["down_bias"])
        hidden = normed(hidden + inner, layer["second_gain"], layer["second_bias"])
    seen = mask[:, :, None]
    mean = (hidden * seen).sum(axis=1) / seen.sum(axis=1)
    greatest = jnp.where(seen > 0, hidden, -1e9).max(axis=1)
    return dropped(jnp.concatenate([mean, greatest], axis=-1)) @ parameters["last"] + parameters["last_bias"]


def normed(values: Any, gain: Any, bias: Any) -> Any:
    mean = values.mean(axis=-1, keepdims=True)
    spread = ((values - mean) ** 2).mean(axis=-1, keepdims=True)
    return (values - mean) * jax.lax.rsqrt(spread + NORM_EPSILON) * gain + bias


def fit(
    hidden: Sequence[NDArray[np.float16]],
    *,
    labels: Floats,
    importance: Floats,
    hazards: NDArray[np.int32],
    weights: Floats,
    hazard_columns: int,
    tell: Callable[[str], None],
    epochs: int = EPOCHS,
    seed: int = 0,
) -> Parameters:
    """`labels` (rows, columns) with NaN where unknown, each column weighed by `importance`; `hazards` −1 where unknown.

    The loss is the binary cross-entropy of the known labels with a little smoothing, and the cross-entropy of the
    hazard, whose columns come last.
    """
    plain = labels.shape[1]
    parameters = jax.tree.map(jnp.asarray, initial(plain + hazard_columns, seed=seed))
    chance = random.Random(seed)
    steps = epochs * sum(1 for _ in batches(hidden, random.Random(seed)))
    schedule = optax.warmup_cosine_decay_schedule(0.0, LEARNING_RATE, steps // 15 + 1, steps, LEARNING_RATE * 0.03)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, weight_decay=0.01))
    state = optimiser.init(parameters)

    def loss(parameters: Any, hidden: Any, mask: Any, known: Any, codes: Any, weight: Any, key: Any) -> Any:
        logits = forward(parameters, hidden, mask, key)
        target = jnp.where(jnp.isnan(known), 0.0, known) * (1 - SMOOTHING) + SMOOTHING / 2
        binary = optax.sigmoid_binary_cross_entropy(logits[:, :plain], target)
        summed = (binary * ~jnp.isnan(known) * importance).sum(axis=1)
        shares = jax.nn.log_softmax(logits[:, plain:])[jnp.arange(len(codes)), jnp.maximum(codes, 0)]
        return ((summed - 0.3 * shares * (codes >= 0)) * weight).sum() / len(codes)

    def step(parameters: Any, state: Any, *batch: Any) -> Any:
        value, gradient = jax.value_and_grad(loss)(parameters, *batch)
        updates, state = optimiser.update(gradient, state, parameters)
        return optax.apply_updates(parameters, updates), state, value

    run = jax.jit(step)
    key = jax.random.PRNGKey(seed)
    started, done, total = time.monotonic(), 0, 0.0
    for _ in range(epochs):
        for places, length in batches(hidden, chance):
            key, own = jax.random.split(key)
            there = places >= 0
            batch = padded(hidden, places, length)
            known = np.where(there[:, None], labels[places], np.nan)
            codes = np.where(there, hazards[places], -1)
            parameters, state, value = run(
                parameters, state, *batch, known, codes, np.where(there, weights[places], 0.0), own
            )
            done, total = done + 1, total + float(value)
            if done % 50 == 0:
                tell(f"step {done} of {steps}, loss {total / 50:.4f}, {time.monotonic() - started:.0f} s")
                total = 0.0
    trained: Parameters = jax.tree.map(np.asarray, parameters)
    return trained


def batches(hidden: Sequence[NDArray[np.float16]], chance: random.Random) -> Iterator[tuple[NDArray[np.int64], int]]:
    """Places of rows of like length, −1 for none, and the length they are padded to; shuffled by `chance`."""
    by_length: dict[int, list[int]] = defaultdict(list)
    for place, states in enumerate(hidden):
        by_length[next(length for length in LENGTHS if len(states) <= length)].append(place)
    found = []
    for length, places in by_length.items():
        chance.shuffle(places)
        size = BATCH_TOKENS // length
        for at in range(0, len(places), size):
            some = places[at : at + size]
            found.append((np.array(some + [-1] * (size - len(some))), length))
    chance.shuffle(found)
    yield from found


def padded(hidden: Sequence[NDArray[np.float16]], places: NDArray[np.int64], length: int) -> tuple[Floats, Floats]:
    states = np.zeros((len(places), length, WIDTH), dtype=np.float32)
    mask = np.zeros((len(places), length), dtype=np.float32)
    mask[:, 0] = 1.0
    for row, place in enumerate(places):
        if place >= 0:
            states[row, : len(hidden[place])] = hidden[place]
            mask[row, : len(hidden[place])] = 1.0
    return states, mask


def write_onnx(parameters: Parameters) -> bytes:
    """The layers as an ONNX model for one text at a time: `hidden` (1, tokens, WIDTH) in, `logits` (1, columns) out.
    Its matrices are int8 with one scale a column, and it multiplies in int8."""
    graph = GraphWriter()
    value = "hidden"
    for layer in parameters["layers"]:
        split = [
            graph.add("Transpose", graph.add("Reshape", graph.linear(value, layer[name], layer[f"{name}_bias"]),
                                             graph.shape(0, -1, HEADS, WIDTH // HEADS)), perm=[0, 2, 1, 3])
            for name in ("query", "key", "value")
        ]  # fmt: skip
        across = graph.add("Transpose", split[1], perm=[0, 1, 3, 2])
        scaled = graph.add("Mul", graph.add("MatMul", split[0], across), graph.constant(1 / math.sqrt(WIDTH / HEADS)))
        weights = graph.add("Softmax", scaled, axis=-1)
        mixed = graph.add("Transpose", graph.add("MatMul", weights, split[2]), perm=[0, 2, 1, 3])
        mixed = graph.add("Reshape", mixed, graph.shape(0, -1, WIDTH))
        value = graph.normed(graph.add("Add", value, graph.linear(mixed, layer["out"], layer["out_bias"])),
                             layer["first_gain"], layer["first_bias"])  # fmt: skip
        inner = graph.gelu(graph.linear(value, layer["up"], layer["up_bias"]))
        value = graph.normed(graph.add("Add", value, graph.linear(inner, layer["down"], layer["down_bias"])),
                             layer["second_gain"], layer["second_bias"])  # fmt: skip
    mean = graph.add("ReduceMean", value, axes=[1], keepdims=0)
    greatest = graph.add("ReduceMax", value, axes=[1], keepdims=0)
    pooled = graph.add("Concat", mean, greatest, axis=-1)
    logits = graph.add("Gemm", pooled, graph.array(parameters["last"]), graph.array(parameters["last_bias"]),
                       out="logits")  # fmt: skip
    return quantised(graph.model(logits, len(parameters["last_bias"])))


def quantised(model: bytes) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        whole, small = Path(folder) / "whole.onnx", Path(folder) / "small.onnx"
        whole.write_bytes(model)
        quantize_dynamic(whole, small, op_types_to_quantize=["MatMul"], per_channel=True, weight_type=QuantType.QInt8)
        return small.read_bytes()


class GraphWriter:
    """Collects nodes and constants."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._arrays: list[Any] = []

    def add(self, kind: str, *inputs: str, out: str | None = None, **attributes: Any) -> str:
        name = out or f"v{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def array(self, values: NDArray[Any]) -> str:
        name = f"c{len(self._arrays)}"
        self._arrays.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def constant(self, value: float) -> str:
        return self.array(np.array(value, dtype=np.float32))

    def shape(self, *values: int) -> str:
        return self.array(np.array(values, dtype=np.int64))

    def linear(self, value: str, matrix: Floats, bias: Floats) -> str:
        return self.add("Add", self.add("MatMul", value, self.array(matrix)), self.array(bias))

    def normed(self, value: str, gain: Floats, bias: Floats) -> str:
        return self.add("LayerNormalization", value, self.array(gain), self.array(bias), axis=-1, epsilon=NORM_EPSILON)

    def gelu(self, value: str) -> str:
        erf = self.add("Erf", self.add("Mul", value, self.constant(1 / math.sqrt(2))))
        half = self.add("Mul", value, self.constant(0.5))
        return self.add("Mul", half, self.add("Add", erf, self.constant(1.0)))

    def model(self, output: str, columns: int) -> bytes:
        inputs = [helper.make_tensor_value_info("hidden", TensorProto.FLOAT, [1, "tokens", WIDTH])]
        outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, [1, columns])]
        graph = helper.make_graph(self._nodes, "guardian", inputs, outputs, self._arrays)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())
