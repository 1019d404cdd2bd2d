"""The default recipe of `minattn train`, here and in PyTorch: what each fills in the same steps, and how long it takes.

    pip install torch
    python benchmarks/recipe.py                          the shipped English reader, all steps, one after the other
    python benchmarks/recipe.py --text zh --threads 1 --seeds 0 1 2

Both start from the same weights, see the same batches, and are scored on the same held-out blanks. PyTorch has its own
attention, fused cross-entropy and AdamW, and may use as many threads.
"""

import argparse
import contextlib
import tempfile
import time

import numpy as np
import torch
from torch.nn import functional as F

from minattn import Tensor
from minattn.models import ReconstructionConfig, ReconstructionModel
from minattn.optim import learning_rate
from minattn.runs import Run
from minattn.training import HeldOut, Text, Trainer, TrainingConfig, choose_tokenizer, load_data
from minattn.training.settings import RECIPE, fitted


class TorchModel(torch.nn.Module):
    """The model of the recipe: relative positions, norms last, ReLU, a tied table; by minattn's names of weights."""

    learns_from_blanks = False

    def __init__(self, config: ReconstructionConfig, state: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.config = config
        self.weights = torch.nn.ParameterDict(
            {name.replace(".", "/"): torch.nn.Parameter(torch.tensor(array)) for name, array in state.items()}
        )

    def of(self, name: str) -> torch.Tensor:
        return self.weights[name.replace(".", "/")]

    def linear(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.of(f"{name}.weight"), self.of(f"{name}.bias"))

    def joined(self, name: str, x: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
        x = x + F.dropout(change, self.config.dropout, self.training)
        return F.layer_norm(x, x.shape[-1:], self.of(f"{name}.weight"), self.of(f"{name}.bias"))

    def scores(self, ids: torch.Tensor, mask: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
        """ids, mask, where (B, T) -> logits (N, V) of the N places."""
        config, (size, tokens) = self.config, ids.shape
        x = F.dropout(F.embedding(ids, self.of("embedding.weight")), config.embedding_dropout, self.training)
        places = torch.arange(tokens)
        distances = (places - places[:, None]).clamp(-config.farthest, config.farthest) + config.farthest
        padding = torch.zeros(size, 1, 1, tokens).masked_fill(~mask[:, None, None], -torch.inf)
        for i in range(config.layers):
            block = f"blocks.{i}"
            q, k, v = (
                self.linear(f"{block}.attention.{name}", x).view(size, tokens, config.heads, -1).transpose(1, 2)
                for name in ("query", "key", "value")
            )
            added = self.of(f"{block}.attention.positions.weight")[distances].permute(2, 0, 1) + padding
            y = F.scaled_dot_product_attention(q, k, v, added).transpose(1, 2).flatten(2)
            x = self.joined(f"{block}.attention_norm", x, self.linear(f"{block}.attention.out", y))
            x = x[where] if i == config.layers - 1 else x
            y = self.linear(f"{block}.feed_forward.narrow", F.relu(self.linear(f"{block}.feed_forward.widen", x)))
            x = self.joined(f"{block}.feed_forward_norm", x, y)
        return F.linear(x, self.of("embedding.weight"), self.of("de_embedding.bias"))

    # --- what HeldOut asks of a model

    @contextlib.contextmanager
    def evaluating(self):
        self.eval()
        yield
        self.train()

    def token_table(self) -> np.ndarray:
        return self.of("embedding.weight").detach().numpy()

    def logits(self, ids, attention_mask, where) -> Tensor:
        with torch.no_grad():
            return Tensor(self.scores(*map(torch.from_numpy, (ids, attention_mask, where))).numpy())


def train_torch(model: TorchModel, trainer: Trainer) -> None:
    """The steps of a trainer, with its batches, targets and rates."""
    config = trainer.config
    matrices = [p for p in model.parameters() if p.ndim > 1]
    rest = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=config.lr, betas=(0.9, 0.98), fused=True)
    for trainer.step in range(config.steps):
        batch = trainer.batches.at(trainer.step)
        targets = trainer.targets(batch)
        wanted = targets != -100
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(trainer.step, config.steps, config.lr, round(config.warmup * config.steps))
        scores = model.scores(*map(torch.from_numpy, (batch.ids, batch.attention_mask, wanted)))
        F.cross_entropy(scores, torch.from_numpy(targets[wanted])).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        optimizer.step()
        optimizer.zero_grad()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--text", default="en", help='a text file, or "en" or "zh"')
    options.add_argument("--steps", type=int, help="instead of those that fit the text")
    options.add_argument("--threads", type=int, default=TrainingConfig.threads)
    options.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = options.parse_args()
    torch.set_num_threads(options.threads)
    text = Text.read(options.text)
    tokenizer = choose_tokenizer(text, None)
    config = ReconstructionConfig(tokenizer.vocab_size, **RECIPE)
    data = load_data(text, tokenizer, config.max_tokens)
    print(f"{'':10}{'seed':>6}{'steps':>8}{'seconds':>9}{'copied':>10}{'blanks filled':>15}")
    for seed in options.seeds:
        training = TrainingConfig(seed=seed, threads=options.threads)
        training = fitted(training, (), len(data.training), config.vocab_size)
        if options.steps:
            training = TrainingConfig(**{**vars(training), "steps": options.steps})
        state = ReconstructionModel(config, generator=np.random.default_rng(seed)).state_dict()
        for engine in ("minattn", "PyTorch"):
            with tempfile.TemporaryDirectory() as folder:
                trainer = Trainer(config, training, data, Run.create(folder, {}, tokenizer.to_json()))
                trainer.evaluate = lambda threads: {}  # neither is scored on the way
                model = trainer.model if engine == "minattn" else TorchModel(config, state)
                started = time.perf_counter()
                if engine == "minattn":
                    trainer.train()
                else:
                    train_torch(model, trainer)
                seconds = time.perf_counter() - started
            score = HeldOut(data.held_out, tokenizer).score(model)
            print(
                f"{engine:10}{seed:6}{training.steps:8}{seconds:9.0f}{score.copied:10.2%}{score.blanks_filled:15.2%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
