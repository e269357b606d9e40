"""`treadctl password`: a way back to the console for whoever forgot theirs, at the computer that keeps the records."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from treadctl.cli.console import DEFAULT_PATH
from treadctl.errors import TreadctlError
from treadctl.ipc.asking import user_name


def command(
    login: Annotated[str, typer.Argument(help="Whose password is set.")],
    config: Annotated[Path, typer.Option("--config", metavar="FILE", help="Settings of the console (TOML).")] = DEFAULT_PATH,
) -> None:
    """Set a new password of a user of the console who forgot theirs. It takes the right to write the records, and stands in the audit trail."""
    password = typer.prompt("New password", hide_input=True, confirmation_prompt=True)
    asyncio.run(_set(config, login, password))
    print(f"{login} signs on with the new password now, and is signed off everywhere.")


async def _set(config: Path, login: str, password: str) -> None:
    from treadctl.console.accounts import set_password  # noqa: PLC0415 - half a second that no other command should wait for
    from treadctl.console.settings import load  # noqa: PLC0415
    from treadctl.records.store import Records  # noqa: PLC0415

    url = load(config).database
    if not await asyncio.to_thread(_there, url):
        raise TreadctlError("database_absent", url, "there is no such file: nobody has opened the console with these settings yet")
    records = await Records.open(url)
    try:
        await set_password(records, user_name(), login, password)
    finally:
        await records.close()


def _there(url: str) -> bool:
    """Whether there is a SQLite file of this URL: opening it would make one. Servers say for themselves."""
    kind, _, path = url.partition(":///")
    return kind != "sqlite" or Path(f"/{path.lstrip('/')}").is_file()
