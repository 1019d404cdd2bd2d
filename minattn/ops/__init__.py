"""The mathematics: ops on bare arrays, each with its forward, its derivation and its hand-written backward."""

from .arithmetic import Add, Divide, Maximum, Multiply, Negate, Power, Subtract, Where
from .attention import ScaledDotProductAttention
from .base import GradientError, Op, Registered, Sample, register, registry, sum_to_shape
from .blocked_attention import BlockedAttention
from .cross_entropy import CrossEntropy
from .dropout import Dropout
from .embedding import Embedding
from .layer_norm import LayerNorm
from .linear_algebra import Einsum, Linear, MatMul
from .linear_cross_entropy import LinearCrossEntropy
from .pointwise import GELU, Exp, Log, ReLU, Sigmoid, Sqrt, Tanh
from .reduction import Max, Mean, Sum, Variance
from .shape import BroadcastTo, Concatenate, Index, Reshape, Split, Stack, Transpose
from .softmax import LogSoftmax, LogSumExp, Softmax

__all__ = [
    "GELU",
    "Add",
    "BlockedAttention",
    "BroadcastTo",
    "Concatenate",
    "CrossEntropy",
    "Divide",
    "Dropout",
    "Einsum",
    "Embedding",
    "Exp",
    "GradientError",
    "Index",
    "LayerNorm",
    "Linear",
    "LinearCrossEntropy",
    "Log",
    "LogSoftmax",
    "LogSumExp",
    "MatMul",
    "Max",
    "Maximum",
    "Mean",
    "Multiply",
    "Negate",
    "Op",
    "Power",
    "ReLU",
    "Registered",
    "Reshape",
    "Sample",
    "ScaledDotProductAttention",
    "Sigmoid",
    "Softmax",
    "Split",
    "Sqrt",
    "Stack",
    "Subtract",
    "Sum",
    "Tanh",
    "Transpose",
    "Variance",
    "Where",
    "register",
    "registry",
    "sum_to_shape",
]
