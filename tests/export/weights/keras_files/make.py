"""Make files.zip: small models of Keras itself, and what Keras computes from them.

    KERAS_BACKEND=torch python tests/export/weights/keras_files/make.py          needs keras==3.15.1

All weights are random, biases too, so that no gate can be taken for another one. NAME.npz has `inputs` and `outputs`.
"""

import io
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

ARCHIVE = Path(__file__).parent / "files.zip"
V, E, H, NUM_CLASSES = 11, 6, 5, 4
CELLS: dict[str, tuple[Any, dict[str, Any]]] = {
    "simple_rnn": (layers.SimpleRNN, {}),
    "lstm": (layers.LSTM, {}),
    "gru_reset_after": (layers.GRU, {"reset_after": True}),
    "gru_reset_before": (layers.GRU, {"reset_after": False}),
}


def models() -> dict[str, Any]:
    """A language model of two layers, and a bidirectional classifier, of each cell; and others."""
    made = {}
    for name, (layer, options) in CELLS.items():
        made[f"{name}_language_model"] = keras.Sequential(
            [
                layers.Input((None,)),
                layers.Embedding(V, E),
                layer(H, return_sequences=True, **options),
                layers.Dropout(0.2),
                layer(H + 1, return_sequences=True, **options),
                layers.Dense(V),
            ]
        )
        made[f"{name}_classifier"] = keras.Sequential(
            [
                layers.Input((None,)),
                layers.Embedding(V, E),
                layers.Bidirectional(layer(H, return_sequences=True, **options)),
                layers.Bidirectional(layer(H, **options)),
                layers.Dense(NUM_CLASSES, activation="softmax"),
            ]
        )
    inputs = keras.Input((None, E))
    hidden = layers.LSTM(H, return_sequences=True, use_bias=False)(inputs)
    made["functional"] = keras.Model(inputs, layers.TimeDistributed(layers.Dense(NUM_CLASSES))(hidden))
    made["gru_without_bias"] = keras.Sequential(
        [layers.Input((None, E)), layers.GRU(H, return_sequences=True, use_bias=False, reset_after=False)]
    )
    return made


def main() -> None:
    """Write the archive."""
    rng = np.random.default_rng(0)
    with (
        tempfile.TemporaryDirectory() as folder,
        zipfile.ZipFile(ARCHIVE, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as z,
    ):
        for name, model in models().items():
            model.set_weights([rng.normal(size=w.shape, scale=0.5).astype("f4") for w in model.get_weights()])
            x: Any = (
                rng.integers(0, V, (3, 7))
                if len(model.inputs[0].shape) == 2
                else rng.normal(size=(3, 7, E)).astype("f4")
            )
            outputs = np.asarray(model(keras.ops.convert_to_tensor(x)).detach())
            endings = [".keras"]
            if "gru" in name or name == "functional":
                endings += [".h5", ".weights.h5"]
            for ending in endings:
                path = Path(folder) / f"{name}{ending}"
                model.save_weights(path) if ending == ".weights.h5" else model.save(path)
                z.write(path, path.name)
            buffer = io.BytesIO()
            np.savez(buffer, inputs=x, outputs=outputs)
            z.writestr(f"{name}.npz", buffer.getvalue())


if __name__ == "__main__":
    main()
