"""What holds for every test: English, one date, one thread, no wait for the disk, few or many Hypothesis examples.

fast    the number that a test names, at most 300: `make test`
slow    2,000 for every property test: `make test-slow`
"""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import is_hypothesis_test, settings

from elman.tasks.spec import TASKS

from .short_measurements import shorten_measurements

FAST = settings(max_examples=100, deadline=None, derandomize=True, database=None)
SLOW = settings(FAST, max_examples=2000)
settings.register_profile("fast", FAST)
settings.register_profile("slow", SLOW)
settings.load_profile("fast")  # unless pytest is called with --hypothesis-profile


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every property test at most 300 examples, or the 2,000 of the profile slow."""
    default = settings.default
    slow = default is not None and default.max_examples == SLOW.max_examples
    for item in items:
        test: Any = getattr(item, "obj", None)
        if is_hypothesis_test(test):
            # Settings of its own come before those of the profile, and Hypothesis has no public way to change them.
            own: settings = test._hypothesis_internal_use_settings
            if slow:
                test._hypothesis_internal_use_settings = settings(own, max_examples=SLOW.max_examples)
            elif item.get_closest_marker("slow") is None:
                assert own.max_examples <= 300, f"{item.nodeid}: the fast suite has at most 300 examples"


def pytest_collection_finish() -> None:
    """Exclude modules and collected tests from garbage collection, which would scan them again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Run torch on one thread: more threads only slow down problems of this size."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session", autouse=True)
def english() -> Iterator[None]:
    """Run commands in English, whatever the language of the machine is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LC_ALL", "C.UTF-8")
        yield


@pytest.fixture(scope="session", autouse=True)
def fixed_date() -> Iterator[None]:
    """Let every training begin on the same date, which the model folder has, so that runs are equal byte for byte."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "1764594000")
        yield


@pytest.fixture(scope="session", autouse=True)
def short_measurements() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        shorten_measurements(patch)
        yield


@pytest.fixture(scope="session")
def forks() -> Any:
    """Return a multiprocessing context whose children are forked from a server that has imported elman and torch.

    A process has one such server, with what was asked for before its first child.
    """
    context = multiprocessing.get_context("forkserver")
    # What training imports on its way, which takes each child a second. What is not there or not installed is ignored.
    late = ["torch._dynamo", "torch.profiler._cupti_monitor", "safetensors.numpy", "tomli_w", "numpy.ma", "sacrebleu"]
    parts = ("answers", "preparation", "readers", "report", "training")
    tasks = [f"{task.package}.{part}" for task in TASKS.values() for part in parts]
    tests = ["tests.resume.child", "tests.nn.test_processes"]
    context.set_forkserver_preload(["elman.experiment", "elman.cli", *late, *tasks, *tests])
    return context
