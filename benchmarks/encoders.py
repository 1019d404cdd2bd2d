"""A pretrained encoder's forward pass in minattn, PyTorch and ONNX Runtime, each in a process of its own.

    python encoders.py ENGINE MODEL BATCH TOKENS PADDED THREADS FOLDER     serve an engine; see `workers.serve`
    python encoders.py first ENGINE MODEL                                  print one vector: a process from start to end
    python encoders.py prepare FOLDER MINILM|- [onnx]                      write the models that the engines open

MODEL is a folder as transformers writes it; beside it lies its export to ONNX.
"""

import argparse
from pathlib import Path

import numpy as np

GRAPH = "encoder.onnx"


def main(engine: str, *arguments: str) -> None:
    """Serve an engine, print a first vector, or prepare a folder."""
    if engine == "prepare":
        prepare(Path(arguments[0]), arguments[1], "onnx" in arguments)
        return
    if engine == "first":
        print(ENGINES[arguments[0]](Path(arguments[1]), 1, 8, False, 1).step()[0, 0])
        return
    from workers import serve

    model, (size, tokens, padded, threads), folder = Path(arguments[0]), map(int, arguments[1:5]), Path(arguments[5])
    serve(ENGINES[engine](model, size, tokens, padded, threads), folder / f"{engine}.npz")


def inputs(size: int, tokens: int, padded: bool) -> tuple[np.ndarray, np.ndarray]:
    """ids and a mask, (B, T) each, the same for every engine; padded: lengths spread evenly from T/8 to T."""
    ids = np.random.default_rng(1).integers(1, 30522, (size, tokens))
    lengths = np.linspace(tokens // 8, tokens, size).astype(int) if padded else np.full(size, tokens)
    return ids, (np.arange(tokens) < lengths[:, None]).astype(np.int64)


class Encoder:
    """What the engines share: the inputs, and what is compared."""

    def __init__(self, model: Path, size: int, tokens: int, padded: bool, threads: int) -> None:
        self.ids, self.mask = inputs(size, tokens, padded)
        self.open(model, threads)

    def first(self):
        y = self.step()[self.mask == 1]
        return float(abs(y).mean()), {"y": y}


class Minattn(Encoder):
    """This project. Threads share the batch, unless it is too small: then BLAS has them."""

    def open(self, model: Path, threads: int) -> None:
        from minattn.fast import Workspace
        from minattn.parallel import Threads
        from minattn.pretrained import load_pretrained

        self.model = load_pretrained(model, report=lambda text: None)
        self.workspace = Workspace()
        self.threads = Threads(threads).__enter__() if len(self.ids) >= threads > 1 else None
        tokens = self.mask.sum(axis=1).cumsum()
        ends = [0, *(int(np.searchsorted(tokens, tokens[-1] * i / threads)) + 1 for i in range(1, threads)), None]
        self.parts = [slice(ends[i], ends[i + 1]) for i in range(threads)]

    def step(self) -> np.ndarray:
        from minattn import reuse_memory

        if self.threads is None:
            with reuse_memory(self.workspace):
                return self.forward(slice(None))
        return np.concatenate(self.threads.map(self.forward, self.parts))

    def forward(self, part: slice) -> np.ndarray:
        from minattn import no_grad

        with no_grad():
            return self.model(self.ids[part], self.mask[part]).last_hidden_state.numpy()


class Textbook(Minattn):
    """The same with the ops as they are read."""

    def open(self, model: Path, threads: int) -> None:
        import minattn

        self.choice = minattn.textbook()  # kept, for its end would bring the kernels back
        self.choice.__enter__()
        super().open(model, threads)


class Torch(Encoder):
    """PyTorch, eager: transformers' model, with PyTorch's fused attention."""

    def open(self, model: Path, threads: int) -> None:
        import torch
        from transformers import AutoModel

        torch.set_num_threads(threads)
        self.model = AutoModel.from_pretrained(model, attn_implementation="sdpa").eval()
        self.tensors = [torch.from_numpy(self.ids), torch.from_numpy(self.mask)]

    def step(self) -> np.ndarray:
        import torch

        with torch.inference_mode():
            return self.model(*self.tensors).last_hidden_state.numpy()


class Onnx(Encoder):
    """ONNX Runtime, on PyTorch's export of the same model, with the graph optimizations it does by default."""

    def open(self, model: Path, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(model / GRAPH, options, providers=["CPUExecutionProvider"])
        self.feed = {"input_ids": self.ids, "attention_mask": self.mask}

    def step(self) -> np.ndarray:
        return self.session.run(None, self.feed)[0]


def prepare(folder: Path, minilm: str, with_onnx: bool) -> None:
    """Write a DistilBERT-base with random weights, biases and norms random too; copy MiniLM; export them to ONNX."""
    import shutil

    import torch
    from transformers import AutoModel, DistilBertConfig, DistilBertModel

    torch.manual_seed(0)
    model = DistilBertModel(DistilBertConfig())
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:  # they start at 0 and 1, where a mistake would not show
                parameter += 0.1 * torch.randn_like(parameter)
    model.save_pretrained(folder / "distilbert")
    if minilm != "-":
        (folder / "minilm").mkdir()
        for name in ("config.json", "model.safetensors"):
            shutil.copy(Path(minilm) / name, folder / "minilm" / name)
    for place in folder.iterdir() if with_onnx else ():
        ids, mask = map(torch.from_numpy, inputs(2, 16, False))
        names = ["input_ids", "attention_mask"]
        dynamic = {0: torch.export.Dim("batch"), 1: torch.export.Dim("tokens", max=512)}
        torch.onnx.export(
            AutoModel.from_pretrained(place).eval(),
            (ids, mask),
            place / GRAPH,
            input_names=names,
            dynamic_shapes=dict.fromkeys(names, dynamic),
            dynamo=True,
            verbose=False,
        )


ENGINES = {"minattn": Minattn, "textbook": Textbook, "torch": Torch, "onnx": Onnx}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arguments", nargs="+", metavar="ARGUMENT", help="as above")
    main(*parser.parse_args().arguments)
