"""What several tests of pretrained models share."""

import shutil

import pytest
from support.pretrained_help import hugging_face, save_good


@pytest.fixture(scope="session")
def transformers():
    return hugging_face()[0]


@pytest.fixture(scope="session")
def good(tmp_path_factory):
    return save_good(tmp_path_factory.mktemp("good"))


@pytest.fixture
def folder(good, tmp_path):
    """A good folder to spoil."""
    return shutil.copytree(good, tmp_path / "model")
