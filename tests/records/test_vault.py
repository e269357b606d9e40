from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from records_rig import CHIEF, PHYSIO, Place, refusal

from treadctl.errors import TreadctlError
from treadctl.records.store import Records
from treadctl.records.vault import KEY_BYTES, Vault, make_key, words_of

KEY = bytes(range(KEY_BYTES))
NAME = "Zdenka Müller-Ångström"


def code(name: str, sealed: bytes, vault: Vault, person: str = "P1") -> str:
    with pytest.raises(TreadctlError) as caught:
        vault.reveal(person, sealed)
    assert name not in str(caught.value)
    return caught.value.kind.code


@given(name=st.text(st.characters(exclude_categories=["Cs"])), person=st.text(st.characters(exclude_categories=["Cs"])))
def test_a_name_comes_back_and_never_looks_the_same_twice(name: str, person: str) -> None:
    vault = Vault(KEY)
    once, again = vault.seal(person, name), vault.seal(person, name)
    assert once != again
    assert vault.reveal(person, once) == vault.reveal(person, again) == name
    assert len(name.encode()) < 4 or name.encode() not in once


def test_a_sealed_name_opens_for_its_person_only() -> None:
    vault = Vault(KEY)
    assert code(NAME, vault.seal("P1", NAME), vault, "P2") == "TC608"


@given(place=st.integers(0, 1 + 8 + 12 + 23 + 16 - 1), bit=st.integers(0, 7))
def test_a_single_bit_that_is_altered_is_noticed(place: int, bit: int) -> None:
    vault = Vault(KEY)
    sealed = bytearray(vault.seal("P1", "x" * 23))
    sealed[place] ^= 1 << bit
    assert code("x" * 23, bytes(sealed), vault) == "TC608"


@pytest.mark.parametrize("size", [0, 1, 9, 20, 36])
def test_a_name_that_was_cut_is_noticed(size: int) -> None:
    vault = Vault(KEY)
    assert code(NAME, vault.seal("P1", NAME)[:size], vault) == "TC608"


def test_another_key_opens_nothing_and_says_so() -> None:
    with pytest.raises(TreadctlError, match="another key"):
        Vault(bytes(KEY_BYTES)).reveal("P1", Vault(KEY).seal("P1", NAME))


def test_a_vault_without_key_neither_seals_nor_opens_nor_finds() -> None:
    vault = Vault.open(None)
    assert vault.locked
    for doing in (lambda: vault.seal("P1", NAME), lambda: vault.reveal("P1", b""), lambda: vault.tokens(NAME)):
        with pytest.raises(TreadctlError) as caught:
            doing()
        assert caught.value.kind.code == "TC608"


def test_a_word_is_found_however_it_is_typed_and_says_nothing_without_the_key() -> None:
    vault = Vault(KEY)
    assert vault.tokens("MULLER") < vault.tokens(NAME)
    assert vault.tokens("angstrom  zdenka, müller") == vault.tokens(NAME)
    assert vault.tokens("Mull") & vault.tokens(NAME) == set()
    assert Vault(bytes(KEY_BYTES)).tokens(NAME) & vault.tokens(NAME) == set()
    assert all("muller" not in token and len(token) == 32 for token in vault.tokens(NAME))


@pytest.mark.parametrize(
    ("text", "words"), [("", set()), (" - ", set()), ("Straße", {"strasse"}), ("O'Neil", {"o", "neil"}), ("Ёлкина", {"елкина"}), ("李 小龙", {"李", "小龙"})]
)
def test_words_are_what_people_would_call_words(text: str, words: set[str]) -> None:
    assert words_of(text) == words


def test_a_key_is_made_once_is_for_its_owner_only_and_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "names.key"
    assert Vault.open(path).locked
    make_key(path)
    key = path.read_bytes()
    assert (len(key), stat.S_IMODE(path.stat().st_mode)) == (KEY_BYTES, 0o600)
    assert not Vault.open(path).locked
    with pytest.raises(TreadctlError) as caught:
        make_key(path)
    assert caught.value.kind.code == "TC607"
    assert path.read_bytes() == key
    make_key(tmp_path / "other.key")
    assert (tmp_path / "other.key").read_bytes() != key


def test_a_key_nowhere_to_be_put_is_told(tmp_path: Path) -> None:
    with pytest.raises(TreadctlError) as caught:
        make_key(tmp_path / "nowhere" / "names.key")
    assert caught.value.kind.code == "TC608"


@pytest.mark.parametrize(
    ("content", "mode", "said"), [(b"short", 0o600, "32 bytes"), (bytes(33), 0o600, "32 bytes"), (KEY, 0o660, "0600"), (KEY, 0o604, "0600")]
)
def test_a_file_that_is_no_key_or_no_secret_is_refused(tmp_path: Path, content: bytes, mode: int, said: str) -> None:
    path = tmp_path / "names.key"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(TreadctlError, match=said) as caught:
        Vault.open(path)
    assert caught.value.kind.code == "TC608"


def test_a_directory_in_the_place_of_the_key_is_told(tmp_path: Path) -> None:
    with pytest.raises(TreadctlError) as caught:
        Vault.open(tmp_path)
    assert caught.value.kind.code == "TC608"


async def test_without_the_key_ids_and_records_still_work(records: Records, made: Place) -> None:
    person = await records.people.add(PHYSIO, name=NAME, facts="age_years = 70")
    locked = Records(records.database, Vault.open(None), records.people.now)
    found = (await locked.people.search(person.id.lower())).items
    assert [(each.id, each.name, each.facts) for each in found] == [(person.id, None, "age_years = 70")]
    assert (await locked.people.search("Zdenka")).items == ()
    assert (await refusal(locked.people.add(PHYSIO, name="Somebody"))).kind.code == "TC608"
    assert (await refusal(locked.people.change(PHYSIO, person.id, 1, name="Somebody"))).kind.code == "TC608"
    changed = await locked.people.change(PHYSIO, person.id, 1, note="seen")
    assert changed.version == 2
    assert (await records.people.get(person.id)).name == NAME
    assert "Zdenka" not in await made.everything()


async def test_a_second_key_beside_the_first_is_refused(records: Records, tmp_path: Path) -> None:
    person = await records.people.add(PHYSIO, name=NAME)
    other = tmp_path / "other.key"
    make_key(other)
    stranger = Records(records.database, Vault.open(other), records.people.now)
    assert (await refusal(stranger.people.add(PHYSIO, name="Somebody"))).kind.code == "TC608"
    assert (await stranger.people.get(person.id)).name is None
    assert len((await records.people.search()).items) == 1


async def test_a_name_that_was_put_into_another_row_is_not_shown(records: Records, made: Place) -> None:
    first = await records.people.add(PHYSIO, name=NAME)
    second = await records.people.add(PHYSIO)
    await made.run(f"UPDATE persons SET name_sealed = (SELECT name_sealed FROM persons WHERE id = '{first.id}') WHERE id = '{second.id}'")  # noqa: S608
    assert (await records.people.get(second.id)).name is None


async def test_a_new_key_takes_the_place_of_the_old_and_the_old_opens_nothing_more(records: Records, key_file: Path) -> None:
    old = Vault.open(key_file)
    people = [await records.people.add(PHYSIO, name=f"Somebody No{number}") for number in range(3)]
    nameless = await records.people.add(PHYSIO)
    await records.change_names_key(CHIEF, key_file)
    assert Vault.open(key_file).key_id not in {old.key_id, None}
    assert [path.name for path in key_file.parent.glob("names.key*")] == ["names.key"]
    again = Records(records.database, Vault.open(key_file))
    for each in (records, again):
        assert [(await each.people.get(person.id)).name for person in people] == [person.name for person in people]
        assert [found.id for found in (await each.people.search("no1 somebody")).items] == [people[1].id]
    assert (await again.people.get(nameless.id)).name is None
    late = Records(records.database, old)
    assert (await late.people.get(people[0].id)).name is None
    assert (await refusal(late.people.add(PHYSIO, name="Somebody"))).kind.code == "TC608"


async def test_a_change_of_keys_that_was_killed_after_the_database_had_it_is_ended_by_the_next_call(records: Records, key_file: Path) -> None:
    person = await records.people.add(PHYSIO, name=NAME)
    before = key_file.with_name("before.key")
    shutil.copy(key_file, before)
    await records.change_names_key(CHIEF, key_file)
    shutil.move(key_file, key_file.with_name("names.key.new"))  # as it was before the last step
    shutil.move(before, key_file)
    interrupted = Records(records.database, Vault.open(key_file))
    assert (await interrupted.people.get(person.id)).name is None
    await interrupted.change_names_key(CHIEF, key_file)
    assert (await interrupted.people.get(person.id)).name == NAME


async def test_a_change_of_keys_that_was_killed_before_the_database_had_it_changes_nothing(records: Records, key_file: Path) -> None:
    person = await records.people.add(PHYSIO, name=NAME)
    make_key(key_file.with_name("names.key.new"))
    assert (await records.people.get(person.id)).name == NAME
    await records.change_names_key(CHIEF, key_file)
    assert (await records.people.get(person.id)).name == NAME
    assert not key_file.with_name("names.key.new").exists()


async def test_a_change_of_keys_without_the_old_key_is_refused_and_leaves_nothing(records: Records, key_file: Path) -> None:
    await records.people.add(PHYSIO, name=NAME)
    elsewhere = key_file.with_name("elsewhere.key")
    assert (await refusal(records.change_names_key(CHIEF, elsewhere))).kind.code == "TC608"
    assert list(key_file.parent.glob("elsewhere*")) == []
