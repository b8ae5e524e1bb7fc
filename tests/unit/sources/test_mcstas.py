"""Monitor files of McStas 1.12 to 3.x are read as they were written, and nothing else is."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import donki.sources
from donki.errors import SourceError
from donki.sources import EventList, HistogramSource, Monitor, read_mcstas

SAMPLES = Path(__file__).parents[3] / "scripts" / "mcstas"
SAMPLE_FILES = ["lambda.dat", "tof.dat", "psd.dat", "events.dat"]

HEAD_1_12 = """\
# Format: McStas with text headers file. Use mcplot/PGPLOT to view.
# URL:    http://www.mcstas.org/
# Editor: me on localhost
# Creator:ESS (test.instr) simulation (McStas 1.12c - Jun. 03, 2011)
# Date:   Simulation started (1392823328) Wed Feb 19 16:22:08 2014
# File:   test.sim
"""
HEAD_2 = """\
# Format: McCode with text headers
# URL: http://www.mccode.org
# Creator: McStas 2.5 - Dec. 12, 2018
# Param: lambda=2.36
"""
HEAD_3 = HEAD_2.replace("McStas 2.5 - Dec. 12, 2018", "McStas 3.5.27, git")
HEAD_LIST = HEAD_3.replace("McCode with", "McCode list with")


def table(values):
    return "".join("".join(f"{value:.10g} " for value in row) + "\n" for row in np.atleast_2d(values))


def text_1d(head, columns):
    low, high = columns[0][0], columns[0][-1]
    return (
        f"{head}# type: array_1d({len(columns[0])})\n# component: monitor\n# title: Time-of-flight monitor\n"
        f"# xvar: t\n# yvar: (I,I_err)\n# xlabel: Time-of-flight [\\gms]\n# ylabel: Intensity\n"
        f"# xlimits: {low:g} {high:g}\n# variables: t I I_err N\n{table(np.transpose(columns))}"
    )


def text_2d(head, blocks, limits=(-2.0, 2.0, 0.0, 3.0), labels=("X position [cm]", "Y position [cm]")):
    rows, columns = np.shape(blocks[0])
    text = (
        f"{head}# type: array_2d({columns}, {rows})\n# title: PSD monitor\n# xlabel: {labels[0]}\n"
        f"# ylabel: {labels[1]}\n# xylimits: {' '.join(map(str, limits))}\n# variables: I I_err N\n"
    )
    for name, comment, block in zip(("I", "I_err", "N"), ("Data", "Errors", "Events"), blocks, strict=True):
        text += f"# {comment} [panel/psd.dat] {name}:\n{table(block)}"
    return text


def text_list(names, rows, kind="array_2d({}, {})", head=HEAD_LIST):
    columns = " ".join(names)
    return (
        f"{head}# type: {kind.format(len(names), len(rows))}\n# title: List\n"
        f"# xlabel: List of neutron events\n# ylabel: {columns} \n# variables: {columns} \n"
        f"# Data [list/list.dat] I:\n{table(rows)}"
    )


@pytest.fixture
def write(tmp_path):
    def write(text, name="monitor.dat"):
        file = tmp_path / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode("latin-1"))
        return file

    return write


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("mcstas") / "monitor.dat"


@pytest.mark.parametrize("head", [HEAD_1_12, HEAD_2, HEAD_3])
def test_a_1d_monitor_gives_intensities_between_even_edges(write, head):
    columns = [[150.0, 250.0, 350.0], [1.0, 0.0, 2.5], [0.5, 0.0, 1.0], [4, 0, 6]]
    monitor = read_mcstas(write(text_1d(head, columns)))
    assert isinstance(monitor, Monitor)
    assert monitor.title == "Time-of-flight monitor"
    (axis,) = monitor.axes
    assert axis.is_time
    np.testing.assert_allclose(axis.edges, [100, 200, 300, 400])
    np.testing.assert_array_equal(monitor.intensity, columns[1])
    np.testing.assert_array_equal(monitor.error, columns[2])
    np.testing.assert_array_equal(monitor.rays, columns[3])


def test_centres_that_old_mcstas_rounded_to_six_digits_are_even_steps(write):
    bins = 601
    centre = (np.arange(bins) + 0.5) * 6000 / bins
    columns = [[float(f"{value:g}") for value in centre], np.ones(bins), np.ones(bins), np.ones(bins)]
    (axis,) = read_mcstas(write(text_1d(HEAD_1_12, columns))).axes
    np.testing.assert_allclose(axis.edges, np.linspace(0, 6000, bins + 1), atol=1e-2)


def test_a_row_of_a_2d_monitor_runs_along_x_and_rows_rise_with_y(write):
    values = np.arange(6.0).reshape(3, 2)
    monitor = read_mcstas(write(text_2d(HEAD_3, [values, values + 10, values + 20])))
    np.testing.assert_array_equal(monitor.intensity, values)
    np.testing.assert_array_equal(monitor.error, values + 10)
    np.testing.assert_array_equal(monitor.rays, values + 20)
    y, x = monitor.axes
    assert (y.label, y.unit) == ("Y position [cm]", "cm")
    np.testing.assert_allclose(y.edges, [0, 1, 2, 3])
    np.testing.assert_allclose(x.edges, [-2, 0, 2])


def test_a_2d_monitor_of_1_12_has_no_comment_above_its_first_block_and_six_limits(write):
    values = np.arange(6.0).reshape(3, 2)
    text = text_2d(HEAD_1_12, [values, values + 10, values + 20], limits=(-2, 2, 0, 3, 0, 5))
    text = text.replace("# Data [panel/psd.dat] I:\n", "") + "# EndDate:Wed Feb 19 16:22:12 2014\n"
    monitor = read_mcstas(write(text))
    np.testing.assert_array_equal(monitor.intensity, values)
    np.testing.assert_array_equal(monitor.rays, values + 20)


def test_rows_of_a_3d_monitor_have_x_along_them_z_from_row_to_row_and_y_slowest(write):
    values = np.arange(24.0).reshape(2, 3, 4)  # y, z, x
    blocks = [(values + ten).reshape(6, 4) for ten in (0, 100, 200)]
    text = text_2d(HEAD_2, blocks, (-2, 2, 0, 1, 0, 30e3)).replace("array_2d(4, 6)", "array_3d(4, 2, 3)")
    text = text.replace("# variables", "# zlabel: Time-of-flight [\\gms]\n# variables")
    monitor = read_mcstas(write(text))
    np.testing.assert_array_equal(
        [monitor.intensity, monitor.error, monitor.rays], [values, values + 100, values + 200]
    )
    assert [axis.unit for axis in monitor.axes] == ["cm", r"\gms", "cm"]
    for axis, edges in zip(monitor.axes, ([0, 0.5, 1], [0, 1e4, 2e4, 3e4], [-2, -1, 0, 1, 2]), strict=True):
        np.testing.assert_allclose(axis.edges, edges)
    pulse = HistogramSource(monitor).sample(np.random.default_rng(1), events=200_000)
    counts, *_ = np.histogram2d(pulse.pixel_id, pulse.time_of_flight // 10_000_000, [range(1, 10), range(4)])
    expected = np.moveaxis(values, 1, -1).reshape(8, 3)  # pixels by rows of y, each with its times
    np.testing.assert_allclose(counts / counts.sum(), expected / expected.sum(), atol=4e-3)
    assert not counts[expected == 0].any()


@pytest.mark.parametrize(
    "names",
    [
        "p x y z vx vy vz t",
        "p x y z vx vy vz t sx sy sz",
        "p t y x U1 U2",
        "p x y n id t",
        "id x y z vx vy vz t sx sy sz p",
    ],
)
@pytest.mark.parametrize("kind", ["array_2d({}, {})", "list({}, {})"])
def test_the_columns_of_a_list_are_those_of_its_header(write, names, kind):
    names = names.split()
    rows = np.arange(2.0 * len(names)).reshape(2, -1)
    events = read_mcstas(write(text_list(names, rows, kind)))
    assert isinstance(events, EventList)
    assert len(events) == 2
    for name, column in zip(names, rows.T, strict=True):
        np.testing.assert_array_equal(events[name], column)
    with pytest.raises(SourceError, match=r"no column 'q', it has .* t"):
        events["q"]


def test_a_list_of_1_12_names_its_columns_in_a_label_alone(write):
    rows = np.arange(9.0).reshape(3, 3)
    text = text_list(["p", "x", "t"], rows, head=HEAD_1_12).replace(
        "variables: p x t", "variables: I I_err N"
    )
    assert read_mcstas(write(text)).columns == ("p", "x", "t")
    labels = "# xlabel: List of neutron events\n# ylabel: p x t \n"
    swapped = text.replace(labels, "# xlabel: p x t \n# ylabel: List of neutron events\n")
    assert read_mcstas(write(swapped)).columns == ("p", "x", "t")


def test_a_list_may_have_the_rows_of_further_mpi_nodes(write):
    text = text_list(["p", "x"], [[1.0, 2.0]] * 3)
    assert len(read_mcstas(write(text + table([[3.0, 4.0]] * 2)))) == 5


def test_lines_may_end_as_in_windows(write):
    values = np.arange(6.0).reshape(3, 2)
    text = text_2d(HEAD_3, [values, values, values]).replace("\n", "\r\n")
    np.testing.assert_array_equal(read_mcstas(write(text)).intensity, values)


def test_a_header_may_hold_any_bytes(write):
    text = text_1d(HEAD_3 + "# Directory: /home/bj\xf6rn\n", [[1.0, 2.0]] * 4)
    assert read_mcstas(write(text)).intensity.sum() == 3


finite = st.floats(-1e30, 1e30, allow_subnormal=False)


@given(st.lists(st.tuples(finite, finite, finite), min_size=2, max_size=30), st.floats(1e-3, 1e3), finite)
def test_whatever_1d_histogram_is_written_is_read_back(scratch, bins, step, value):
    start = step * (value % 100)
    centre = [start + (k + 0.5) * step for k in range(len(bins))]
    scratch.write_text(text_1d(HEAD_3, [centre, *np.transpose(bins)]))
    monitor = read_mcstas(scratch)
    np.testing.assert_allclose(
        np.transpose([monitor.intensity, monitor.error, monitor.rays]), bins, rtol=1e-9, atol=0
    )
    np.testing.assert_allclose(
        monitor.axes[0].edges, start + step * np.arange(len(bins) + 1), atol=step * len(bins) * 1e-6
    )


@given(st.data(), st.integers(2, 6), st.integers(2, 6))
def test_whatever_2d_histogram_is_written_is_read_back(scratch, data, rows, columns):
    row = st.lists(finite, min_size=columns, max_size=columns)
    blocks = [data.draw(st.lists(row, min_size=rows, max_size=rows)) for _ in range(3)]
    scratch.write_text(text_2d(HEAD_3, blocks))
    monitor = read_mcstas(scratch)
    np.testing.assert_allclose([monitor.intensity, monitor.error, monitor.rays], blocks, rtol=1e-9, atol=0)


NAMES = ["p", "x", "y", "z", "vx", "vy", "vz", "t", "sx", "sy", "sz", "id", "n", "U1"]


@given(st.data(), st.permutations(NAMES), st.integers(2, len(NAMES)), st.integers(1, 8))
def test_whatever_list_is_written_is_read_back(scratch, data, names, columns, rows):
    names = names[:columns]
    row = st.lists(finite, min_size=columns, max_size=columns)
    values = data.draw(st.lists(row, min_size=rows, max_size=rows))
    scratch.write_text(text_list(names, values))
    events = read_mcstas(scratch)
    assert events.columns == tuple(names)
    np.testing.assert_allclose(events.rows, values, rtol=1e-9, atol=0)


ONE = text_1d(HEAD_2, [[1.0, 2.0, 3.0]] * 4)  # numbers on lines 14 to 16
TWO = text_2d(HEAD_2, [[[1.0, 2.0], [3.0, 4.0]]] * 3)  # on lines 12, 13; 15, 16; 18, 19
LIST = text_list(["p", "x", "t"], [[1.0, 2.0, 3.0]] * 3, head=HEAD_2)  # on lines 11 to 13
TYPES = "array_1d\\(n\\)' or '# type: array_2d\\(m, n\\)'"

BAD = {
    "a cell that is no number": (
        ONE.replace("2 2 2 2", "2 2 two 2"),
        15,
        r"4 numbers \(t I I_err N\), found 'two'",
    ),
    "a row too short": (ONE.replace("2 2 2 2", "2 2 2"), 15, r"4 numbers .*, found 3: '2 2 2'"),
    "all rows too short": (ONE[: ONE.index("1 1 1 1")] + "1 1 1 \n" * 3, 14, "4 numbers .*found lines of 3"),
    "a row too many": (ONE + "4 4 4 4 \n", 17, "3 lines of 4 numbers .*found 4"),
    "a row missing": (ONE.replace("3 3 3 3 \n", ""), 16, "3 lines of 4 numbers .*found 2"),
    "no rows": (ONE[: ONE.index("1 1 1 1")], 13, "3 lines of 4 numbers .*found the end of the file"),
    "bins out of step": (ONE.replace("2 2 2 2", "2.6 2 2 2"), 15, "3 bins.* found a bin at 2.6"),
    "bins that fall": (ONE.replace("3 3 3 3", "-3 3 3 3"), 14, "rising steps"),
    "cut in its last number": (
        ONE.rstrip(),
        16,
        "a line end after the last number, found the end of the file",
    ),
    "two files in one": (TWO + TWO, 31, "end of the data, found more numbers"),
    "a 2-D row too long": (
        TWO.replace("# Err", "5 6 7\n# Err"),
        14,
        r"2 numbers \(a row of I\), found 3: '5 6 7'",
    ),
    "a 2-D row missing": (
        TWO.replace("3 4 \n# Ev", "# Ev"),
        16,
        r"2 lines of 2 numbers \(a row of I_err\), found 1",
    ),
    "a block missing": (TWO[: TWO.index("# Ev")], 16, r"2 lines .*\(a row of N\), found the end of the file"),
    "no limits": (
        TWO.replace("xylimits", "limits"),
        11,
        "'# xylimits: xmin xmax ymin ymax', found no such line",
    ),
    "limits that are none": (
        TWO.replace("-2.0 2.0", "2.0 2.0"),
        9,
        "'# xylimits: .*found '# xylimits: 2.0 2.0 ",
    ),
    "limits cut short": (TWO.replace("-2.0 2.0", "-2.0"), 9, "'# xylimits: xmin xmax ymin ymax'"),
    "a list cut short": (LIST[: LIST.rindex("1 2")], 13, r"3 lines of 3 numbers \(p x t\), found 2"),
    "a list without names": (LIST.replace("ylabel: p x t", "ylabel: p x"), 8, "the names of 3 columns"),
    "a list with a name twice": (LIST.replace("ylabel: p x t", "ylabel: p x x"), 8, "the names of 3 columns"),
    "a list of one": (
        LIST.replace("array_2d(3, 3)", "array_1d(3)").replace("ylabel: p x t", "ylabel:"),
        5,
        "a list of one event",
    ),
    "one number": (ONE.replace("array_1d(3)", "array_0d"), 5, f"'# type: {TYPES}, found '# type: array_0d'"),
    "three axes, limits of two": (
        TWO.replace("array_2d(2, 2)", "array_3d(2, 1, 2)"),
        9,
        "'# xylimits: xmin xmax ymin ymax zmin zmax'",
    ),
    "three axes, rows of two": (
        TWO.replace("array_2d(2, 2)", "array_3d(2, 2, 2)").replace("0.0 3.0\n", "0.0 3.0 0 1\n"),
        14,
        "4 lines of 2 numbers",
    ),
    "a scan": (ONE.replace("array_1d", "multiarray_1d"), 5, "summary is not a distribution"),
    "a type of no size": (ONE.replace("array_1d(3)", "array_1d(0)"), 5, f"header with '# type: {TYPES}"),
    "a type cut short": (ONE[: ONE.index("(3)") + 1], 5, f"header with '# type: {TYPES}"),
    "no type": (ONE.replace("# type", "# kind"), 14, f"header with '# type: {TYPES}, found '1 1 1 1'"),
    "no header": ("1 2 3 4\n", 1, f"header with '# type: {TYPES}, found '1 2 3 4'"),
    "nothing but a header": (HEAD_2, 4, "header with .*found the end of the file"),
    "a .sim file": (
        "McStas simulation description file\nbegin instrument: x\n",
        1,
        "monitor, found a McStas .sim file",
    ),
    "nothing": ("", 1, "a McStas monitor, found an empty file"),
    "white space": (" \n\n", 1, "a McStas monitor, found an empty file"),
    "MCPL": (b"MCPL003L\0\0", 1, "found an MCPL file"),
    "gzip": (b"\x1f\x8b\x08\0", 1, "found a file compressed by gzip"),
    "bytes": (b"# type\n\0\1\2", 1, "found binary data"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_named_by_file_line_and_remedy(write, case):
    text, line, expected = BAD[case]
    file = write(text)
    with pytest.raises(SourceError, match=f"^{file}, line {line}: expected .*{expected}.*; .*"):
        read_mcstas(file)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"none\.dat: cannot read .*: No such file"):
        read_mcstas(tmp_path / "none.dat")
    with pytest.raises(SourceError, match=r"cannot read .*: Is a directory"):
        read_mcstas(str(tmp_path))


@pytest.mark.parametrize("name", SAMPLE_FILES)
@given(data=st.data())
def test_a_file_cut_anywhere_is_refused(scratch, name, data):
    whole = (SAMPLES / name).read_bytes()
    # Only the line end may go, and the space before it.
    scratch.write_bytes(whole[: data.draw(st.integers(0, len(whole.rstrip())))])
    with pytest.raises(SourceError, match=r"monitor\.dat, line \d+: expected"):
        read_mcstas(scratch)


def test_what_the_package_offers_is_there():
    assert all(hasattr(donki.sources, name) for name in donki.sources.__all__)


def comparable(read):
    if isinstance(read, EventList):
        return read.columns, read.title, read.rows.tolist()
    axes = [(axis.label, axis.edges.tolist()) for axis in read.axes]
    return axes, read.title, read.intensity.tolist(), read.error.tolist(), read.rays.tolist()


FORMS = {
    "a byte order mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "lines of Windows": lambda text: text.replace("\n", "\r\n").encode(),
    "Windows, all of it": lambda text: b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode() + b"# End\r\n",
    "a last comment without line end": lambda text: f"{text}# EndDate: today".encode(),
    "Latin-1 in comments": lambda text: b"# Editor: J\xf8rgen, 5 \xb5m\n" + text.encode(),
    "UTF-8 in comments": lambda text: "# Editor: Jørgen, 5 µm\n".encode() + text.encode(),
    "empty lines at the end": lambda text: f"{text}\n\n".encode(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["1-D", "2-D", "list"])
def test_a_file_is_the_same_in_every_form(write, form, kind):
    text = {"1-D": ONE, "2-D": TWO, "list": LIST}[kind]
    expected = comparable(read_mcstas(write(text)))
    assert comparable(read_mcstas(write(FORMS[form](text)))) == expected


def test_labels_may_be_in_latin_1(write):
    text = ONE.replace("[\\gms]", "[µs]")
    for encoding in ("utf-8", "latin-1"):
        assert read_mcstas(write(text.encode(encoding))).axes[0].unit == "µs"


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.booleans(), st.booleans())
def test_headers_repeated_between_the_parts_of_a_list_are_one_list(scratch, parts, is_old, has_comment):
    rows = np.arange(sum(parts) * 3.0).reshape(-1, 3)
    text = ""
    for begin, size in zip(np.cumsum([0, *parts]), parts, strict=False):
        part = text_list(["p", "x", "t"], rows[begin : begin + size], head=HEAD_1_12 if is_old else HEAD_LIST)
        text += part + ("# EndDate: today\n" if has_comment else "")
    scratch.write_text(text)
    read = read_mcstas(scratch)
    assert (read.columns, read.rows.tolist()) == (("p", "x", "t"), rows.tolist())


def test_parts_of_a_list_that_do_not_fit_are_refused(write):
    other = LIST.replace("ylabel: p x t", "ylabel: p y t").replace("variables: p x t", "variables: p y t")
    with pytest.raises(SourceError, match=r"line \d+: expected a header of the columns p x t, as that above"):
        read_mcstas(write(LIST + other))
    with pytest.raises(SourceError, match=r"line \d+: expected 3 lines of 3 numbers"):
        read_mcstas(write(LIST + "\n".join(LIST.split("\n")[:-2]) + "\n"))
    with pytest.raises(SourceError, match="expected the end of the data, found more numbers"):
        read_mcstas(write(ONE + ONE))


def test_a_list_of_one_event_whose_columns_are_named_is_read(write):
    text = text_list(["p", "x", "t"], [[1, 2, 3]], "array_1d(3)")
    assert read_mcstas(write(text)).rows.tolist() == [[1, 2, 3]]


@pytest.mark.parametrize("bad", ["nan", "-nan", "inf", "1e999"])
@pytest.mark.parametrize("kind", ["1-D", "2-D"])
def test_numbers_that_are_none_are_named_by_their_line(write, bad, kind):
    lines = {"1-D": ONE, "2-D": TWO}[kind].split("\n")
    number = max(place for place, line in enumerate(lines) if line and not line.startswith("#"))
    cells = lines[number].split()
    lines[number] = " ".join([*cells[:-1], bad])
    with pytest.raises(
        SourceError, match=rf"line {number + 1}: expected numbers that are finite, found -?(nan|inf)"
    ):
        read_mcstas(write("\n".join(lines)))


def test_intensities_that_are_logarithms_are_what_they_mean(write):
    columns = [np.arange(3.0), np.array([2.0, 1.0, 0.0]), np.zeros(3), np.array([4, 1, 0])]
    text = text_1d(HEAD_3, columns).replace("# ylabel: Intensity", "# ylabel: Intensity [n/s] (log)")
    read = read_mcstas(write(text))
    assert read.intensity.tolist() == [100, 10, 0]
    assert read.error.tolist() == [50, 10, 0]


DAMAGES = st.lists(
    st.tuples(
        st.integers(0, 2000),
        st.sampled_from([b"", b"nan", b"-", b"9" * 30, b"e", b"\n", b"#", b"\xff", b" "]),
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=int(os.environ.get("DONKI_CASES", "150")))
@given(st.sampled_from(["1-D", "2-D", "list"]), DAMAGES)
def test_what_is_damaged_is_read_as_it_says_or_refused(scratch, kind, damages):
    data = {"1-D": ONE, "2-D": TWO, "list": LIST}[kind].encode()
    for place, text in damages:
        begin = place % len(data)
        data = data[:begin] + text + data[begin + 1 :]
    scratch.write_bytes(data)
    try:
        read = read_mcstas(scratch)
    except SourceError as error:
        assert str(error).startswith(f"{scratch}, line ")  # noqa: PT017 - either way is right
    else:
        if isinstance(read, Monitor):
            assert np.isfinite([read.intensity, read.error, read.rays]).all()
