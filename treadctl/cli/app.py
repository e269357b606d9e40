"""The typer application: commands of this package, and those of others mounted where they are installed."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Final

import typer

from treadctl.cli import doctor, explain, session, status
from treadctl.cli.common import BAD_INPUT, OK, REFUSED, exit_code_of, say_error
from treadctl.errors import TreadctlError

GROUPS: Final = ("profile", "journal", "bench", "detector", "docs")  # modules of this package that offer `app`
COMMANDS: Final = ("demo", "console", "password")  # modules of this package that offer `command`
MOUNTED: Final = (*GROUPS, *COMMANDS)

EPILOG: Final = "`treadctl stop` stops the belt at once and needs nothing else. It is no emergency stop: pull the cord first, then type."


def build(wanted: str = "") -> typer.Typer:
    """The command line. Of the mounted modules only the one named `wanted` is loaded, or all where it names no command: for help and completion."""
    app = typer.Typer(
        name="treadctl",
        help="Treadmill control and safety interlock.",
        epilog=EPILOG,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    app.command("daemon")(daemon)
    app.command("telemetry")(telemetry)
    app.command("stop", help="Stop the belt now.")(stop)
    status.register(app)
    session.register(app)
    explain.register(app)
    doctor.register(app)
    own = {command.name for command in app.registered_commands}
    if wanted not in own:
        for name in (wanted,) if wanted in MOUNTED else MOUNTED:
            _mount(app, name)
    return app


def _mount(app: typer.Typer, name: str) -> None:
    full = f"treadctl.cli.{name}"
    if importlib.util.find_spec(full) is None:
        return  # a build without it
    module = importlib.import_module(full)
    if name in GROUPS:
        app.add_typer(module.app, name=name)
    else:
        app.command(name)(module.command)


def _show_version(wanted: bool) -> None:
    if wanted:
        try:
            print(f"treadctl {version('treadctl')}")
        except PackageNotFoundError:
            print("treadctl (not installed)")
        raise typer.Exit


def _root(
    _: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the release and exit.")] = False,
) -> None:
    """Treadmill control and safety interlock."""


def daemon(machine: Annotated[Path, typer.Option("--machine", metavar="FILE", help="Machine file (TOML).")]) -> None:
    """Run the daemon in the foreground. It comes up tripped."""
    from treadctl.daemon.main import run as run_daemon  # noqa: PLC0415 - the daemon's imports are heavy

    code = run_daemon(machine)
    raise typer.Exit(code or OK)


def telemetry(config: Annotated[Path, typer.Option("--config", metavar="FILE", help="Telemetry file (TOML).")]) -> None:
    """Publish over MQTT in the foreground: state, events, and one signed, graded stop. It can start nothing."""
    from treadctl.telemetry.main import run as run_telemetry  # noqa: PLC0415 - loads the MQTT client

    raise typer.Exit(run_telemetry(config))


def stop(socket: Annotated[Path | None, typer.Option("--socket", metavar="PATH", help="Control socket.")] = None) -> None:
    """Stop the belt now (for help and completion; entry.py takes the fast path before this is loaded)."""
    from treadctl.cli.stop import stop as fast  # noqa: PLC0415

    raise typer.Exit(fast(["--socket", str(socket)] if socket else []))


def run(arguments: Sequence[str]) -> int:
    """Run one command. Every error ends in one message and an exit code; bad input never shows a traceback."""
    try:
        code = build(arguments[0] if arguments and not arguments[0].startswith("-") else "")(list(arguments), standalone_mode=False, prog_name="treadctl")
    except TreadctlError as error:
        say_error(error)
        return exit_code_of(error)
    except typer.Abort:
        print("Stopped by the user; nothing was asked of the belt by this.", file=sys.stderr)
        return REFUSED
    except BrokenPipeError:
        sys.stderr.close()
        return REFUSED
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if not _wrong_usage(error):
            raise
        print(TreadctlError("bad_value", "command line", _usage_text(error)), file=sys.stderr)
        return BAD_INPUT
    return code if isinstance(code, int) else OK


def _wrong_usage(error: Exception) -> bool:
    """Whether the command line was mistyped. The class belongs to typer's own copy of click, which has no public name."""
    return hasattr(error, "format_message") and hasattr(error, "exit_code")


def _usage_text(error: Exception) -> str:
    text = str(getattr(error, "format_message", error.__str__)()) or "see treadctl --help"
    return " ".join(text.split()).rstrip(".")
