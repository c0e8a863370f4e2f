"""The two folder formats: the model folder, which users share, and the run folder, in which training works. No torch.

Both consist of checksummed folders: files and a manifest of their sizes and SHA-256, written as a whole or not at all.
"""

from .durable_files import check_output_file, replace_file, replaced_text, translate_disk_errors
from .model_folder import FORMAT_VERSION, ModelFolder, is_model_folder, read_model, write_model
from .regular_files import open_regular_file, read_regular_file
from .run_folder import CONFIG_FILE, RunFolder, checkpoint_name, is_run_folder
from .serialization import Tensors

__all__ = [
    "CONFIG_FILE",
    "FORMAT_VERSION",
    "ModelFolder",
    "RunFolder",
    "Tensors",
    "check_output_file",
    "checkpoint_name",
    "is_model_folder",
    "is_run_folder",
    "open_regular_file",
    "read_model",
    "read_regular_file",
    "replace_file",
    "replaced_text",
    "translate_disk_errors",
    "write_model",
]
