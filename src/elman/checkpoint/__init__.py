"""The two folder formats: the model folder, which users share, and the run folder, in which training works. No torch.

Both consist of checksummed folders: files and a manifest of their sizes and SHA-256, written as a whole or not at all.
"""

from .checksummed_folder import is_folder
from .current_version import current_model, current_run
from .durable_files import check_output_file, replace_file, replaced_text, translate_disk_errors
from .model_folder import FORMAT_VERSION, ModelFolder, is_model_folder, read_model, write_model
from .model_info import INFO, ModelInfo, checked_name, data_hash, name_of_folder, present_date, single_numbers
from .regular_files import open_regular_file, read_regular_file
from .run_folder import CONFIG_FILE, RunFolder, checkpoint_name, is_run_folder
from .serialization import Tensors

__all__ = [
    "CONFIG_FILE",
    "FORMAT_VERSION",
    "INFO",
    "ModelFolder",
    "ModelInfo",
    "RunFolder",
    "Tensors",
    "check_output_file",
    "checked_name",
    "checkpoint_name",
    "current_model",
    "current_run",
    "data_hash",
    "is_folder",
    "is_model_folder",
    "is_run_folder",
    "name_of_folder",
    "open_regular_file",
    "present_date",
    "read_model",
    "read_regular_file",
    "replace_file",
    "replaced_text",
    "single_numbers",
    "translate_disk_errors",
    "write_model",
]
