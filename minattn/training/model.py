"""What the training needs of a model."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol, Self

import numpy as np

from ..backend import Array
from ..nn import Module, Parameter
from ..tensor import Tensor


class Sizes(Protocol):
    """What the training needs to know of a model's sizes; `matrices` counts the numbers in its parts."""

    @property
    def vocab_size(self) -> int: ...

    @property
    def width(self) -> int: ...

    @property
    def max_tokens(self) -> int: ...

    @property
    def layers(self) -> int: ...

    def matrices(self) -> dict[str, int]: ...


class Model(Protocol):
    """A Module that is trained to give its input back: ReconstructionModel, or a masked-LM model.

    loss             ids, attention_mask and targets (B, T), -100 where none is wanted -> the mean, one number
    logits           ids, attention_mask (B, T) -> (B, T, V), or (N, V) for the N places that `where` (B, T) marks
    attention_maps   ids, attention_mask (B, T) -> an array (B, H, T, T) a layer
    attend           switches attention off, and on again
    learns_from_blanks   whether blanks alone are restored in training, where a batch has some
    token_table      the vectors (V, D) of the tokens
    position_table   those (max_tokens, D) of the positions, None if there are none
    """

    learns_from_blanks: bool

    @property
    def config(self) -> Sizes: ...

    def loss(self, ids: Array, attention_mask: Array | None, targets: Array) -> Tensor: ...

    def logits(self, ids: Array, attention_mask: Array | None = None, where: Array | None = None) -> Tensor: ...

    def attention_maps(self, ids: Array, attention_mask: Array | None = None) -> list[Array]: ...

    def attend(self, mode: bool) -> None: ...

    def token_table(self) -> Array: ...

    def position_table(self) -> Array | None: ...

    def parameters(self) -> Iterator[Parameter]: ...

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]: ...

    def modules(self) -> Iterator[Module]: ...

    def train(self, mode: bool = True) -> Self: ...

    def eval(self) -> Self: ...

    def evaluating(self) -> AbstractContextManager[None]: ...

    def state_dict(self) -> dict[str, np.ndarray[Any, np.dtype[Any]]]: ...

    def load_state_dict(self, state: dict[str, Any], strict: bool = True) -> Any: ...

    def to(self, device: str) -> Self: ...
