"""Names of people, encrypted at rest, and found again by whole words without being read.

AES-256-GCM with the person's id as associated data: a sealed name put into another person's row does not open. The key is a file beside the database, never
in it and never in its copies. Words are found through HMAC tokens: who holds a database alone can tell that two people share a word of their names, and not
which.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import stat
import unicodedata
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from treadctl.errors import TreadctlError

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
FORM: Final = 1
KEY_ID_BYTES: Final = 8
TOKEN_BYTES: Final = 16
_WORD: Final = re.compile(r"\w+")


def words_of(text: str) -> frozenset[str]:
    """The words of a text as they are compared: small letters, without accents, so that they are found as people type them."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return frozenset(_WORD.findall("".join(letter for letter in plain if not unicodedata.combining(letter))))


class Vault:
    """Seals and opens names. Without a key it is locked: it says TC608 to whoever wants to write or read a name."""

    def __init__(self, key: bytes | None, place: str = "key of names") -> None:
        self._place = place
        self._aead: AESGCM | None = None
        self._word_key = b""
        self.key_id: str | None = None
        if key is not None:
            self._aead = AESGCM(_derived(key, b"treadctl names 1: seal"))
            self._word_key = _derived(key, b"treadctl names 1: words")
            self.key_id = _derived(key, b"treadctl names 1: id")[:KEY_ID_BYTES].hex()

    @classmethod
    def open(cls, path: Path | None) -> Self:
        """The vault of a key file; a locked one where there is none. TC608 for a file that is not such a key, or that others may read."""
        if path is None:
            return cls(None)
        try:
            with path.open("rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                key = file.read(KEY_BYTES + 1)
        except FileNotFoundError:
            return cls(None, str(path))
        except OSError as error:
            raise TreadctlError("names_locked", str(path), error.strerror or str(error)) from error
        if mode & 0o037:
            raise TreadctlError("names_locked", str(path), f"others may use the key: its mode is {mode:04o}, make it 0600 or 0640")
        if len(key) != KEY_BYTES:
            raise TreadctlError("names_locked", str(path), f"a key is {KEY_BYTES} bytes")
        return cls(key, str(path))

    @property
    def locked(self) -> bool:
        """Whether there is no key."""
        return self._aead is None

    def require(self) -> str:
        """The id of the key, or TC608."""
        if self.key_id is None:
            raise TreadctlError("names_locked", self._place, "there is no key")
        return self.key_id

    def seal(self, person_id: str, name: str) -> bytes:
        """The name as it is stored: form, id of the key, nonce, and what AES-GCM makes of it for this person."""
        head = bytes([FORM]) + bytes.fromhex(self.require())
        assert self._aead is not None  # noqa: S101 - require has said so
        nonce = secrets.token_bytes(NONCE_BYTES)
        return head + nonce + self._aead.encrypt(nonce, name.encode(), head + person_id.encode())

    def reveal(self, person_id: str, sealed: bytes) -> str:
        """The name again. TC608 without the key, with another key, and for bytes that were altered or belong to somebody else."""
        key_id = self.require()
        head, nonce, rest = sealed[: 1 + KEY_ID_BYTES], sealed[1 + KEY_ID_BYTES :][:NONCE_BYTES], sealed[1 + KEY_ID_BYTES + NONCE_BYTES :]
        place = f"name of {person_id}"
        if head[:1] != bytes([FORM]):
            raise TreadctlError("names_locked", place, "it was sealed by a newer release, or is damaged")
        if head[1:].hex() != key_id:
            raise TreadctlError("names_locked", place, f"it was sealed with another key than {self._place}")
        assert self._aead is not None  # noqa: S101 - require has said so
        try:
            return self._aead.decrypt(nonce, rest, head + person_id.encode()).decode()
        except (InvalidTag, ValueError):
            raise TreadctlError("names_locked", place, "it was altered, or put there from somebody else") from None

    def tokens(self, text: str) -> frozenset[str]:
        """One token for each different word. The same word has the same token under the same key, and tells nothing without it."""
        self.require()
        return frozenset(hmac.digest(self._word_key, word.encode(), hashlib.sha256)[:TOKEN_BYTES].hex() for word in words_of(text))


def make_key(path: Path, mode: int = 0o600) -> None:
    """A new random key in a new file of this mode, on disk when this returns. TC607 if there is a file: a key is never written over."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError:
        raise TreadctlError("record_exists", str(path), "a key is never written over: what it sealed would be lost") from None
    except OSError as error:
        raise TreadctlError("names_locked", str(path), error.strerror or str(error)) from error
    with os.fdopen(handle, "wb") as file:
        os.fchmod(handle, mode)
        file.write(secrets.token_bytes(KEY_BYTES))
        file.flush()
        os.fsync(handle)
    directory = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _derived(key: bytes, what_for: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=what_for).derive(key)
