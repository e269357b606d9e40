"""Who may sign on, and how it is known afterwards: passwords and PINs (argon2id), sessions, the pairing of the kiosk, the first administrator.

A wrong password or PIN costs time: after three, each further one doubles the wait, up to a quarter of an hour. Nothing here stands before a stop.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import math
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from treadctl.console.ages import KEPT, Ages
from treadctl.console.problems import Problem
from treadctl.console.rights import Place
from treadctl.console.settings import Door, Idle
from treadctl.errors import TreadctlError
from treadctl.ports import Clock
from treadctl.records.audit import Actor
from treadctl.records.model import Role, User
from treadctl.records.repository import missing
from treadctl.records.store import Records
from treadctl.records.users import Credentials

PAIRINGS: Final = "kiosk.pairings"
MOST_PAIRINGS: Final = 4
PIN_DIGITS: Final = 6
LEAST_PASSWORD: Final = 10
FREE_TRIES: Final = 3
LONGEST_WAIT_S: Final = 15 * 60.0
PAIRING_TRIES: Final = 5
MOST_WAITING: Final = 20
TOUCH_AFTER_S: Final = 60.0  # a session's last use is written no more often than this
SYSTEM: Final = Actor("console", "system")
NOT_FIRST: Final = "The code is the one that the console printed at its start; it is good until there is an administrator."


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
        self._idle_s = 60.0 * (idle.attendant_minutes if door is Door.KIOSK else idle.desk_minutes)
        self._longest_s = 3600.0 * idle.longest_hours
        self._ages = Ages(now, clock)
        self._now = now
        self._strangers: OrderedDict[str, tuple[int, datetime]] = OrderedDict()  # tries of logins that nobody has wait like those of real ones
        self._pins: dict[tuple[str, str | None], tuple[int, datetime]] = {}  # tries at this machine, by login and PIN hash: a new PIN begins anew
        self._hasher = hasher or PasswordHasher()
        self._one_at_a_time = asyncio.Lock()  # a hash is made to be slow; many at once would take the machine from the daemon
        self._waiting = 0
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
        unused_s = self._ages.age_s((key, "used"), found.last_used_at)
        if unused_s > self._idle_s or self._ages.age_s((key, "begun"), found.created_at) > self._longest_s:
            await self._records.web_sessions.sign_off(key)
            return Visitor(place)
        if unused_s > TOUCH_AFTER_S:
            await self._records.web_sessions.touch(key)
        return Visitor(place, found.user, found.csrf, key)

    # --- signing on and off -----------------------------------------------------------------------------------------------

    async def sign_on(self, login: str, secret: str, browser: str) -> str:
        """The cookie of a new session: by password at a desk, by PIN at the machine. Raises Problem 401 or 429, alike for a wrong name and a wrong secret."""
        user = await self.prove(login, secret)
        token = secrets.token_urlsafe(32)
        await self._records.web_sessions.sign_on(user.id, _key(token, browser), self._door.value, secrets.token_urlsafe(24))
        return token

    async def prove(self, login: str, secret: str) -> User:
        """Whose login and secret these are, as `sign_on` takes them. A wrong secret is counted before the next one is looked at. Raises as `sign_on` does."""
        login = login.strip().lower()
        async with self._turn():
            account = await self._records.users.by_login(login)
            tries, last = self._tries(login, account)
            wait_s = _due_s(tries) - (self._ages.age_s((login, tries), last) if last is not None else 0.0)
            if last is not None and wait_s > 0.0:
                raise Problem(429, "Too many tries", f"Try again in {_whole(wait_s)} s.", "too_many_tries", headers={"Retry-After": str(_whole(wait_s))})
            kept = (account.pin_hash if self._door is Door.KIOSK else account.password_hash) if account is not None else None
            good = await self._verify(kept, secret)
            if good and account is not None and account.user.active:
                self._pins.pop((login, account.pin_hash), None)
                return account.user
            if account is not None and self._door is Door.KIOSK:
                self._pins[login, account.pin_hash] = (tries + 1, self._now())
            elif account is not None:
                await self._records.users.note_failure(account.user.id)
            else:
                self._note_stranger(login, tries + 1)
            raise Problem(401, "Not signed on", "Name and secret do not belong together.", "wrong_secret")

    def _tries(self, login: str, account: Credentials | None) -> tuple[int, datetime | None]:
        """How often it was tried in vain, and when last. The machine's PINs are counted apart: nobody at a desk may keep an attendant away from the machine."""
        if account is None:
            return self._strangers.get(login, (0, None))
        return self._pins.get((login, account.pin_hash), (0, None)) if self._door is Door.KIOSK else (account.failed_tries, account.last_failed_at)

    def _note_stranger(self, login: str, tries: int) -> None:
        self._strangers.pop(login, None)
        self._strangers[login] = (tries, self._now())
        if len(self._strangers) > KEPT:
            self._strangers.popitem(last=False)

    async def sign_off(self, visitor: Visitor) -> None:
        """End this session."""
        if visitor.token:
            await self._records.web_sessions.sign_off(visitor.token)

    async def hash(self, secret: str, place: str) -> str:
        """What is kept of a password or a PIN. Raises Problem 422 for one that is too easily guessed."""
        too_easy = _too_easy(secret, pin=place == "pin")
        if too_easy:
            raise Problem(422, "Not safe enough", too_easy, "weak_secret")
        async with self._turn():
            return await asyncio.to_thread(self._hasher.hash, secret)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One hash at a time, and no long queue: some two seconds at most. Raises Problem 429."""
        if self._waiting >= MOST_WAITING:
            raise Problem(429, "Busy", "Too many people sign on at once. Try again in some seconds.", "sign_on_busy", headers={"Retry-After": "2"})
        self._waiting += 1
        try:
            async with self._one_at_a_time:
                yield
        finally:
            self._waiting -= 1

    async def _verify(self, kept: str | None, secret: str) -> bool:
        """Takes as long for somebody who is not there, so that nobody learns who is."""
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
        self._pairing_pin, self._pairing_tries = new_pin(), PAIRING_TRIES  # spent before anything is waited for: of two at once, one is good
        token = secrets.token_urlsafe(32)
        kept = [*await self._pairings(), _key(token, browser)][-MOST_PAIRINGS:]
        await self._records.settings.put(SYSTEM, PAIRINGS, kept)
        return token

    async def unpair(self, token: str, browser: str) -> None:
        """Take a pairing back: this browser is any browser again."""
        left = [key for key in await self._pairings() if key != _key(token, browser)]
        await self._records.settings.put(SYSTEM, PAIRINGS, left)

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
        given = code.strip().lower().encode()
        if await self._has_administrator() or not hmac.compare_digest(given, self._first_code.encode()):
            raise Problem(403, "Not now", NOT_FIRST)
        kept = await self.hash(password, "password")
        self._first_code, code = secrets.token_hex(8), self._first_code  # spent before anything is waited for: of two at once, one is made
        if not hmac.compare_digest(given, code.encode()):
            raise Problem(403, "Not now", NOT_FIRST)
        try:
            return await self._add_first(login, name, kept)
        except TreadctlError:
            self._first_code = code
            raise

    async def _add_first(self, login: str, name: str, kept: str) -> User:
        return await self._records.users.add(SYSTEM, login.strip().lower(), name.strip(), Role.ADMINISTRATOR, password_hash=kept)


async def set_password(records: Records, who: str, login: str, password: str, hasher: PasswordHasher | None = None) -> User:
    """A new password for somebody who forgot theirs, from the command line of `who`, who may write the records. TC104 for one that is too easy, TC605."""
    account = await records.users.by_login(login.strip().lower())
    if account is None:
        raise missing("user", login)
    if not account.user.active:
        raise TreadctlError("bad_value", f"user {login}", "may not sign on; an administrator lets them again")
    too_easy = _too_easy(password, pin=False)
    if too_easy:
        raise TreadctlError("bad_value", "password", too_easy)
    kept = await asyncio.to_thread((hasher or PasswordHasher()).hash, password)
    return await records.users.set_password_hash(Actor(f"command line, {who}", "system"), account.user.id, kept)


def new_pin() -> str:
    """Six digits by chance."""
    return f"{secrets.randbelow(10**PIN_DIGITS):0{PIN_DIGITS}d}"


def _key(token: str, browser: str) -> str:
    """What is kept of a token: it opens nothing by itself, and belongs to one kind of browser."""
    return hashlib.sha256(f"{token}\n{browser}".encode()).hexdigest()


def _due_s(tries: int) -> float:
    """How long after so many wrong tries in a row the next one is looked at."""
    return 0.0 if tries < FREE_TRIES else min(2.0 ** min(tries - FREE_TRIES + 1, 12), LONGEST_WAIT_S)


def _whole(seconds: float) -> int:
    return max(1, math.ceil(seconds))


def _too_easy(secret: str, *, pin: bool) -> str:
    if pin:
        steps = {int(b) - int(a) for a, b in itertools.pairwise(secret)} if secret.isdecimal() else set()
        if not (secret.isdecimal() and secret.isascii() and PIN_DIGITS <= len(secret) <= 12):
            return f"A PIN has {PIN_DIGITS} to 12 digits."
        return "A PIN that only counts or repeats is the first one tried." if len(steps) == 1 else ""
    if len(secret) < LEAST_PASSWORD or len(set(secret)) < 5:
        return f"A password has at least {LEAST_PASSWORD} characters, five of them different; a few words in a row are good."
    return "A password has at most 200 characters." if len(secret) > 200 else ""
