"""Training: the data, the loop, what is measured, and runs to start, to go on with and to use."""

from .data import Data, Text, TextFile, choose_tokenizer, find_text, load_data
from .evaluation import HeldOut, Score, ScoreTable
from .limits import check_memory, check_trainable
from .model import Model
from .restore import Restoration, load_model, restore, restore_ids
from .run_config import MODEL_KINDS, ModelKind, model_config, model_kind, text_file, training_config
from .settings import TrainingConfig
from .start_and_resume import TrainOptions, resume_training, train_new_model
from .train_and_report import REPORT, TrainingOutcome, run_information, train_and_report
from .trained_run import TrainedRun
from .trainer import Trainer

__all__ = [
    "MODEL_KINDS",
    "REPORT",
    "Data",
    "HeldOut",
    "Model",
    "ModelKind",
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
    "check_memory",
    "check_trainable",
    "choose_tokenizer",
    "find_text",
    "load_data",
    "load_model",
    "model_config",
    "model_kind",
    "restore",
    "restore_ids",
    "resume_training",
    "run_information",
    "text_file",
    "train_and_report",
    "train_new_model",
    "training_config",
]
