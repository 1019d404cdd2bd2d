"""Cross-entropy from logits."""

from ..backend import Array, array_module
from .base import Op, register
from .samples import cross_entropy_samples


@register(samples=cross_entropy_samples)
class CrossEntropy(Op):
    """The surprise -ln p at the right class, straight from logits (softmax and logarithm in one).

    logits (…, V), targets (…) integers -> loss, one number, or (…) with reduction "none"
    A target equal to ignore_index counts nowhere; N is the number of the others. ε is the label smoothing: the
    right class is wanted with 1 - ε + ε/V, every other one with ε/V (Szegedy et al., 2016, section 7).

    forward    1  z = x - max(x)
               2  l = ln Σ exp(z) - (1 - ε) z_y - ε mean(z)      for each row
               3  loss = Σ l / N, or Σ l
    backward   3  dl = g / N, or g
               2  p = exp(z) / Σ exp(z)
                  dz = dl (p - (1 - ε) onehot(y) - ε/V)
               1  the shift cancels: dx = dz
    """

    def __init__(self, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0) -> None:
        self.ignore_index, self.reduction, self.label_smoothing = ignore_index, reduction, label_smoothing

    def forward(self, logits: Array, targets: Array) -> Array:
        xp = array_module(logits)
        eps = self.label_smoothing
        self.shape = logits.shape
        rows = logits.reshape(-1, logits.shape[-1])
        y = targets.reshape(-1)
        self.counts = y != self.ignore_index
        self.y = xp.where(self.counts, y, 0)
        self.each = xp.arange(len(y))

        z = rows - rows.max(axis=-1, keepdims=True)
        z_y = z[self.each, self.y]
        mean_z = z.mean(axis=-1) if eps else 0.0
        p = xp.exp(z, out=z)
        total = p.sum(axis=-1)
        p /= total[:, None]
        self.p = p
        losses = xp.log(total) - (1 - eps) * z_y - eps * mean_z
        losses = xp.where(self.counts, losses, xp.zeros_like(losses))
        if self.reduction == "none":
            return losses.reshape(targets.shape)
        if self.reduction == "sum":
            return losses.sum()
        return losses.sum() / self.counts.sum().astype(losses.dtype)

    def backward(self, g: Array) -> tuple[Array, None]:
        eps, p = self.label_smoothing, self.p
        # loss = Σ l / N
        dl = g.reshape(-1, 1) * self.counts[:, None]
        if self.reduction == "mean":
            dl /= self.counts.sum().astype(g.dtype)
        # l = ln Σ exp(z) - (1 - ε) z_y - ε mean(z)
        dx = p - eps / p.shape[-1] if eps else p.copy()
        dx[self.each, self.y] -= 1 - eps
        dx *= dl
        dx[~self.counts] = 0  # whatever was in the logits there
        return dx.reshape(self.shape), None

    def explain(self, logits: Array, targets: Array) -> str | None:
        if self.reduction == "mean" and not (targets != self.ignore_index).any():
            return f"a mean over no tokens: every target is {self.ignore_index}"
        impossible = (logits == -array_module(logits).inf).all(axis=-1)
        return "every logit of a row is -inf" if impossible.any() else None
