"""Other people's folders become ours: what cannot be read is refused by name and line, and a folder that holds something is never written into."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from generated import counts, waist, write_trial

from treadctl.detector.convert import convert_csv_folder, convert_sisfall, read_sisfall
from treadctl.detector.dataset import load
from treadctl.errors import TreadctlError


def published(path: Path, impact_s: float | None = None, seed: int = 1, end: str = ";") -> list[str]:
    """A text file as SisFall publishes them, with a third sensor."""
    rows = counts(waist(8.0, impact_s=impact_s, seed=seed))
    lines = [",".join(f"{value:4d}" for value in (*row, *row[:3])) + end for row in rows.tolist()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
    return lines


def test_published_files_become_a_dataset(tmp_path: Path) -> None:
    source, target = tmp_path / "raw", tmp_path / "new"
    published(source / "SA01" / "D01_SA01_R01.txt")
    published(source / "SE06" / "F01_SE06_R02.txt", impact_s=4.0, seed=2)
    published(source / "SA01" / "D14_SA01_R01.txt")
    (source / "Readme.txt").write_text("words", encoding="utf-8")
    done = convert_sisfall(source, target)
    assert (done.total, done.recordings, done.persons) == (2, {"D01": 1, "F01": 1}, ("SA01", "SE06"))
    assert (done.left_out, done.refused) == ({"D14": 1}, ())
    dataset = load(target)
    assert (dataset.name, dataset.refused) == ("SisFall", ())
    assert np.array_equal(np.rint(dataset.recordings[0].force_g * 256), counts(waist(8.0))[:, :3])
    with np.load(target / "D01.npz") as arrays:
        assert (arrays["D01_SA01_R01"].dtype, arrays["D01_SA01_R01"].shape) == (np.int16, (1600, 6))


def test_the_same_files_become_the_same_bytes(tmp_path: Path) -> None:
    published(tmp_path / "raw" / "D01_SA01_R01.txt")
    for name in ("a", "b"):
        convert_sisfall(tmp_path / "raw", tmp_path / name)
    assert [(tmp_path / "a" / f.name).read_bytes() == f.read_bytes() for f in (tmp_path / "b").iterdir()] == [True, True, True]


def test_odd_spaces_missing_ends_and_empty_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "D01_SA01_R01.txt"
    path.write_text("1, 2,3 ,4,5,6,7,8,9;\r\n\r\n  -1,-2,-3,-4,-5,-6,7,8,9 ; \n\t1,2,3,4,5,6,7,8,9\n1,2,3,4\n\n;\n", encoding="ascii")
    assert read_sisfall(path).tolist() == [[1, 2, 3, 4, 5, 6], [-1, -2, -3, -4, -5, -6], [1, 2, 3, 4, 5, 6]]


@pytest.mark.parametrize("line", ["1,2,3;", "1,2,3,4,5,x,7,8,9;", "1,2,3,4,5,6,7,8,40000;", "1,2,3,4,5,6.5,7,8,9;", "1,2,3,4,5,6,7,8,9;1,2,3,4,5,6,7,8,9;"])
def test_a_bad_line_refuses_its_file_alone(tmp_path: Path, line: str) -> None:
    source = tmp_path / "raw"
    published(source / "D01_SA01_R01.txt")
    bad = source / "D01_SA02_R01.txt"
    lines = published(bad)
    lines[41] = line
    bad.write_text("\n".join(lines), encoding="ascii")
    done = convert_sisfall(source, tmp_path / "new")
    assert done.total == 1
    (refused,) = done.refused
    assert refused.place == f"{bad} > row 42"
    assert load(tmp_path / "new").persons == ("SA01",)


def test_files_that_are_empty_binary_or_twice_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "raw"
    published(source / "a" / "D01_SA01_R01.txt")
    published(source / "b" / "D01_SA01_R01.txt")
    (source / "D01_SA02_R01.txt").write_text("\n;\n", encoding="ascii")
    (source / "D01_SA03_R01.txt").write_bytes(b"\xff\x00\xfe")
    (source / "D01-SA04_R01.txt").write_text("1", encoding="ascii")
    done = convert_sisfall(source, tmp_path / "new")
    assert done.total == 1
    assert len(done.refused) == 4


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    published(tmp_path / "raw" / "D01_SA01_R01.txt")
    target = tmp_path / "new"
    target.mkdir()
    (target / "mine").write_text("x", encoding="utf-8")
    for taken in (target, target / "mine"):
        with pytest.raises(TreadctlError, match="not an empty folder"):
            convert_sisfall(tmp_path / "raw", taken)
    assert [path.name for path in target.iterdir()] == ["mine"]


def test_nothing_to_convert_is_an_error_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    with pytest.raises(TreadctlError, match="no recording to write"):
        convert_sisfall(tmp_path / "raw", tmp_path / "new")
    with pytest.raises(TreadctlError, match="TC100"):
        convert_sisfall(tmp_path / "nowhere", tmp_path / "new")
    assert not (tmp_path / "new").exists()


DESCRIPTION = r"""format = 1
name = "of a laboratory"
rate_hz = 100
time_column = "TimeStamp(s)"
[force]
columns = ["AccX", "AccY", "AccZ"]
[rate]
columns = ["GyrX", "GyrY", "GyrZ"]
[files]
pattern = 'SA\d+/S(?P<person>\d+)T(?P<activity>\d+)R(?P<trial>\d+)\.csv'
[labels]
file = "labels.csv"
unit = "frame"
frame_column = "FrameCounter"
[activities.06]
kind = "walk"
words = "walking with a \"turn\""
calibration = true
[activities.31]
kind = "fall"
"""


def laboratory(source: Path, description: str = DESCRIPTION) -> Path:
    """A folder of one .csv for each trial, with frame numbers from 11 and labels."""
    for name, impact_s in (("S06T06R01", None), ("S06T31R01", 6.0), ("S07T31R02", 5.0)):
        path = source / f"SA{name[1:3]}" / f"{name}.csv"
        signal = waist(10.0, 100.0, impact_s, seed=int(name[1:3]) + int(impact_s or 0))
        write_trial(path, signal, 100.0, "TimeStamp(s),AccX,AccY,AccZ,GyrX,GyrY,GyrZ")
        lines = path.read_text(encoding="utf-8").splitlines()
        path.write_text("\n".join([lines[0] + ",FrameCounter,note", *(f"{line},{11 + n},text" for n, line in enumerate(lines[1:]))]), encoding="utf-8")
    (source / "labels.csv").write_text("person,activity,trial,onset,impact\n6,31,1,560,605\n07,31,02,,511\n", encoding="utf-8")
    (source / "dataset.toml").write_text(description, encoding="utf-8")
    return source


def test_a_folder_of_csv_trials_becomes_a_dataset_with_its_labels(tmp_path: Path) -> None:
    source = laboratory(tmp_path / "raw")
    write_trial(source / "SA06" / "notes.csv", waist(3.0, 100.0))
    write_trial(source / "SA06" / "S06T99R01.csv", waist(3.0, 100.0))
    done = convert_csv_folder(source, tmp_path / "new")
    assert (done.recordings, done.persons, done.refused) == ({"06": 1, "31": 2}, ("06", "07"), ())
    assert done.left_out == {"activity 99": 1, "name does not match": 1}
    dataset = load(tmp_path / "new")
    assert dataset.refused == ()
    assert dataset.activities["06"].words == 'walking with a "turn"'
    assert [r.impact_label_s for r in dataset.recordings] == [None, pytest.approx(5.94), pytest.approx(5.0)]
    assert "5.49" in (tmp_path / "new" / "index.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(("delimiter", "separator"), [(";", ";"), ("tab", "\t")])
def test_separator_and_lines_above_are_described(tmp_path: Path, delimiter: str, separator: str) -> None:
    source = tmp_path / "raw"
    write_trial(source / "p_06_1.csv", waist(10.0, 100.0), 100.0, "t,ax,ay,az,gx,gy,gz", separator)
    text = (source / "p_06_1.csv").read_text(encoding="utf-8")
    (source / "p_06_1.csv").write_text("% made by\n% somebody\n" + text, encoding="utf-8")
    toml = """format = 1
name = "x"
rate_hz = 100
[force]
columns = ["ax", "ay", "az"]
[rate]
columns = [4, 5, 6]
[files]
pattern = '(?P<person>.)_(?P<activity>..)_(?P<trial>.).csv'
delimiter = ";"
skip_lines = 2
[activities.06]
kind = "walk"
"""
    (source / "dataset.toml").write_text(toml.replace('";"', f'"{delimiter}"'), encoding="utf-8")
    convert_csv_folder(source, tmp_path / "new")
    assert len(load(tmp_path / "new").recordings[0].time_s) == 1000


def test_bad_trials_and_bad_labels_are_refused_by_name_and_line(tmp_path: Path) -> None:
    source = laboratory(tmp_path / "raw")
    path = source / "SA06" / "S06T31R01.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[30] = lines[30].replace(",", ",x", 1)
    path.write_text("\n".join(lines), encoding="utf-8")
    labels = source / "labels.csv"
    labels.write_text(labels.read_text(encoding="utf-8") + "8,31,1,,5\n6,31,2,,soon\n6,31,1,,700\n1,2\n", encoding="utf-8")
    done = convert_csv_folder(source, tmp_path / "new")
    assert done.total == 2
    places = [refused.place for refused in done.refused]
    assert places == [f"{labels} > row {n}" for n in (5, 6, 7)] + [f"{path} > row 31", f"{labels} > row 4"]


@pytest.mark.parametrize(("old", "new", "why"), [("605", "9999", "9999 stands 0 times"), ("560", "606", "onset comes after"), ("605", "nan", "0 times")])
def test_a_label_outside_its_recording_refuses_it(tmp_path: Path, old: str, new: str, why: str) -> None:
    source = laboratory(tmp_path / "raw")
    labels = source / "labels.csv"
    labels.write_text(labels.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    done = convert_csv_folder(source, tmp_path / "new")
    (refused,) = done.refused
    assert why in refused.reason
    assert done.total == 2


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("(?P<trial>", "(?P<try>", "trial"),
        (r"R(?P", r"R((?P", "no regular expression"),
        ('file = "labels.csv"', 'file = "../labels.csv"', "leads out"),
        ('file = "labels.csv"', 'file = "gone.csv"', "TC100"),
        ('unit = "frame"', 'unit = "minutes"', "TC104"),
        ("[files]", "[filez]", "TC102"),
        ('"AccX"', '"AccQ"', "no column 'AccQ'"),
    ],
)  # fmt: skip
def test_a_description_that_cannot_be_understood_is_one_error(tmp_path: Path, old: str, new: str, why: str) -> None:
    source = laboratory(tmp_path / "raw", DESCRIPTION.replace(old, new))
    with pytest.raises(TreadctlError) as found:
        convert_csv_folder(source, tmp_path / "new")
    assert why in str(found.value)
    assert not (tmp_path / "new").exists()


def test_names_that_would_make_strange_files_are_refused(tmp_path: Path) -> None:
    description = DESCRIPTION.replace(r"S(?P<person>\d+)T", "S(?P<person>.*)T")
    source = laboratory(tmp_path / "raw", description)
    (source / "SA07" / "S07T31R02.csv").rename(source / "SA07" / "S0 7T31R02.csv")
    done = convert_csv_folder(source, tmp_path / "new")
    assert "'0 7'" in done.refused[0].reason


def test_the_example_of_the_page_is_read(tmp_path: Path) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "bring-your-own-recordings.md"
    (example,) = re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    laboratory(tmp_path / "raw" / "sensor_data", example)
    for name in ("dataset.toml", "labels.csv"):
        (tmp_path / "raw" / "sensor_data" / name).rename(tmp_path / "raw" / name)
    assert convert_csv_folder(tmp_path / "raw", tmp_path / "new").total == 3
    assert load(tmp_path / "new").refused == ()
