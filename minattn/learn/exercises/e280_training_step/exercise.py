import numpy as np

from ...course import Cases, Exercise


def cases(rng: np.random.Generator) -> Cases:
    for step, (tokens, width, size) in ((0, (4, 5, 3)), (3, (3, 2, 4))):
        square = dict.fromkeys(("wq", "wk", "wv"), (width, width))
        shapes = {"table": (size, width), "positions": (tokens, width), **square, "out": (width, size)}
        parameters = {name: rng.normal(size=shape) for name, shape in shapes.items()}
        m = {name: 0.1 * rng.normal(size=p.shape) if step else np.zeros(p.shape) for name, p in parameters.items()}
        v = {name: 0.1 * rng.random(p.shape) if step else np.zeros(p.shape) for name, p in parameters.items()}
        ids = rng.integers(0, size, (2, tokens))
        yield parameters, {"step": step, "m": m, "v": v}, ids, rng.integers(0, size, ids.shape), 0.01


exercise = Exercise(
    derives=True,
    page="13_training",
    steps={
        "x": "the vectors of the tokens with their positions",
        "a": "what attention gives",
        "y": "x + a",
        "logits": "y out",
        "dy": "what arrives at y: dlogits outᵀ",
        "dq": "what arrives at the queries",
        "dk": "what arrives at the keys",
        "dx": "what arrives at x, along all four of its ways",
    },
    hints=(
        "Write the forward lines first, keep every result under its name, and return the loss with the old parameters: "
        "does the check say that the loss is right?",
        "Back: dlogits -> out and dy. y = x + a forks: dy goes to attention.backward and to dx. q, k, v each send "
        "something to dx and to their weight. x is embedding + positions: embedding.backward, and a sum over "
        "the batch.",
        "dx = dy + dq @ wq.T + dk @ wk.T + dv @ wv.T; gradients of weights are rows.T @ rows; positions get "
        "dx.sum(axis=0); the table embedding.backward(…)[1]. Then clipping.clip of a list of the gradients, and "
        'adamw.adamw for each name with state["step"] + 1.',
    ),
    note="That is all there is: a large model has more blocks of the same kind. See it restore a sentence: "
    "minattn learn run training_step. The engine: Trainer in minattn/training/trainer.py; `minattn train` does "
    "it with more words.",
    cases=cases,
)
