"""The page of a study: complete, the same to the byte, and nothing in it runs."""

import base64
import gzip
import hashlib
import json
import os
import re
import shutil
import time

import pytest

from harness.analysis.comparison import comparisons
from harness.analysis.contribution.ancestry import unified_diff
from harness.analysis.loading import runs_below
from harness.record.journal import JOURNAL_NAME
from harness.reporting import run_page
from harness.reporting.html import _folding, write_report
from harness.reporting.run_page import Colours, _lines
from harness.reporting.summary import folder_of
from tests.conftest import SEED_NETWORK
from tests.support.commands import run_main as command
from tests.support.records import LINT, evaluated, record_run, record_study

HOSTILE = (
    "</script><img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
)


@pytest.fixture
def hostile(tmp_path):
    """A run whose every text would like to be markup."""
    refused = LINT | {"reason": HOSTILE}
    record_run(tmp_path / "run", arm=f"full {HOSTILE}", seed=0, text=HOSTILE,
               children=[("g0.c0", evaluated(0.98, 500)), ("g0.c1", refused)])  # fmt: skip
    return tmp_path


def page_of(folder):
    return write_report(comparisons(runs_below(folder).runs), folder)


def packed(page):
    """What the page shows on demand, by run."""
    found = re.findall(r'<script type="text/plain" id="run-\d+">(\S+)</script>', page.read_text())
    return [json.loads(gzip.decompress(base64.b64decode(data))) for data in found]


@pytest.mark.slow
def test_one_command_gives_back_every_generated_file_to_the_byte(tmp_path):
    record_study(tmp_path, arms=["full", "random_mutation"], seeds=range(2), proposals=16,
                 source=SEED_NETWORK.read_text(), words=20)  # fmt: skip
    written = []
    for _ in range(2):
        done = command(tmp_path, module="harness.report")
        assert done.returncode == 0, done.stderr
        (folder,) = tmp_path.glob("comparison-*")
        files = [tmp_path / "report.html", *folder.iterdir()]
        written.append({path.name: path.read_bytes() for path in files})
        shutil.rmtree(folder)
        (tmp_path / "report.html").unlink()
    assert written[0] == written[1]
    assert {"table.md", "table.tex", "table.csv", "table.json", "pareto.pdf", "cost.png"} <= set(
        written[0]
    )


def test_nothing_in_a_folder_of_somebody_else_is_written_through_or_waited_for(hostile):
    mine = hostile / "mine"
    mine.mkdir()
    (mine / "file").write_text("precious")
    runs = hostile / "run"
    (comparison,) = comparisons(runs_below(runs).runs)
    folder = folder_of(comparison, runs)
    for path in (runs / "report.html", folder / "table.csv", folder / "pareto.png"):
        path.symlink_to(mine / "file")
    os.mkfifo(folder / "table.md")
    page_of(runs)
    assert (folder / "table.md").is_file()
    shutil.rmtree(folder)
    folder.symlink_to(mine)
    assert not folder_of(comparison, runs).is_symlink()
    assert [path.name for path in mine.iterdir()] == ["file"]
    assert (mine / "file").read_text() == "precious"


def test_thousands_of_equal_lines_are_compared_at_once():
    before, after = ("pass\n0\n" * 2500, "0\npass\n1\n" * 1700)
    started = time.process_time()
    assert list(_lines(before, after, Colours()))
    assert time.process_time() - started < 10


def test_lines_that_are_each_rare_and_all_repeated_are_compared_at_once():
    before = "\n".join(f"l{7 * i % 99}" for i in range(9000))
    after = "\n".join(f"l{i % 99}" for i in range(9000))
    parent, child = (f"# segment: A\n{text}" for text in (before, after))
    started = time.process_time()
    assert len(list(_lines(before, after, Colours()))) == 18000
    assert len(list(unified_diff(parent, child))) == 3 + 18000
    assert time.process_time() - started < 10


def test_each_front_member_has_its_lineage_and_each_refusal_its_reason(tmp_path):
    record_study(tmp_path, arms=["full"], seeds=[0], proposals=40, source=SEED_NETWORK.read_text())
    (result,) = runs_below(tmp_path).runs
    (shown,) = packed(page_of(tmp_path))
    assert [member["step"] for member in shown["front"]] == [c.step for c in result.hall_of_fame]
    for member in shown["front"]:
        assert member["lineage"][-1] == member["step"]
        eldest = shown["individuals"][member["lineage"][0]]
        assert eldest["of"] == "seed"
        assert eldest["asked"][0]["prompt"].startswith("Improve this.")
        signs = [sign for change in eldest["changes"] for sign, _ in change["lines"]]
        assert "+" in signs
    refused = [c.step for c in result.candidates if not c.valid]
    assert shown["refused"] == refused
    assert all("refused by" in shown["individuals"][step]["outcome"] for step in refused)
    assert json.loads(shown["manifest"]) == result.manifest.content


def test_texts_are_data_and_only_the_pages_own_script_may_run(hostile):
    text = page_of(hostile).read_text()
    assert HOSTILE not in text
    assert 'onerror="' not in text
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text
    assert "default-src 'none'" in text
    assert not re.search(r"(?:src|href)=\"(?!data:)", text)
    (shown,) = packed(hostile / "report.html")
    assert HOSTILE in shown["individuals"]["g0.c1"]["asked"][0]["prompt"]


def test_code_keeps_its_text_in_colours():
    source = 'def f(x):  # why\n    return """a\nb""" + str(1.5)\n'
    (lines,) = Colours().lines(source)
    assert ["".join(text for _, text in line) for line in lines] == source.splitlines()
    assert {kind for line in lines for kind, _ in line} >= {"k", "f", "c", "s", "b", "n"}


@pytest.mark.parametrize("much", ["x = 1\n" + " \n" * 30_000 + "y\n", "x = 1  # a\n" * 6_000])
def test_code_that_would_take_minutes_to_colour_is_plain(much):
    """30,000 blank lines fit into the 64 KiB of a candidate; pygments takes minutes for them."""
    started = time.process_time()
    shown = list(_lines("x = 1\n", much + "z\n", Colours()))
    assert time.process_time() - started < 5
    assert ("+", (("", "z"),)) in shown
    assert (" " if much[5] == "\n" else "-", (("", "x = 1"),)) in shown


def test_a_page_has_colours_up_to_its_limit(monkeypatch):
    monkeypatch.setattr(run_page, "_MOST_TOKENS", 12)
    colours = Colours()
    (one,), (two,) = colours.lines("x = 1\n", "x = 2\n")
    assert one == (("", "x = "), ("n", "1"))
    assert colours.lines("x = 1\n", "x = 3\n") == [((("", "x = 1"),),), ((("", "x = 3"),),)]
    assert colours.lines("x = 1\n", "x = 2\n") == [(one,), (two,)]


def test_what_cannot_be_read_is_named_on_the_page_and_the_rest_shown(hostile):
    (hostile / "other").mkdir()
    (hostile / "other" / JOURNAL_NAME).write_bytes(b"no journal" * 999)
    done = command(hostile, module="harness.report")
    assert done.returncode == 2
    assert "left out" in done.stderr
    text = (hostile / "report.html").read_text()
    assert '<p class="warn">left out: ' in text
    assert 'id="run-0"' in text
    assert command(hostile / "none", module="harness.report").returncode == 2


def test_a_place_that_cannot_be_written_is_one_sentence(hostile):
    done = command(hostile, "--out", hostile / "run" / JOURNAL_NAME, module="harness.report")
    assert done.returncode == 2
    assert "expected a folder that can be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_cell_folds_before_a_range_and_never_in_it():
    assert _folding("0.46 [0.23, 0.77]") == "0.46 <span>[0.23, 0.77]</span>"
    assert _folding("33 / 17 / 50") == "<span>33 / 17 / 50</span>"
    assert _folding("11 build, 4 same function") == "11 build, 4 same function"
    assert _folding("<b> [<i>]") == "&lt;b&gt; <span>[&lt;i&gt;]</span>"


@pytest.fixture
def browser():
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium: nox -s browser")
    from selenium.webdriver.chrome.service import Service

    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("needs Chromium and its driver: apt install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1300,1500"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=Service(driver))
    yield opened
    opened.quit()


def unfold_all(browser):
    """Open everything that can be opened, until nothing new appears."""
    for _ in range(6):
        browser.execute_script(
            "for (const d of document.querySelectorAll('details')) d.open = true;"
        )
        time.sleep(0.4)
    return browser.find_element("tag name", "body").text


def test_in_a_browser_hostile_text_is_shown_and_never_run(browser, hostile):
    browser.get(page_of(hostile).as_uri())
    title = browser.title
    text = unfold_all(browser)
    assert browser.title == title
    assert "owned" not in title.replace(HOSTILE, "")
    assert text.count(HOSTILE) >= 5  # name of the arm, reason, code, prompt, answer
    assert "Front, smallest first" in text
    assert "Refused proposals: 1" in text
    assert browser.get_log("browser") == []
    asked = browser.execute_script(
        "return performance.getEntriesByType('resource').map(e => e.name)"
    )
    assert all(name.startswith("data:") for name in asked)


def test_in_a_browser_tables_fit_a_screen_and_else_scroll_in_their_box(browser, tmp_path):
    arms = ["full", "random_mutation", "random_mutation_as_before"]
    record_study(
        tmp_path, arms=arms, seeds=range(4), proposals=8, source=SEED_NETWORK.read_text(), words=9
    )
    browser.get(page_of(tmp_path).as_uri())
    for width, fits in ((1300, True), (600, False)):
        browser.set_window_size(width, 1500)
        sizes = browser.execute_script(
            "return [document.documentElement, ...document.querySelectorAll('.scroll')]"
            ".map(e => e.scrollWidth <= e.clientWidth)"
        )
        assert sizes[0]  # the page itself never scrolls sideways
        assert all(sizes[1:]) == fits


def test_in_a_browser_a_study_of_30_runs_opens_in_two_seconds(browser, tmp_path):
    arms = ["full", "no_eot", "no_crp", "only_expert", "shuffled_eot", "random_mutation"]
    record_study(
        tmp_path, arms=arms, seeds=range(5), proposals=200, source=SEED_NETWORK.read_text()
    )
    began = time.perf_counter()
    assert command(tmp_path, module="harness.table").returncode == 0
    table_s = time.perf_counter() - began
    page = page_of(tmp_path)
    began = time.perf_counter()
    browser.get(page.as_uri())
    page_s = time.perf_counter() - began
    print(f"table of 30 runs x 200 candidates {table_s:.2f} s, page opened in {page_s:.2f} s")
    assert len(browser.find_elements("css selector", "details[data-run]")) == 30
    assert max(table_s, page_s) < 10  # a bound on any machine; what it took is printed
