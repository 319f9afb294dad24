"""The command `esegeta`. Heavy imports come late: `--help` must be quick."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    help="Explains trained PyTorch image models, 2D and 3D, classification and segmentation.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ConfigArgument = Annotated[Path, typer.Argument(help="The config, a JSON file.", metavar="CONFIG")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Say only what goes wrong.")]


class LogLevel(StrEnum):
    """The least that goes to a run's log."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


LevelOption = Annotated[LogLevel, typer.Option("--log-level", help="The least that goes to the run's log.txt.")]

ShardOption = Annotated[
    str | None, typer.Option(help="One of several parts of the images, as 3/16; 'report' takes all together.")
]


@app.command()
def run(
    config: ConfigArgument,
    quiet: QuietOption = False,
    log_level: LevelOption = LogLevel.INFO,
    shard: ShardOption = None,
) -> None:
    """Explain the images of a config; an existing run folder is resumed."""
    from torchesegeta.console import follow

    raise typer.Exit(follow(config, quiet=quiet, level=log_level.value, shard=shard))


@app.command()
def demo(
    output: Annotated[Path, typer.Option(help="The run folder.")] = Path("runs/brain"),
    every_method: Annotated[bool, typer.Option("--every-method", help="Also masks and rules; takes longer.")] = False,
) -> None:
    """Explain a brain tissue segmentation of the MNI152 template by every method of plain gradients."""
    from torchesegeta.console import follow

    with _speaking():
        from torchesegeta.demo import prepare

        config = prepare(output, every_method=every_method)
    raise typer.Exit(follow(config))


@app.command()
def plan(config: ConfigArgument, as_json: JsonOption = False) -> None:
    """Show what a config would run: sweeps, who shares them, passes, time and memory; nothing is written."""
    with _speaking():
        from torchesegeta.config import load_config
        from torchesegeta.overview import plan_rows, print_plan
        from torchesegeta.plan import on_this_machine, planned

        with planned(on_this_machine(load_config(config))) as planned_run:
            rows = plan_rows(planned_run)
        _print_json(rows) if as_json else print_plan(rows)


@app.command()
def methods(
    name: Annotated[str | None, typer.Argument(help="One method, with its parameters.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the methods, or show one."""
    with _speaking():
        from torchesegeta.overview import method_rows, print_method, print_methods

        rows = method_rows(name)
        if as_json:
            _print_json(rows if name is None else rows[name])
        elif name is None:
            print_methods(rows)
        else:
            print_method(name, rows[name])


@app.command()
def metrics(
    name: Annotated[str | None, typer.Argument(help="One metric, with its parameters.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the metrics, or show one."""
    with _speaking():
        from torchesegeta.overview import metric_rows, print_methods, print_metric

        rows = metric_rows(name)
        if as_json:
            _print_json(rows if name is None else rows[name])
        elif name is None:
            print_methods(rows)
        else:
            print_metric(name, rows[name])


@app.command()
def evaluate(
    folder: Annotated[
        Path | None, typer.Argument(metavar="RUN", help="A run folder, or one that holds shards.")
    ] = None,
    metrics: Annotated[
        list[str] | None, typer.Option("--metrics", help="Names, parted by commas; without: those of the run's config.")
    ] = None,
    verdict: Annotated[
        bool, typer.Option("--verdict", help="Work out all that a verdict on each method needs, and print it.")
    ] = False,
    planted: Annotated[
        bool, typer.Option("--planted", help="Instead of a run: hold methods against models whose right map is known.")
    ] = False,
    methods: Annotated[
        list[str] | None, typer.Option("--methods", help="With --planted: names, parted by commas; without: all.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="With --planted: a folder for its table.")
    ] = None,
    quiet: QuietOption = False,
    log_level: LevelOption = LogLevel.INFO,
) -> None:
    """Judge the maps of a run, or, with --planted, methods; scores that are there already are kept."""
    from torchesegeta import console

    with _speaking():
        from torchesegeta.again import check_fit

        of_run = {"RUN": folder, "--metrics": metrics, "--verdict": verdict}
        check_fit(of_run, {"--methods": methods, "--output": output}, planted=planted)
        if folder is None:
            from torchesegeta.overview import print_planted

            print_planted(_parted(methods), output)
            return
        status = console.evaluate(folder, _parted(metrics) or (), verdict=verdict, quiet=quiet, level=log_level.value)
        if verdict and status < 2:
            from torchesegeta.overview import print_verdicts

            print_verdicts(folder)
    raise typer.Exit(status)


def _parted(names: list[str] | None) -> list[str] | None:
    """Names that are parted by commas."""
    return None if names is None else [name for part in names for name in part.split(",") if name]


@app.command()
def layers(config: ConfigArgument, as_json: JsonOption = False) -> None:
    """List the layers of a config's model, whatever layers and methods it names: names, shapes, parameters."""
    with _speaking():
        from torchesegeta.config import load_config
        from torchesegeta.overview import layer_rows, print_layers
        from torchesegeta.plan import on_this_machine, probed

        with probed(on_this_machine(load_config(config))) as (runner, found):
            rows = layer_rows(runner.model, found)
        _print_json(rows) if as_json else print_layers(rows)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    interactive: Annotated[bool, typer.Option("--interactive", help="One page with a viewer and the maps.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file of --interactive.")] = None,
    chosen: Annotated[
        list[str] | None, typer.Option("--map", help="A method whose maps go into it; without: what fits.")
    ] = None,
) -> None:
    """Write the report of a run anew, or as one page that opens by a double click and shows maps in a viewer."""
    with _speaking():
        if not interactive:
            _refuse_without_interactive(output, chosen)
            from torchesegeta.report import write_report

            typer.echo(str(write_report(folder)))
            return
        from torchesegeta.report.interactive import write_interactive

        written = write_interactive(folder, output, labels=chosen or ())
        typer.echo(str(written.path))
        for name in written.left_out:
            typer.echo(f"left out, or the file would be too large: {name}", err=True)


def _refuse_without_interactive(output: Path | None, chosen: list[str] | None) -> None:
    from torchesegeta.errors import ConfigError

    for option, value in (("--output", output), ("--map", chosen)):
        if value is not None:
            raise ConfigError(f"{option}: it belongs to --interactive; add that")


@app.command()
def serve(
    runs: Annotated[Path, typer.Option(help="The folder of runs: new ones, and those that are there.")] = Path("runs"),
    models: Annotated[Path | None, typer.Option(help="The catalogue of models; without: the demo network.")] = None,
    images: Annotated[
        list[Path] | None, typer.Option(help="A folder of images to choose from; may be repeated.")
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="The port; without: 8765, or a free one.")] = None,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Let other machines in that have the link.")
    ] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Open no browser.")] = False,
) -> None:
    """Start the web interface and print its link."""
    with _speaking():
        _need_web()
        from torchesegeta.web.serve import serve

        serve(
            runs, images=images or (), models=models, host=host, port=port, remote=allow_remote, browser=not no_browser
        )


def _need_web() -> None:
    from importlib.util import find_spec

    from torchesegeta.errors import ConfigError

    missing = [name for name in ("fastapi", "uvicorn") if find_spec(name) is None]
    if missing:
        raise ConfigError(f"the web interface needs {' and '.join(missing)}: pip install 'torchesegeta[web]'")


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        from torchesegeta import __version__

        typer.echo(__version__)
        raise typer.Exit


@contextmanager
def _speaking() -> Iterator[None]:
    """A user's mistake is said in words, without a traceback; the exit status is 2."""
    from torchesegeta.errors import EsegetaError

    try:
        yield
    except EsegetaError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def main() -> None:
    """The entry point."""
    try:
        app()
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has had enough
        sys.exit(0)
