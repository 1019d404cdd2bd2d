"""Training: the data, the loop, what is measured, and runs to start, to go on with and to use."""

from .data import Data, Text, TextFile, choose_tokenizer, find_text, load_data
from .evaluation import HeldOut, Score, ScoreTable
from .model import Model
from .run_config import model_config, training_config
from .settings import TrainingConfig
from .start_and_resume import TrainOptions, resume_training, train_new_model
from .train_and_report import TrainingOutcome, run_information, train_and_report
from .trained_run import Restoration, TrainedRun, load_model, restore, restore_ids
from .trainer import Trainer

__all__ = [
    "Data",
    "HeldOut",
    "Model",
    "Restoration",
    "Score",
    "ScoreTable",
    "Text",
    "TextFile",
    "TrainOptions",
    "TrainedRun",
    "Trainer",
    "TrainingConfig",
    "TrainingOutcome",
    "choose_tokenizer",
    "find_text",
    "load_data",
    "load_model",
    "model_config",
    "restore",
    "restore_ids",
    "resume_training",
    "run_information",
    "train_and_report",
    "train_new_model",
    "training_config",
]
