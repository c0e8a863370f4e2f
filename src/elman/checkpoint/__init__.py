"""The two folder formats: the model folder, which ships, and the run folder, which trains. No torch, no pickle.

Both are built of sealed folders: files beside a manifest of their sizes and SHA-256, written whole or not at all.
"""

from .model_folder import FORMAT, ModelFolder, read_model, write_model
from .run_folder import CONFIG, RunFolder, checkpoint_name, is_run_folder
from .sealed import Tensors, disk_errors_told, replace_file

__all__ = [
    "CONFIG",
    "FORMAT",
    "ModelFolder",
    "RunFolder",
    "Tensors",
    "checkpoint_name",
    "disk_errors_told",
    "is_run_folder",
    "read_model",
    "replace_file",
    "write_model",
]
