"""Who may sign on, and how it is known afterwards: passwords and PINs (argon2id), sessions, the pairing of the kiosk, the first administrator.

A wrong password or PIN costs time: after three, each further one doubles the wait, up to a quarter of an hour. Nothing here stands before a stop.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from treadctl.console.problems import Problem
from treadctl.console.rights import Place
from treadctl.console.settings import Door, Idle
from treadctl.ports import Clock
from treadctl.records.audit import Actor
from treadctl.records.model import Role, User
from treadctl.records.store import Records

PAIRINGS: Final = "kiosk.pairings"
MOST_PAIRINGS: Final = 4
PIN_DIGITS: Final = 6
LEAST_PASSWORD: Final = 10
FREE_TRIES: Final = 3
LONGEST_WAIT: Final = timedelta(minutes=15)
PAIRING_TRIES: Final = 5
TOUCH_AFTER: Final = timedelta(minutes=1)  # a session's last use is written no more often than this
SYSTEM: Final = Actor("console", "system")


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks. `csrf` is empty for somebody who has not signed on; `token` is what their session is kept by."""

    place: Place
    user: User | None = None
    csrf: str = ""
    token: str = ""

    @property
    def role(self) -> Role | None:
        """None = nobody has signed on."""
        return self.user.role if self.user is not None else None

    @property
    def named(self) -> str:
        """For the journal: who asked, and where."""
        return f"{self.user.login} ({self.user.role.value}, {self.place.value})" if self.user is not None else f"nobody ({self.place.value})"

    @property
    def actor(self) -> Actor:
        """For the audit trail."""
        return Actor(self.user.login, self.user.role.value) if self.user is not None else Actor("nobody", "none")


class Accounts:
    """The accounts as one door sees them. `now` is the wall clock of sessions, `clock` the monotonic one of one-time codes."""

    def __init__(self, records: Records, door: Door, idle: Idle, now: Callable[[], datetime], clock: Clock, hasher: PasswordHasher | None = None) -> None:
        self._records = records
        self._door = door
        self._idle = timedelta(minutes=idle.attendant_minutes if door is Door.KIOSK else idle.desk_minutes)
        self._longest = timedelta(hours=idle.longest_hours)
        self._now = now
        self._hasher = hasher or PasswordHasher()
        self._one_at_a_time = asyncio.Semaphore(1)  # a hash is made to be slow; many at once would take the machine from the daemon
        self._pairing_pin = new_pin()
        self._pairing_tries = 0
        self._first_code = secrets.token_hex(8)

    # --- who is it --------------------------------------------------------------------------------------------------------

    async def visit(self, token: str | None, pairing: str | None, browser: str) -> Visitor:
        """Who comes with these cookies. A cookie taken to another browser or another door is worth nothing."""
        place = Place.DESK
        if self._door is Door.KIOSK:
            place = Place.MACHINE if await self._paired(pairing, browser) else Place.SCREEN
        if not token:
            return Visitor(place)
        key = _key(token, browser)
        found = await self._records.web_sessions.find(key, self._door.value)
        if found is None:
            return Visitor(place)
        now = self._now()
        if now - found.last_used_at > self._idle or now - found.created_at > self._longest:
            await self._records.web_sessions.sign_off(key)
            return Visitor(place)
        if now - found.last_used_at > TOUCH_AFTER:
            await self._records.web_sessions.touch(key)
        return Visitor(place, found.user, found.csrf, key)

    # --- signing on and off -----------------------------------------------------------------------------------------------

    async def sign_on(self, login: str, secret: str, browser: str) -> str:
        """The cookie of a new session: by password at a desk, by PIN at the machine. Raises Problem 401 or 429, alike for a wrong name and a wrong secret."""
        account = await self._records.users.by_login(login.strip().lower())
        if account is not None:
            wait = _wait(account.failed_tries, account.last_failed_at, self._now())
            if wait > timedelta(0):
                raise _wrong(wait)
        kept = (account.pin_hash if self._door is Door.KIOSK else account.password_hash) if account is not None else None
        good = await self._verify(kept, secret) and kept is not None and account is not None and account.user.active
        if not good or account is None:
            if account is not None:
                await self._records.users.note_failure(account.user.id)
            raise _wrong(timedelta(0))
        token = secrets.token_urlsafe(32)
        await self._records.web_sessions.sign_on(account.user.id, _key(token, browser), self._door.value, secrets.token_urlsafe(24))
        return token

    async def sign_off(self, visitor: Visitor) -> None:
        """End this session."""
        if visitor.token:
            await self._records.web_sessions.sign_off(visitor.token)

    async def hash(self, secret: str, place: str) -> str:
        """What is kept of a password or a PIN. Raises Problem 422 for one that is too easily guessed."""
        too_easy = _too_easy(secret, pin=place == "pin")
        if too_easy:
            raise Problem(422, "Not safe enough", too_easy, "weak_secret")
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._hasher.hash, secret)

    async def _verify(self, kept: str | None, secret: str) -> bool:
        """Takes as long for somebody who is not there, so that nobody learns who is."""
        async with self._one_at_a_time:
            try:
                if kept is not None:
                    return await asyncio.to_thread(self._hasher.verify, kept, secret)
                await asyncio.to_thread(self._hasher.hash, secret)
            except (VerificationError, InvalidHashError):
                return False
        return False

    # --- pairing the kiosk ------------------------------------------------------------------------------------------------

    @property
    def pairing_pin(self) -> str:
        """What is printed at the start; it is good once."""
        return self._pairing_pin

    async def pair(self, pin: str, browser: str) -> str:
        """The cookie that makes this browser the machine's own. Raises Problem 403; after five wrong PINs a new one is needed, by a restart."""
        if self._pairing_tries >= PAIRING_TRIES:
            raise Problem(429, "Too many tries", "Restart treadctl-kiosk: it prints a new PIN.", "pairing_locked")
        self._pairing_tries += 1
        if not hmac.compare_digest(pin.strip().encode(), self._pairing_pin.encode()):
            raise Problem(403, "Wrong PIN", "It is the PIN that the console printed when it was started; it is good once.", "wrong_pin")
        token = secrets.token_urlsafe(32)
        kept = [*await self._pairings(), _key(token, browser)][-MOST_PAIRINGS:]
        await self._records.settings.put(SYSTEM, PAIRINGS, kept)
        self._pairing_pin, self._pairing_tries = new_pin(), PAIRING_TRIES
        return token

    async def _paired(self, token: str | None, browser: str) -> bool:
        return bool(token) and _key(token or "", browser) in await self._pairings()

    async def _pairings(self) -> list[str]:
        kept = await self._records.settings.get(PAIRINGS)
        return [str(entry) for entry in kept] if isinstance(kept, list) else []

    # --- the first administrator -------------------------------------------------------------------------------------------

    async def first_code(self) -> str | None:
        """The one-time code of the first run, None where there is an administrator."""
        return None if await self._has_administrator() else self._first_code

    async def _has_administrator(self) -> bool:
        return any(user.role is Role.ADMINISTRATOR for user in await self._records.users.all())

    async def first_run(self, code: str, login: str, name: str, password: str) -> User:
        """Make the first administrator. Raises Problem 403 for a wrong code or where there is one already."""
        if await self._has_administrator() or not hmac.compare_digest(code.strip().lower().encode(), self._first_code.encode()):
            raise Problem(403, "Not now", "The code is the one that the console printed at its start; it is good until there is an administrator.")
        kept = await self.hash(password, "password")
        return await self._records.users.add(SYSTEM, login.strip().lower(), name.strip(), Role.ADMINISTRATOR, password_hash=kept)


def new_pin() -> str:
    """Six digits by chance."""
    return f"{secrets.randbelow(10**PIN_DIGITS):0{PIN_DIGITS}d}"


def _key(token: str, browser: str) -> str:
    """What is kept of a token: it opens nothing by itself, and belongs to one kind of browser."""
    return hashlib.sha256(f"{token}\n{browser}".encode()).hexdigest()


def _wait(tries: int, last: datetime | None, now: datetime) -> timedelta:
    if tries < FREE_TRIES or last is None:
        return timedelta(0)
    due = min(timedelta(seconds=2.0 ** min(tries - FREE_TRIES + 1, 12)), LONGEST_WAIT)
    return max(timedelta(0), last + due - now) if now >= last else due  # a clock stepped back shortens nothing


def _wrong(wait: timedelta) -> Problem:
    if wait > timedelta(0):
        seconds = max(1, round(wait.total_seconds()))
        return Problem(429, "Too many tries", f"Try again in {seconds} s.", "too_many_tries", headers={"Retry-After": str(seconds)})
    return Problem(401, "Not signed on", "Name and secret do not belong together.", "wrong_secret")


def _too_easy(secret: str, *, pin: bool) -> str:
    if pin:
        steps = {int(b) - int(a) for a, b in itertools.pairwise(secret)} if secret.isdecimal() else set()
        if not (secret.isdecimal() and secret.isascii() and PIN_DIGITS <= len(secret) <= 12):
            return f"A PIN has {PIN_DIGITS} to 12 digits."
        return "A PIN that only counts or repeats is the first one tried." if len(steps) == 1 else ""
    if len(secret) < LEAST_PASSWORD or len(set(secret)) < 5:
        return f"A password has at least {LEAST_PASSWORD} characters, five of them different; a few words in a row are good."
    return "A password has at most 200 characters." if len(secret) > 200 else ""
