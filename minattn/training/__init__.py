"""Training: the data, the loop, what is measured, and the run folder that remembers it."""

from .data import Data, Source, choose_tokenizer, find_text, fingerprint, load_data, source
from .data_parallel import DataParallel
from .evaluation import HeldOut, Score
from .restore import Restoration, load_model, model_config, restore, restore_ids
from .run import Run, newest_run
from .settings import TrainingConfig, from_json
from .trainer import Trainer

__all__ = [
    "Data",
    "DataParallel",
    "HeldOut",
    "Restoration",
    "Run",
    "Score",
    "Source",
    "Trainer",
    "TrainingConfig",
    "choose_tokenizer",
    "find_text",
    "fingerprint",
    "from_json",
    "load_data",
    "load_model",
    "model_config",
    "newest_run",
    "restore",
    "restore_ids",
    "source",
]
