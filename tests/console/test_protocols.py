"""The library of protocols, the files that come with treadctl, and changes that the editor makes in the text."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from console_rig import PROFILES, Browser
from prescribing_rig import SHORT, changed

from treadctl.config.toml_file import parse_toml
from treadctl.config.toml_lines import line_of, path_of, statements
from treadctl.errors import TreadctlError
from treadctl.prescription.rewrite import NEW, Edit, Op, apply_edit, toml_value
from treadctl.records.model import Role
from treadctl.records.store import Records

FILES = sorted(PROFILES.glob("*.toml"))


async def test_every_shipped_protocol_can_be_taken_in_once(desk: Browser, records: Records) -> None:
    await desk.sign_on(Role.PHYSIOTHERAPIST)
    assert "The library is empty" in await desk.see("/protocols")
    for path in FILES:
        await desk.send("/protocols/import", 303, shipped=path.name)
    assert sorted(revision.text for revision in await records.prescriptions.library()) == sorted(path.read_text(encoding="utf-8") for path in FILES)
    page = await desk.see("/protocols")
    assert page.count("In the library") == len(FILES)
    assert "Take into the library" not in page
    answer = await desk.send("/protocols/import", 409, shipped=FILES[0].name)
    assert "word for word" in answer.text
    library = await records.prescriptions.library()
    assert len(library) == len(FILES)
    assert "changed since" not in page
    text = library[0].text.replace('title = "', 'title = "Our ')
    await desk.ask(f"/api/v1/prescriptions/{library[0].prescription_id}", {"text": text}, "PUT", **{"If-Match": '"1"'})
    page = await desk.see("/protocols")
    assert (page.count("In the library"), page.count("changed since")) == (len(FILES), 1)


@pytest.mark.parametrize("name", ["../pyproject.toml", "machines/woodway.toml", "nothing.toml", "/etc/passwd"])
async def test_no_file_outside_the_folder_is_taken_in(desk: Browser, records: Records, name: str) -> None:
    await desk.sign_on(Role.PHYSIOTHERAPIST)
    await desk.see("/protocols")
    await desk.send("/protocols/import", 404, shipped=name)
    await desk.see(f"/protocols/new?shipped={name}", 404)
    assert not await records.prescriptions.library()


async def test_a_folder_of_the_clinics_own_is_offered_with_what_is_wrong_in_it(desk: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "profiles"
    folder.mkdir()
    (folder / "good.toml").write_text(SHORT, encoding="utf-8")
    (folder / "bad.toml").write_text(changed("speed_kmh = 1.0", "speed = 1.0"), encoding="utf-8")
    (folder / "latin.toml").write_bytes(b"# \xe4\n")
    object.__setattr__(desk.context, "settings", desk.context.settings.model_copy(update={"profiles": str(folder)}))
    await desk.sign_on(Role.PHYSIOTHERAPIST)
    page = await desk.see("/protocols")
    assert "Short" in page
    assert "bad.toml &gt; main[1] &gt; speed" in page
    assert "latin.toml cannot be read" in page
    await desk.send("/protocols/import", 422, shipped="bad.toml")


async def test_a_protocol_may_ask_for_more_than_this_machine_gives_and_says_so(desk: Browser, records: Records) -> None:
    await desk.sign_on(Role.PHYSIOTHERAPIST)
    fast = changed("speed_kmh = 1.0", "speed_kmh = 20.0")
    shown = await desk.ask("/api/v1/plan", {"text": fast})
    assert shown["can_save"]
    assert shown["findings"][0]["weight"] == "forbidden"
    assert shown["findings"][0]["whose"] == "machine"
    made = await desk.ask("/api/v1/prescriptions", {"text": fast}, status=201)
    assert made["person_id"] is None
    assert "limit of the machine" in await desk.see(f"/prescriptions/{made['prescription_id']}")


async def test_a_protocol_is_changed_checked_and_saved_without_scripts(desk: Browser, records: Records) -> None:
    await desk.sign_on(Role.PHYSICIAN)
    page = await desk.see("/protocols/new")
    assert "New protocol" in page
    answer = await desk.send("/protocols/new", 200, text=SHORT, do="check")
    assert "Nothing was found" in answer.text
    answer = await desk.send("/protocols/new", 303, text=SHORT, note="ours", do="save")
    where = answer.headers["location"]
    page = await desk.see(f"{where}/edit")
    assert "Save as revision 2" in page
    await desk.send(f"{where}/edit", 303, text=changed("minutes = 5", "minutes = 6"), expected="1", note="longer", do="save")
    assert [revision.number for revision in await records.prescriptions.revisions(int(where.rsplit("/", 1)[1]))] == [2, 1]


async def test_a_file_with_a_mistake_is_shown_in_the_editor_with_its_place(desk: Browser, records: Records) -> None:
    await desk.sign_on(Role.PHYSIOTHERAPIST)
    await desk.see("/protocols")
    files = {"file": ("mine.toml", changed("speed_kmh = 1.0", "sped_kmh = 1.0").encode(), "application/toml")}
    answer = await desk.client.post("/protocols/import", data={"csrf": desk.csrf}, files=files, headers={"Accept": "text/html"})
    assert answer.status_code == 422
    assert "line 27, main[1] &gt; sped_kmh" in answer.text
    assert "did you mean speed_kmh" in answer.text
    assert "sped_kmh = 1.0  # as slow" in answer.text
    assert not await records.prescriptions.library()
    answer = await desk.client.post("/protocols/import", data={"csrf": desk.csrf}, headers={"Accept": "text/html"})
    assert (answer.status_code, "Choose a file first." in answer.text) == (422, True)
    large = {"file": ("large.toml", b"#" * 600_000, "application/toml")}
    assert (await desk.client.post("/protocols/import", data={"csrf": desk.csrf}, files=large)).status_code == 413


async def test_the_editor_changes_one_entry_and_leaves_the_rest_as_it_was_written(desk: Browser) -> None:
    await desk.sign_on(Role.STAFF)
    edit = {"op": "set", "at": ["main", 0], "key": "speed_kmh", "value": 1.2}
    shown = await desk.ask("/api/v1/plan", {"text": SHORT, "edits": [edit]})
    assert shown["text"] == changed("speed_kmh = 1.0", "speed_kmh = 1.2")  # its comment too
    assert shown["entries"]["main"][0]["speed_kmh"] == 1.2
    for wrong in ({"at": ["main", 7]}, {"at": ["sources", 0], "op": "remove"}, {"at": ["main", 0], "op": "move"}, {"value": {"x y": 1}}, {"at": ["main", -1]}):
        refused = await desk.ask("/api/v1/plan", {"text": SHORT, "edits": [edit | wrong]}, status=422)
        assert refused["code"] == "TC121"
    await desk.ask("/api/v1/plan", {"text": "format = ", "edits": [edit]}, status=422)
    await desk.ask("/api/v1/plan", {"text": SHORT, "edits": [edit | {"op": "burn"}]}, status=422)
    await desk.ask("/api/v1/plan", {"text": SHORT, "more": 1}, status=422)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_any_change_of_any_entry_says_what_was_asked_and_nothing_else(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    table = tomllib.loads(text)
    for block in ("warm_up", "main", "cool_down"):
        for n, entry in enumerate(table[block]):
            after = tomllib.loads(apply_edit(text, Edit(Op.SET, (block, n), "label", 'New "label" # no comment')))
            assert after[block][n] == entry | {"label": 'New "label" # no comment'}
            assert {key: value for key, value in after.items() if key != block} == {key: value for key, value in table.items() if key != block}
            assert tomllib.loads(apply_edit(text, Edit(Op.REMOVE, (block, n)))).get(block, []) == table[block][:n] + table[block][n + 1 :]
            for kind, made in NEW.items():
                assert tomllib.loads(apply_edit(text, Edit(Op.ADD, (block, n), value=kind)))[block][n + 1] == made
            if n:
                moved = apply_edit(text, Edit(Op.MOVE, (block, n), value=-1))
                assert tomllib.loads(moved)[block][n - 1] == entry
                assert sorted(moved.split("\n")) == sorted(apply_edit(moved, Edit(Op.MOVE, (block, n - 1))).split("\n"))


def test_comments_stay_with_their_entry() -> None:
    text = changed("[[cool_down]]\nlabel", "# the belt slows\n[[cool_down]]\nlabel")
    moved = apply_edit(text, Edit(Op.MOVE, ("cool_down", 0)))
    assert moved.index("Stretch") < moved.index("# the belt slows\n[[cool_down]]\nlabel = \"Slower\"")
    assert "# the belt slows" not in apply_edit(text, Edit(Op.REMOVE, ("cool_down", 0)))
    assert "# the belt slows" in apply_edit(text, Edit(Op.REMOVE, ("main", 0)))


def test_what_is_not_written_as_tables_is_left_to_the_text() -> None:
    inline = changed('[[main]]\nlabel = "Walk"\nminutes = 5\nspeed_kmh = 1.0  # as slow as it gets\n', "").replace(
        "[[sources]]", 'main = [{ label = "Walk", minutes = 5, speed_kmh = 1.0 }]\n[[sources]]'
    )
    assert tomllib.loads(inline)["main"][0]["label"] == "Walk"
    for edit in (Edit(Op.SET, ("main", 0), "minutes", 6), Edit(Op.REMOVE, ("main", 0)), Edit(Op.ADD, ("main",))):
        with pytest.raises(TreadctlError) as raised:
            apply_edit(inline, edit)
        assert raised.value.kind.name == "bad_profile"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, {"a b": 1}, object()])
def test_no_value_that_a_profile_cannot_hold_is_written(value: object) -> None:
    with pytest.raises(TreadctlError):
        toml_value(value)


@pytest.mark.parametrize("value", ["", "a\tb\n\"'\\\x7f ü", 1, -0.5, 1e22, True, [], ["a", 1.5], {"from_kmh": 0.8, "hold_s": 60}])
def test_every_value_comes_back_as_it_was_written(value: object) -> None:
    assert tomllib.loads(f"a = {toml_value(value)}")["a"] == value


def test_a_number_without_end_is_no_number() -> None:
    with pytest.raises(TreadctlError) as raised:
        parse_toml(b"format = 1\na = " + b"9" * 5000, "file")
    assert raised.value.kind.code == "TC101"


def test_every_value_is_found_on_its_line() -> None:
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        lines, found = text.split("\n"), statements(text)
        assert [s.path for s in found if s.header] == [s.path for s in found if lines[s.start].startswith("[")]
        for statement in found:
            value: object = tomllib.loads(text)
            for part in statement.path:
                value = value[part]  # type: ignore[index]
            if not statement.header:
                assert tomllib.loads("\n".join(lines[statement.start : statement.end])) == {statement.path[-1]: value}
    assert path_of("file > main[2].parts[1] > speed_kmh") == ("main", 1, "parts", 0, "speed_kmh")
    assert line_of(statements(SHORT), ("main", 0, "speed_mps")) == 24  # not there: its entry
    assert line_of(statements(SHORT), ("nowhere",)) is None
