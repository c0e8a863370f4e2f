"""What all training commands do: options to a request, the training, and its result in words or as JSON."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from elman.errors import ConfigError

from ..console import print_json, stderr_console
from ..options import FLAGS, Json, given_values


def resume(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder that was stopped.")], as_json: Json = False
) -> None:
    """Go on with a run that was stopped or killed, as if it never had been."""
    from elman.experiment import resume as go_on
    from elman.training.progress import ConsoleDisplay

    _finish(go_on(run, ConsoleDisplay(stderr_console())), as_json=as_json)


def run_training(task: str, options: dict[str, Any]) -> None:
    """Train with the options of a command, which are named as its parameters."""
    from elman.experiment import train
    from elman.training.progress import ConsoleDisplay

    given = given_values(options)
    try:
        result = train(
            options["data"],
            options["out"],
            given,
            ConsoleDisplay(stderr_console()),
            task=task,
            valid=options["valid"] or (),
            targets=options.get("target_file") or (),
            valid_targets=options.get("valid_target_file") or (),
            overwrite=options["overwrite"],
        )
    except ConfigError as error:
        raise ConfigError(_with_flags(error.message, options), hint=error.hint, where=error.where) from None
    _finish(result, as_json=options["as_json"])


def _with_flags(message: str, options: dict[str, Any]) -> str:
    """The lines of a config error, each key followed by its flag where the command has one."""
    for flag in FLAGS:
        if flag in options:
            key = FLAGS[flag]
            message = re.sub(
                rf"^{re.escape(key)}:", f"{key} (--{flag.replace('_', '-')}):", message, flags=re.MULTILINE
            )
    return message


def _finish(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    held_out, following = _TOLD[result["task"]](result["valid"], result["run"])
    stderr_console().print(
        f"held out: {held_out} (step {result['best_step']:,} of {result['steps']:,})\n"
        f"model: {result['model']}\n"
        f"next: {following}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _told_lm(valid: dict[str, Any], run: str) -> tuple[str, str]:
    """The metrics in words, and what to try next."""
    return (
        f"loss {valid['loss']:.4f} nats, perplexity {valid['perplexity']:.3f}, "
        f"{valid['bits_per_character']:.3f} bits per character",
        f'elman generate {run} --prompt "..."   or   elman generate {run} --prompt "..." --suggest 3',
    )


def _told_seq2seq(valid: dict[str, Any], run: str) -> tuple[str, str]:
    bleu = f", BLEU {100 * valid['bleu']:.1f}" if valid.get("bleu") else ""  # of single words it is 0
    return (
        f"{valid['exact_match']:.2%} of {valid['count']:,} exactly right, "
        f"{valid['token_error_rate']:.2%} of tokens wrong{bleu}",
        f"elman predict {run} sources.txt   or   elman evaluate {run} pairs.tsv --beam 5",
    )


def _told_classify(valid: dict[str, Any], run: str) -> tuple[str, str]:
    return (
        f"{valid['accuracy']:.2%} of {valid['count']:,} right, macro F1 {valid['macro_f1']:.4f}",
        f"elman predict {run} texts.txt   or   elman predict {run} texts.txt --explain",
    )


def _told_tag(valid: dict[str, Any], run: str) -> tuple[str, str]:
    of_spans = f", F1 of spans {valid['span_f1']:.4f}" if "span_f1" in valid else ""
    return (
        f"{valid['accuracy']:.2%} of {valid['count']:,} tags right{of_spans}",
        f"elman predict {run} sentences.txt   or   elman evaluate {run} tagged.conllu",
    )


def _told_forecast(valid: dict[str, Any], run: str) -> tuple[str, str]:
    band = f", a band for {expected:.0%} set on these rows" if (expected := valid["coverage_expected"]) else ""
    return (
        f"MAE {valid['mae']:.6g}, {valid['relative_mae']:.3f} of the better naive forecast's{band}",
        f"elman predict {run} history.csv   or   elman evaluate {run} series.csv --from DATE",
    )


_TOLD: dict[str, Callable[[dict[str, Any], str], tuple[str, str]]] = {
    "lm": _told_lm,
    "seq2seq": _told_seq2seq,
    "classify": _told_classify,
    "tag": _told_tag,
    "forecast": _told_forecast,
}
