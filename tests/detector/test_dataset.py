"""A folder of recordings is read or refused, recording by recording, with file and row named; nothing in it can raise anything but a TreadctlError."""

from __future__ import annotations

import os
import pickle
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from generated import Array, Folder, counts, description, waist, write_trial

from treadctl.detector.dataset import Dataset, Kind, find, load
from treadctl.errors import TreadctlError

DATA = Path(os.environ.get("TREADCTL_DATA", "../shared/data"))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "set")


def spoiled(folder: Folder, signal: np.ndarray, activity: str = "D01") -> Dataset:
    """A sound recording, and a spoiled one beside it."""
    folder.add(person="SA09")
    folder.add(activity, signal=signal)
    return load(folder.write())


def only_refused(dataset: Dataset) -> tuple[str, str]:
    (refused,) = dataset.refused
    assert len(dataset.recordings) >= 1
    return refused.place, refused.reason


def test_a_folder_in_the_published_sets_own_words_is_read_without_a_description(folder: Folder) -> None:
    for activity in ("D01", "D03", "F01", "F06"):
        folder.add(activity)
    path = folder.write()
    index = path / "index.csv"
    index.write_text(index.read_text(encoding="utf-8").replace("activity,person", "code,subject"), encoding="utf-8")
    dataset = load(path)
    assert dataset.refused == ()
    assert [r.kind for r in dataset.recordings] == [Kind.WALK, Kind.JOG, Kind.FALL, Kind.FAINT]
    assert (dataset.persons, dataset.uncalibrated) == (("SA01",), ())
    fall = dataset.recordings[2]
    assert fall.time_s[fall.impact] == pytest.approx(6.0, abs=0.02)
    assert fall.duration_s == pytest.approx(12.0, abs=0.01)


def csv_folder(path: Path, rate_hz: float = 100.0, toml: str = "", names: str = "t,ax,ay,az,gx,gy,gz") -> Path:
    write_trial(path / "trials" / "a.csv", waist(12.0, rate_hz), rate_hz, names)
    write_trial(path / "trials" / "b.csv", waist(12.0, rate_hz, impact_s=6.0), rate_hz, names)
    (path / "dataset.toml").write_text(toml or description(rate_hz), encoding="utf-8")
    (path / "index.csv").write_text("key,activity,person,trial,file\nw1,walk,p,1,trials/a.csv\nf1,fall,p,1,trials/b.csv\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("rate_hz", [50.0, 100.0, 128.0, 400.0])
def test_csv_trials_are_read_at_their_own_rate(tmp_path: Path, rate_hz: float) -> None:
    dataset = load(csv_folder(tmp_path, rate_hz))
    assert dataset.refused == ()
    assert len(dataset.recordings[0].time_s) == round(12 * rate_hz)
    assert dataset.recordings[0].time_s[1] == pytest.approx(1.0 / rate_hz, abs=1e-4)


@pytest.mark.parametrize("names", ["t,ax,ay,az,gx,gy,gz", ""])
def test_columns_are_named_by_number_too_with_a_line_of_names_or_without(tmp_path: Path, names: str) -> None:
    toml = description(force="[1, 2, 3]", rate="[4, 5, 6]", time="0")
    dataset = load(csv_folder(tmp_path, toml=toml, names=names))
    assert dataset.refused == ()
    assert len(dataset.recordings[0].time_s) == 1200


def test_npz_columns_are_numbers_and_time_may_be_one(folder: Folder) -> None:
    signal = waist(12.0, 100.0)
    time_s = 5.0 + np.arange(len(signal)) / 100.0
    folder.add("walk", "p", np.concatenate([signal, time_s[:, None]], axis=1))
    dataset = load(folder.write(description(force="[0, 1, 2]", rate="[3, 4, 5]", time="6")))
    assert dataset.recordings[0].time_s[0] == 5.0


def test_a_row_may_have_its_own_rate_and_its_own_impact(folder: Folder) -> None:
    folder.add("walk", "p", waist(12.0, 64.0), rate_hz="64")
    folder.add("fall", "p", waist(12.0, 100.0, impact_s=6.0), impact_s="5.5")
    walk, fall = load(folder.write(description(force="[0, 1, 2]", rate="[3, 4, 5]", time=""))).recordings
    assert walk.duration_s == pytest.approx(12.0, abs=0.05)
    assert fall.impact == 550


@pytest.mark.parametrize(("column", "value"), [("impact_s", "99"), ("impact_s", "soon"), ("impact_s", "nan"), ("rate_hz", "20"), ("samples", "7")])
def test_a_bad_number_in_the_index_refuses_its_row(folder: Folder, column: str, value: str) -> None:
    folder.add("walk", "p", waist(12.0, 100.0))
    folder.add("fall", "p", waist(12.0, 100.0, impact_s=6.0), **{column: value})
    place, reason = only_refused(load(folder.write(description(force="[0, 1, 2]", rate="[3, 4, 5]", time=""))))
    assert "fall_p_R01" in place
    assert column.removesuffix("_s").removesuffix("_hz") in reason


def test_a_recording_with_a_flaw_is_refused_with_its_row_and_the_others_are_used(folder: Folder) -> None:
    signal = waist(12.0)
    signal[699, 4] = np.nan
    folder.add("walk", "p", waist(12.0, seed=2))
    folder.add("walk", "p", signal)
    place, reason = only_refused(load(folder.write(description(200.0, "[0, 1, 2]", "[3, 4, 5]", ""))))
    assert place == f"{folder.path / 'walk.npz'} > walk_p_R02"
    assert reason == "row 700: rate is not a number"


def test_the_row_of_a_csv_is_the_line_of_the_file(tmp_path: Path) -> None:
    path = csv_folder(tmp_path) / "trials" / "b.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[700] = lines[700].replace(lines[700].split(",")[1], "nan")
    path.write_text("\n".join(lines), encoding="utf-8")
    assert only_refused(load(tmp_path))[1] == "row 701: force is not a number"


@pytest.mark.parametrize(("line", "reason"), [("1,2,3", "3 fields"), ("1,2,3,4,five,6,7", "not a number"), ("", "an empty line")])
def test_a_bad_line_of_a_csv_is_named(tmp_path: Path, line: str, reason: str) -> None:
    path = csv_folder(tmp_path) / "trials" / "b.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[700] = line
    path.write_text("\n".join(lines), encoding="utf-8")
    place, found = only_refused(load(tmp_path))
    assert place == f"{path} > row 701"
    assert reason in found


def test_swapped_saturated_frozen_overflown_and_wrongly_scaled_recordings_are_refused(folder: Folder) -> None:
    gait, fall = waist(12.0), waist(12.0, impact_s=6.0)
    bad = {
        "saturated": np.clip(gait, -1.1, 1.1),
        "still": np.where((np.arange(2400) // 100 == 5)[:, None], gait[499], gait),
        "10197": gait * [9.81, 9.81, 9.81, 1, 1, 1],
        "rad/s": gait * [1, 1, 1, 0.01745, 0.01745, 0.01745],
        "overflow": (gait * 1500.0 + 32768) % 65536 - 32768,
    }
    folder.add("walk", "p", waist(12.0, seed=5))
    for signal in bad.values():
        folder.add("walk", "q", signal)
    folder.add("fall", "q", fall[:, [0, 1, 2, 4, 3, 5]])
    dataset = load(folder.write(description(200.0, "[0, 1, 2]", "[3, 4, 5]", "")))
    assert len(dataset.recordings) == 1
    for refused, word in zip(dataset.refused, [*bad, "axes"], strict=True):
        assert word in refused.reason


def test_a_person_whose_falls_show_swapped_axes_is_not_believed_in_gait_either(folder: Folder) -> None:
    folder.add("walk", "sound", waist(12.0, seed=9))
    folder.add("walk", "p", waist(12.0, seed=10)[:, [0, 1, 2, 4, 3, 5]])
    for seed in range(2):
        folder.add("fall", "p", waist(12.0, impact_s=6.0, seed=seed)[:, [0, 1, 2, 4, 3, 5]])
    dataset = load(folder.write(description(200.0, "[0, 1, 2]", "[3, 4, 5]", "")))
    assert dataset.persons == ("sound",)
    assert "2 of 2 falls of p" in dataset.refused[-1].reason


def test_one_odd_fall_does_not_condemn_the_person(folder: Folder) -> None:
    folder.add("walk", "p", waist(12.0))
    folder.add("fall", "p", waist(12.0, impact_s=6.0)[:, [0, 1, 2, 4, 3, 5]])
    assert len(load(folder.write(description(200.0, "[0, 1, 2]", "[3, 4, 5]", ""))).recordings) == 1


def test_gravity_may_lie_on_any_axis(folder: Folder) -> None:
    order = [1, 2, 0, 4, 5, 3]
    folder.add("D01", signal=counts(waist(12.0)[:, order]))
    folder.add("F01", signal=counts(waist(12.0, impact_s=6.0)[:, order]))
    assert load(folder.write()).refused == ()


def test_who_has_no_warm_up_is_kept_and_said(folder: Folder) -> None:
    folder.add("D01", "SA01")
    folder.add("D02", "SA02")
    folder.add("F01", "SA03")
    dataset = load(folder.write())
    assert dataset.persons == ("SA01", "SA02", "SA03")
    assert dataset.uncalibrated == ("SA02", "SA03")


def test_one_trial_of_one_person_is_a_dataset(folder: Folder) -> None:
    folder.add()
    dataset = load(folder.write())
    assert (len(dataset.recordings), dataset.persons) == (1, ("SA01",))


def test_a_key_that_stands_twice_is_refused_the_second_time(folder: Folder) -> None:
    folder.add()
    folder.rows.append(dict(folder.rows[0], person="SA02"))
    place, reason = only_refused(load(folder.write()))
    assert "row 3" in place
    assert "row 2 already" in reason


def test_the_same_numbers_under_another_name_are_refused(folder: Folder) -> None:
    signal = counts(waist(12.0))
    folder.add(signal=signal)
    folder.add(person="SA02", signal=signal)
    assert only_refused(load(folder.write()))[1] == "the same numbers as D01_SA01_R01"


@pytest.mark.parametrize("file", ["../D01.npz", "a/../../D01.npz", "/etc/passwd", "C:\\x.npz", "..\\D01.npz"])
def test_a_file_outside_the_folder_is_never_opened(folder: Folder, file: str) -> None:
    folder.add(person="SA02")
    folder.add(file=file)
    place, reason = only_refused(load(folder.write()))
    assert "row 3" in place
    assert "leads out of the folder" in reason


@pytest.mark.parametrize("file", ["gone.npz", "gone.csv", "D01.txt", ".", "index.csv"])
def test_a_file_that_is_missing_or_no_recording_refuses_its_row(folder: Folder, file: str) -> None:
    folder.add(person="SA02")
    folder.add(file=file)
    place, _ = only_refused(load(folder.write()))
    assert "index.csv" in place


def test_an_index_row_without_its_array_is_refused(folder: Folder) -> None:
    folder.add(person="SA02")
    folder.add()
    del folder.arrays["D01"]["D01_SA01_R01"]
    place, reason = only_refused(load(folder.write()))
    assert place.endswith("row 3 > D01_SA01_R01")
    assert "holds no array" in reason


def test_a_pickle_is_never_loaded(folder: Folder) -> None:
    folder.add(person="SA02")
    folder.add("D02")
    path = folder.write()
    np.savez(path / "D02.npz", D02_SA01_R01=np.array([{"a": 1}], dtype=object))
    assert "allow_pickle" in only_refused(load(path))[1]
    (path / "D02.npz").write_bytes(pickle.dumps({}))
    assert "zip" in only_refused(load(path))[1]


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "shape", "header", "text", "complex"])
def test_a_damaged_archive_refuses_its_rows_and_no_others(folder: Folder, damage: str) -> None:
    folder.add(person="SA02")
    folder.add("D02")
    path = folder.write() / "D02.npz"
    data = bytearray(path.read_bytes())
    if damage == "flipped":
        np.savez_compressed(path, D02_SA01_R01=folder.arrays["D02"]["D02_SA01_R01"])
        data = bytearray(path.read_bytes())
        data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
        path.write_bytes(data)
    elif damage in {"cut", "empty"}:
        path.write_bytes(data[: len(data) // 2 if damage == "cut" else 0])
    elif damage in {"shape", "header"}:
        header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000, 6), }" if damage == "shape" else b"{'descr': [("
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("D02_SA01_R01.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    else:
        np.savez(path, D02_SA01_R01=np.array([["a", "b"]]) if damage == "text" else np.ones((100, 6), dtype=complex))
    dataset = load(folder.path)
    assert [r.activity for r in dataset.recordings] == ["D01"]
    assert "D02_SA01_R01" in only_refused(dataset)[0]


@pytest.mark.parametrize("signal", [np.ones((50, 2)), np.ones(50), np.ones((2, 2, 2)), np.empty((0, 6)), np.ones((1, 6))])
def test_an_array_of_another_shape_is_refused(folder: Folder, signal: np.ndarray) -> None:
    only_refused(spoiled(folder, signal))


def rewritten(folder: Folder, old: str, new: str) -> Path:
    folder.add(person="SA02")
    folder.add()
    path = folder.write() / "index.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    return folder.path


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (",D01,SA01", ",,SA01", "no activity"), (",D01,SA01", ",D01,", "no person"), ("D01_SA01_R01,", ",", "no key"),
        (",D01,SA01,01,2400", ",D01", "2 fields below 5 names"), (",SA01,01,2400", ",SA01,01,2400,9", "6 fields below 5 names"),
        (",D01,SA01", ",D99,SA01", "'D99' is not in [activities]"),
    ],
)  # fmt: skip
def test_a_bad_row_of_the_index_is_refused_alone(folder: Folder, old: str, new: str, reason: str) -> None:
    place, found = only_refused(load(rewritten(folder, old, new)))
    assert "row 3" in place
    assert reason in found


def test_empty_lines_of_the_index_do_not_shift_its_row_numbers(folder: Folder) -> None:
    path = rewritten(folder, "D01_SA01_R01,D01", "\n\nD01_SA01_R01,D99")
    assert "row 5" in only_refused(load(path))[0]


@pytest.mark.parametrize(("old", "new", "code"), [("person", "who", "TC103"), ("key,", "key;", "TC103"), ("samples", "key", "TC104"), ("key,", "k\0,", "TC10")])
def test_an_index_that_cannot_be_understood_is_one_error(folder: Folder, old: str, new: str, code: str) -> None:
    with pytest.raises(TreadctlError, match=code):
        load(rewritten(folder, old, new))


@pytest.mark.parametrize("content", [b"", b"key,activity,person,trial\n", b"\xff\xfe\x00"])
def test_an_empty_or_unreadable_index_is_one_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "index.csv").write_bytes(content)
    (tmp_path / "dataset.toml").write_text(description(), encoding="utf-8")
    with pytest.raises(TreadctlError):
        load(tmp_path)


def test_an_index_written_by_a_spreadsheet_is_read(folder: Folder) -> None:
    folder.add()
    path = folder.write() / "index.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    assert len(load(folder.path).recordings) == 1


def test_where_nothing_can_be_used_the_first_reason_is_said(folder: Folder) -> None:
    folder.add(signal=np.ones((9, 6), dtype=np.int16))
    with pytest.raises(TreadctlError, match=r"D01_SA01_R01: .*dead"):
        load(folder.write())


def test_strict_raises_the_first_refusal(folder: Folder) -> None:
    folder.add()
    folder.add("D99", signal=counts(waist(5.0)))
    path = folder.write()
    assert len(load(path).refused) == 1
    with pytest.raises(TreadctlError, match=r"row 3 > D99_SA01_R01"):
        load(path, strict=True)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("rate_hz = 100.0", "rate_hz = 40.0", "TC104"),
        ("rate_hz = 100.0", "rates_hz = 100.0", "TC102"),
        ("format = 1", "format = 2", "TC111"),
        ('"gx"', '"ax"', "TC104"), ('kind = "fall"', 'kind = "tumble"', "TC104"),
        ('["gx", "gy", "gz"]', '["gx", "gy"]', "TC10"),
        ("[activities.fall]", "[activities.fall", "TC101"),
    ],
)  # fmt: skip
def test_a_bad_description_is_one_error_that_names_the_key(tmp_path: Path, old: str, new: str, code: str) -> None:
    with pytest.raises(TreadctlError, match=code):
        load(csv_folder(tmp_path, toml=description().replace(old, new)))


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TreadctlError, match=r"there is no column 'gz2'; there are t, ax"):
        load(csv_folder(tmp_path, toml=description().replace('"gz"', '"gz2"')))


def test_the_folder_is_found_below_and_several_are_not_guessed(folder: Folder, tmp_path: Path) -> None:
    folder.add()
    path = folder.write()
    assert find(tmp_path) == find(path) == path
    with pytest.raises(TreadctlError, match="TC100"):
        find(tmp_path / "nowhere")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "index.csv").write_text("key", encoding="utf-8")
    with pytest.raises(TreadctlError, match="several"):
        find(tmp_path)


def test_the_digest_follows_numbers_names_and_scale(folder: Folder, tmp_path: Path) -> None:
    signal = waist(12.0, 100.0)

    def digest(name: str, person: str, numbers: Array, toml: str) -> str:
        other = Folder(tmp_path / name)
        other.add("walk", person, numbers)
        return load(other.write(toml)).sha256

    toml = description(force="[0, 1, 2]", rate="[3, 4, 5]", time="")
    again = digest("a", "p", signal, toml)
    assert again == digest("b", "p", signal, toml)
    changed = signal.copy()
    changed[5, 5] += 1e-9
    others = {digest("c", "q", signal, toml), digest("d", "p", changed, toml), digest("e", "p", signal, toml.replace("[rate]", "[rate]\nper_count = 1.1"))}
    assert len(others | {again}) == 4


def test_the_example_of_the_page_is_read(tmp_path: Path) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "reference" / "recording-format.md"
    (example,) = re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    for name, impact_s in (("a", None), ("b", 6.02)):
        signal = waist(12.0, 100.0, impact_s) / np.repeat([0.10197, 0.0610352], 3)
        write_trial(tmp_path / "trials" / f"{name}.csv", signal)
    (tmp_path / "dataset.toml").write_text(example, encoding="utf-8")
    rows = [line.strip() for line in page.read_text(encoding="utf-8").splitlines() if line.startswith(("    key,", "    W1_", "    F1_"))]
    (tmp_path / "index.csv").write_text("\n".join(rows), encoding="utf-8")
    dataset = load(tmp_path)
    assert (len(dataset.recordings), dataset.refused) == (2, ())


def test_every_published_recording_at_hand_is_used() -> None:
    if not (DATA / "sisfall" / "index.csv").exists():
        pytest.skip(f"no sisfall/index.csv in {DATA.resolve()} (set TREADCTL_DATA)")
    dataset = load(DATA / "sisfall")
    assert (len(dataset.recordings), dataset.refused, dataset.uncalibrated) == (755, (), ())
