"""The step that `train_step.py` and `growth.py` time (forward, backward, AdamW): minattn's, and only its products.

Run as a script it is the worker of one engine: engines.py ENGINE SIZES THREADS TIED FOLDER. SIZES are layers, width,
heads, tokens, batch and vocabulary, with commas between.
"""

import argparse
from pathlib import Path

import numpy as np
from problem import LR, batch


def main(engine: str, sizes: str, threads: str, tied: str, folder: str) -> None:
    """Build an engine and serve it; the peers take their weights from the folder."""
    from workers import serve

    options = {"threads": int(threads), "tied": tied == "True"}
    if engine in ENGINES:
        build = ENGINES[engine]
    else:
        from peers import PEERS

        build = PEERS[engine]
        options["weights"] = np.load(Path(folder) / "weights.npz")
    serve(build(*map(int, sizes.split(",")), **options), Path(folder) / f"{engine}.npz")


def starting_weights(layers: int, width: int, heads: int, tokens: int, size: int, vocabulary: int, tied: bool) -> dict:
    """The weights that minattn starts with, by its names, for the peers."""
    return _model(layers, width, heads, tokens, vocabulary, tied).state_dict()


def _model(layers: int, width: int, heads: int, tokens: int, vocabulary: int, tied: bool):
    from minattn.models import ReconstructionConfig, ReconstructionModel

    config = ReconstructionConfig(
        vocabulary,
        width,
        layers,
        heads,
        4 * width,
        tokens,
        positions="learned",
        de_embedding="tied" if tied else "own",
        embedding_std=width**-0.5 if tied else 1.0,
        dropout=0.0,
    )
    return ReconstructionModel(config, generator=np.random.default_rng(0))


class Minattn:
    """This project, as its training loop runs it."""

    def __init__(self, layers, width, heads, tokens, size, vocabulary, *, threads, tied) -> None:
        from minattn.optim import AdamW
        from minattn.parallel import Threads

        self.threads, self.parts = Threads(threads).__enter__(), threads
        self.model = _model(layers, width, heads, tokens, vocabulary, tied)
        self.ids = batch(tokens, size, vocabulary)
        self.optimizer = AdamW(self.model.named_parameters(), LR)
        self.sharing = self.share()  # kept, for its end would stop the workers
        self.shared = self.sharing.__enter__()

    def share(self):
        from minattn.parallel import share_batches

        return share_batches(self.model, self.optimizer, self.threads, self.parts)

    def backward(self) -> float:
        self.optimizer.zero_grad()
        loss = self.shared.model.loss(self.ids, None, self.ids)
        loss.backward()
        return loss.item()

    def first(self):
        loss = self.backward()
        if self.shared.workers is not None:
            return loss, self.shared.workers.gradients()
        return loss, {name: p.grad for name, p in self.model.named_parameters()}

    def step(self) -> None:
        self.backward()
        self.shared.optimizer.step()


class OnThreads(Minattn):
    """The same on threads of one process, as where the system cannot fork."""

    def share(self):
        from minattn.parallel import share_batches

        return share_batches(self.model, self.optimizer, self.threads, self.parts, processes=False)


class Textbook(Minattn):
    """The same with the ops and the optimizer as they are read."""

    def __init__(self, *sizes, threads, tied) -> None:
        import minattn

        self.choice = minattn.textbook()  # kept, for its end would bring the kernels back
        self.choice.__enter__()
        super().__init__(*sizes, threads=threads, tied=tied)


class Products:
    """Nothing but the matrix products of the step, forward and backward, into buffers that are reused: the floor."""

    def __init__(self, layers, width, heads, tokens, size, vocabulary, *, threads, tied) -> None:
        rows, deep = size * tokens, width // heads
        dense = [(rows, width, width)] * 4 + [(rows, width, 4 * width), (rows, 4 * width, width)]
        plain = dense * layers + [(rows, width, vocabulary)]
        rng = np.random.default_rng(0)

        def array(*shape):
            return rng.standard_normal(shape, dtype=np.float32)

        # y = x wᵀ, dx = g w, dw = gᵀ x for (rows, inner) times (outer, inner)ᵀ
        self.plain = [
            (array(n, i), array(o, i), array(n, o), np.empty((n, i), np.float32), np.empty((o, i), np.float32))
            for n, i, o in plain
        ]
        heads_of, maps = (size, heads, tokens, deep), (size, heads, tokens, tokens)
        self.attention = [
            (
                array(*heads_of),
                array(*heads_of),
                array(*maps),
                np.empty(heads_of, np.float32),
                np.empty(maps, np.float32),
            )
            for _ in range(layers)
        ]

    def step(self) -> None:
        for x, w, y, dx, dw in self.plain:
            np.matmul(x, w.T, out=y)
            np.matmul(y, w, out=dx)
            np.matmul(y.T, x, out=dw)
        for q, k, p, y, scores in self.attention:
            for _ in range(2):  # scores and dp; y and dq; dv and dk
                np.matmul(q, k.swapaxes(-1, -2), out=scores)
                np.matmul(p, k, out=y)
                np.matmul(p.swapaxes(-1, -2), q, out=y)


ENGINES = {"minattn": Minattn, "on_threads": OnThreads, "textbook": Textbook, "products": Products}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arguments", nargs="+", metavar="ARGUMENT", help="as above")
    main(*parser.parse_args().arguments)
