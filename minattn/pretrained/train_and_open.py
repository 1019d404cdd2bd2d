"""What the command line does with runs, from Python: train on a text of one's own, and open what was trained.

>>> import pathlib, tempfile, minattn.pretrained
>>> text = "".join(f"The {a} {b} here.\\n" for a in ("cat", "dog", "bird") for b in ("sat", "ran", "ate", "hid"))
>>> with tempfile.TemporaryDirectory() as folder:
...     path = f"{folder}/my.txt"
...     _ = pathlib.Path(path).write_text(text)
...     run = minattn.pretrained.train(
...         path, out=f"{folder}/mine", steps=2, batch=4, width=8, layers=1, progress=False
...     )
...     run = minattn.pretrained.open_run(f"{folder}/mine")
>>> run.restore("The cat [MASK] here.").given
['[CLS]', 'the', 'cat', '[MASK]', 'here', '.', '[SEP]']
"""

import os
from typing import Unpack, get_type_hints

from ..errors import InputError
from ..training.start_and_resume import TrainOptions, train_new_model
from ..training.trained_run import TrainedRun, check_options, opened, progress_stream
from .finetune import fine_tune


def train(
    text: str | os.PathLike[str] = "en",
    *,
    from_: str | os.PathLike[str] | None = None,
    freeze: str | None = None,
    device: str = "cpu",
    progress: bool = True,
    **options: Unpack[TrainOptions],
) -> TrainedRun:
    """Train a model to restore a text, as `minattn train` does, and open the run.

    Args:
        text: the path of a UTF-8 text file, "-" for standard input, or "en" or "zh" for a shipped reader
        from_: fine-tune the BERT or DistilBERT in this folder instead of a new model
        freeze: with from_: what shall not change of it, such as "embeddings,layer.0-3"
        device: "cpu" or "gpu"
        progress: show it on standard error, as the command line does
        options: out (the run folder to make), steps, batch, lr, width, … as `minattn train --help` lists them
    Returns: the run, which restores text and can be scored.
    Raises: InputError for what cannot be used, before a folder is made; RunError where the training fails;
        KeyboardInterrupt where Ctrl-C stopped it: it is saved then, and `open_run(folder).resume()` goes on.
    """
    given = {name: value for name, value in options.items() if value is not None}
    check_options("train", given, tuple(get_type_hints(TrainOptions)))
    if freeze is not None and from_ is None:
        raise InputError("train: freeze keeps parts of a pretrained model as they are; say by from_ which model")
    with progress_stream(progress) as stream:
        if from_ is None:
            outcome = train_new_model(str(text), given, device, stream)
        else:
            given |= {"from": str(from_), "freeze": freeze or ""}
            outcome = fine_tune(str(text), given, device, stream)
    return opened(outcome)


def open_run(folder: str | os.PathLike[str]) -> TrainedRun:
    """Open a run, of a new model or of a fine-tuned one, to restore text with it, to score it or to go on.

    Args:
        folder: a run folder, as `train` and `minattn train` make it
    Raises: InputError for what is not a run, is damaged, or has no checkpoint yet.
    """
    return TrainedRun.open(folder)
