"""Commands set up logging, which belongs to the process: each test gives it back as it was."""

import pytest


@pytest.fixture(autouse=True)
def given_back(restored_logging: None) -> None:
    """For every test here."""
