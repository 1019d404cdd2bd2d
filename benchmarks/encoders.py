"""The encoder that `inference.py` times, with DistilBERT-base's shapes: minattn, PyTorch eager, ONNX Runtime.

Run as a script it is a worker:        encoders.py ENGINE BATCH TOKENS THREADS FOLDER
or makes the weights for all of them:  encoders.py prepare FOLDER [onnx]
"""

import sys
from pathlib import Path

import numpy as np

LAYERS, WIDTH, HEADS, HIDDEN, VOCABULARY, POSITIONS, EPS = 6, 768, 12, 3072, 30522, 512, 1e-12
WEIGHTS, GRAPH = "weights.npz", "encoder.onnx"


def main(engine: str, *arguments: str) -> None:
    """Serve an engine, or prepare a folder."""
    if engine == "prepare":
        prepare(Path(arguments[0]), "onnx" in arguments)
        return
    from workers import serve

    size, tokens, threads = map(int, arguments[:3])
    folder = Path(arguments[3])
    serve(ENGINES[engine](size, tokens, threads, folder), folder / f"{engine}.npz")


def inputs(size: int, tokens: int) -> tuple[np.ndarray, np.ndarray]:
    """ids (B, T) and a mask (B, T) without padding, the same for every engine."""
    return np.random.default_rng(1).integers(0, VOCABULARY, (size, tokens)), np.ones((size, tokens), np.int64)


class Encoder:
    """What the engines share: the ids, a step without gradients, and what is compared."""

    def first(self):
        y = self.step()
        return float(abs(y).mean()), {"y": y}


class Minattn(Encoder):
    """This project: the layers of `minattn.nn`. Threads share the batch, unless it is too small: then BLAS has them."""

    def __init__(self, size: int, tokens: int, threads: int, folder: Path) -> None:
        from minattn.nn import Embedding, EncoderBlock, LayerNorm, PositionalEncoding
        from minattn.parallel import Threads

        self.threads = Threads(threads).__enter__() if size >= threads else None
        self.parts = [slice(size * i // threads, size * (i + 1) // threads) for i in range(threads)]
        rng = np.random.default_rng(0)
        self.embedding = Embedding(VOCABULARY, WIDTH, generator=rng)
        self.positions = PositionalEncoding("learned", POSITIONS, WIDTH, generator=rng)
        self.norm = LayerNorm(WIDTH, EPS)
        self.blocks = [
            EncoderBlock(WIDTH, HEADS, HIDDEN, norm_first=False, eps=EPS, generator=rng) for _ in range(LAYERS)
        ]
        with np.load(folder / WEIGHTS) as weights:
            self.embedding.weight.set(weights["embeddings.word_embeddings.weight"])
            self.positions.weight.set(weights["embeddings.position_embeddings.weight"])
            self.norm.load_state_dict(named(weights, "embeddings.LayerNorm."))
            for i, block in enumerate(self.blocks):
                block.load_state_dict(named(weights, f"transformer.layer.{i}.", LAYER_NAMES))
        self.ids, mask = inputs(size, tokens)
        self.mask = mask == 1

    def step(self) -> np.ndarray:
        if self.threads is None:
            return self.forward(slice(None))
        return np.concatenate(self.threads.map(self.forward, self.parts))

    def forward(self, part: slice) -> np.ndarray:
        from minattn import no_grad

        with no_grad():
            x = self.norm(self.positions(self.embedding(self.ids[part])))
            for block in self.blocks:
                x = block(x, self.mask[part])
        return x.numpy()


LAYER_NAMES = {  # transformers' name: minattn's
    "attention.q_lin": "attention.query",
    "attention.k_lin": "attention.key",
    "attention.v_lin": "attention.value",
    "attention.out_lin": "attention.out",
    "sa_layer_norm": "attention_norm",
    "ffn.lin1": "feed_forward.widen",
    "ffn.lin2": "feed_forward.narrow",
    "output_layer_norm": "feed_forward_norm",
}


def named(weights: np.lib.npyio.NpzFile, prefix: str, names: dict[str, str] | None = None) -> dict[str, np.ndarray]:
    """The weights below a prefix, renamed."""
    found = {}
    for name in weights:
        if name.startswith(prefix):
            layer, _, kind = name.removeprefix(prefix).rpartition(".")
            found[f"{names[layer]}.{kind}" if names else kind] = weights[name]
    return found


class Torch(Encoder):
    """PyTorch, eager: DistilBertModel of transformers, with PyTorch's fused attention."""

    def __init__(self, size: int, tokens: int, threads: int, folder: Path) -> None:
        import torch

        torch.set_num_threads(threads)
        self.model = distilbert()
        with np.load(folder / WEIGHTS) as weights:
            self.model.load_state_dict({name: torch.from_numpy(weights[name]) for name in weights})
        self.ids, self.mask = map(torch.from_numpy, inputs(size, tokens))

    def step(self) -> np.ndarray:
        import torch

        with torch.inference_mode():
            return self.model(self.ids, self.mask).last_hidden_state.numpy()


class Onnx(Encoder):
    """ONNX Runtime, on PyTorch's export of the same model, with the graph optimizations it does by default."""

    def __init__(self, size: int, tokens: int, threads: int, folder: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(folder / GRAPH, options, providers=["CPUExecutionProvider"])
        self.feed = dict(zip(("input_ids", "attention_mask"), inputs(size, tokens), strict=True))

    def step(self) -> np.ndarray:
        return self.session.run(None, self.feed)[0]


def distilbert():
    """transformers' DistilBERT-base with random weights."""
    from transformers import DistilBertConfig, DistilBertModel

    config = DistilBertConfig(
        vocab_size=VOCABULARY,
        max_position_embeddings=POSITIONS,
        n_layers=LAYERS,
        dim=WIDTH,
        n_heads=HEADS,
        hidden_dim=HIDDEN,
        attn_implementation="sdpa",
    )
    return DistilBertModel(config).eval()


def prepare(folder: Path, with_onnx: bool) -> None:
    """Write the weights of a DistilBERT, biases and norms made random too, and its export to ONNX."""
    import torch

    torch.manual_seed(0)
    model = distilbert()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:  # they start at 0 and 1, where a mistake would not show
                parameter += 0.1 * torch.randn_like(parameter)
    np.savez(folder / WEIGHTS, **{name: value.numpy() for name, value in model.state_dict().items()})
    if with_onnx:
        ids, mask = map(torch.from_numpy, inputs(2, 16))
        names = ["input_ids", "attention_mask"]
        dynamic = {0: torch.export.Dim("batch"), 1: torch.export.Dim("tokens", max=POSITIONS)}
        axes = dict.fromkeys(names, dynamic)
        torch.onnx.export(
            model, (ids, mask), folder / GRAPH, input_names=names, dynamic_shapes=axes, dynamo=True, verbose=False
        )


ENGINES = {"minattn": Minattn, "torch": Torch, "onnx": Onnx}

if __name__ == "__main__":
    main(*sys.argv[1:])
