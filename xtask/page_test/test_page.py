"""results/index.html in a browser, held against results/main: `python -m unittest` here.

Needs chromium and chromedriver on the PATH, and selenium. OATS_PAGE names another file, such as a page that is
not committed yet; it must be in results/, or links to result files are dead.
"""

import csv
import os
import re
import shutil
import tempfile
import unittest
from collections import defaultdict
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from urllib.parse import unquote

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

ROOT = Path(__file__).resolve().parents[2]
PAGE = Path(os.environ.get("OATS_PAGE", ROOT / "results/index.html")).resolve()
FILTERS = ["dataset", "split", "pool", "embedder", "subset"]
COLUMNS = ["ndcg@5", "recall@1", "recall@3", "recall@5", "mrr", "map"]
DEFAULT = {"dataset": "metatool", "split": "query", "pool": "candidates", "embedder": "minilm", "subset": "all"}
ARGUMENTS = """--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking
--disable-component-update --disable-sync --disable-quic"""


def rows(name):
    with open(ROOT / "results/main" / name, newline="") as file:
        return list(csv.DictReader(file))


def means(rows, *labels):
    """Of the rows that differ in the seed alone, the mean over the most seeds, by its labels."""
    most = {}
    for row in rows:
        if row["outcomes"] == "all" and row["seed"].startswith("mean-of-"):
            key = tuple(row[label] for label in labels)
            seeds = int(row["seed"].removeprefix("mean-of-"))
            if key not in most or most[key][0] < seeds:
                most[key] = (seeds, row)
    return most


METRICS = means(rows("metrics.csv"), *FILTERS, "router", "metric")
TESTS = means(rows("tests.csv"), *FILTERS, "router", "baseline", "metric")


def rounded(number, sign=""):
    return format(Decimal(number).quantize(Decimal("0.001"), ROUND_HALF_EVEN), sign + "f")


def interval(row, column, sign=""):
    value, low, high = (rounded(row[name], sign) for name in (column, "ci_low", "ci_high"))
    return f"{value} [{low}, {high}]"


def holm(tests):
    """By the definition: the k-th smallest of m is multiplied by m - k + 1, and none is less than one before."""
    corrected, least = {}, Decimal(0)
    for place, (router, p) in enumerate(sorted(tests.items(), key=lambda test: test[1])):
        least = min(Decimal(1), max(least, p * (len(tests) - place)))
        corrected[router] = least
    return corrected


def expected(choice):
    """What the CSV files say of each router: the cells of its row."""
    shown = defaultdict(dict)
    for (*labels, router, metric), (seeds, row) in METRICS.items():
        labels = dict(zip(FILTERS, labels))
        if labels | {"embedder": choice["embedder"]} == choice and labels["embedder"] in (choice["embedder"], "none"):
            shown[router][metric] = (seeds, row)
    tests = {
        router: row
        for (*labels, router, baseline, metric), (_, row) in TESTS.items()
        if dict(zip(FILTERS, labels)) == choice and (baseline, metric) == ("dense", "ndcg@5")
    }
    corrected = holm({router: Decimal(row["p_value"]) for router, row in tests.items()})
    cells = {}
    for router, metrics in shown.items():
        cells[router] = [interval(metrics[name][1], "value") for name in COLUMNS]
        if router in tests:
            cells[router] += [interval(tests[router], "difference", "+"), rounded(corrected[router])]
        else:
            cells[router] += ["–", "–"]
        cells[router].append(str(metrics["ndcg@5"][0]))
    return cells


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.profile = tempfile.TemporaryDirectory()
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in ARGUMENTS.split():
            options.add_argument(argument)
        options.add_argument(f"--user-data-dir={cls.profile.name}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        service = webdriver.ChromeService(shutil.which("chromedriver"))
        cls.browser = webdriver.Chrome(options=options, service=service)

    @classmethod
    def tearDownClass(cls):
        cls.browser.quit()
        cls.profile.cleanup()

    def setUp(self):
        self.window(1280, 900)
        self.emulate("light")
        self.browser.get(PAGE.as_uri())

    def window(self, width, height):
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def emulate(self, scheme):
        preferred = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in preferred.items()]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def find(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def header(self, text):
        cells = self.browser.find_elements(By.CSS_SELECTOR, "#board thead th")
        return next(cell for cell in cells if cell.text.strip(" ↕↑↓") == text)

    def shown(self):
        """The table's cells by router, in the table's order."""
        return {
            router: [re.sub(r"\s+", " ", cell) for cell in cells]
            for router, cells in self.browser.execute_script(
                """return [...document.querySelectorAll("#board tbody tr")].map((row) => [row.dataset.router,
                [...row.querySelectorAll("td")].map((cell) => [...cell.children].map((part) => part.textContent)
                .filter(Boolean).join(" ") || cell.textContent)])"""
            )
        }

    def column(self, place):
        return [cells[place] for cells in self.shown().values()]

    def choose(self, **choice):
        for name in FILTERS:
            if name in choice:
                Select(self.find(f"#filter-{name}")).select_by_value(choice[name])

    def chosen(self):
        return {name: self.find(f"#filter-{name}").get_property("value") for name in FILTERS}

    def background(self):
        return self.browser.execute_script("return getComputedStyle(document.body).backgroundColor")

    def test_loads_without_errors_or_requests(self):
        self.assertEqual(self.browser.get_log("browser"), [])
        entries = self.browser.execute_script("return performance.getEntriesByType('resource').map((e) => e.name)")
        self.assertEqual([name for name in entries if not name.startswith("data:")], [])
        policy = self.find("meta[http-equiv='Content-Security-Policy']").get_attribute("content")
        self.assertIn("default-src 'none'", policy)
        sources = re.findall(r"""<(?:img|script|link|iframe)\b[^>]*?(?:src|href)="([^"]{0,20})""", PAGE.read_text())
        self.assertGreater(len(sources), 1)
        self.assertEqual([source for source in sources if not source.startswith("data:")], [])

    def test_the_policy_keeps_requests_back(self):
        script = "const [done] = arguments; fetch('https://example.org/').then(() => done('sent'), () => done('kept'))"
        self.assertEqual(self.browser.execute_async_script(script), "kept")
        self.assertIn("Content Security Policy", str(self.browser.get_log("browser")))

    def test_starts_as_the_generator_wrote_it(self):
        written = PAGE.read_text().split("<tbody>")[1].split("</tbody>")[0]
        self.browser.execute_script("document.querySelectorAll('#board a').forEach((a) => a.removeAttribute('tabindex'))")
        made = self.find("#board tbody").get_property("innerHTML")
        self.assertEqual(made.replace("</tr>", "</tr>\n"), written)
        self.assertEqual(self.chosen(), DEFAULT)

    def test_every_choice_shows_what_the_files_say(self):
        seen = set()

        def visit(names):
            if not names:
                choice = self.chosen()
                seen.add(tuple(choice.values()))
                self.assertEqual(self.shown(), expected(choice), choice)
                command = self.find("#regenerate code").text
                self.assertEqual(command, f"cargo xtask reproduce --experiments main --datasets {choice['dataset']}")
                return
            offered = Select(self.find(f"#filter-{names[0]}")).options
            for value in [option.get_attribute("value") for option in offered]:
                self.choose(**{names[0]: value})
                visit(names[1:])

        visit(FILTERS)
        embedders = defaultdict(set)
        for dataset, split, pool, embedder, subset, *_ in METRICS:
            embedders[dataset, split, pool, subset].add(embedder)
        wanted = {
            (dataset, split, pool, embedder, subset)
            for (dataset, split, pool, subset), all in embedders.items()
            for embedder in (all - {"none"} or all)
        }
        self.assertEqual(seen, wanted)

    def test_has_the_first_table_without_javascript(self):
        self.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        try:
            self.browser.get(PAGE.as_uri())
            self.assertEqual(len(self.browser.find_elements(By.CSS_SELECTOR, "#board button")), 0)
            found = self.browser.find_elements(By.CSS_SELECTOR, "#board tbody tr")
            self.assertEqual({row.get_dom_attribute("data-router") for row in found}, set(expected(DEFAULT)))
            self.assertIn("Without JavaScript", self.find("noscript").text)
        finally:
            self.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

    def test_a_choice_that_is_gone_falls_back(self):
        self.choose(split="instance", subset="seen-in-training")
        self.choose(split="query")
        self.assertEqual(self.chosen()["subset"], "all")
        self.choose(dataset="builtin")
        self.assertEqual(self.chosen()["embedder"], "static")

    def test_sorts_by_every_column(self):
        routers = list(self.shown())
        for place, name in enumerate(["NDCG@5", "Recall@1", "Recall@3", "Recall@5", "MRR", "MAP"]):
            for _ in range(2):
                self.header(name).find_element(By.TAG_NAME, "button").click()
                order = self.header(name).get_attribute("aria-sort")
                values = [float(cell.split()[0]) for cell in self.column(place)]
                self.assertEqual(values, sorted(values, reverse=order == "descending"))
                self.assertEqual(len(self.browser.find_elements(By.CSS_SELECTOR, "#board [aria-sort]")), 1)
        self.assertEqual(sorted(self.shown()), sorted(routers))
        self.header("p, Holm").find_element(By.TAG_NAME, "button").click()
        values = [float("inf") if cell == "–" else float(cell) for cell in self.column(7)]
        self.assertEqual(values, sorted(values))

    def test_sorts_by_keyboard(self):
        self.find("#filter-subset").send_keys(Keys.TAB)
        for _ in range(20):
            focused = self.browser.switch_to.active_element
            if focused.tag_name == "button" and focused.text.startswith("Recall@5"):
                break
            focused.send_keys(Keys.TAB)
        else:
            self.fail("the Tab key does not come to Recall@5")
        style = "return getComputedStyle(document.activeElement).outlineStyle"
        self.assertNotEqual(self.browser.execute_script(style), "none")
        focused.send_keys(Keys.ENTER)
        values = [float(cell.split()[0]) for cell in self.column(3)]
        self.assertEqual(values, sorted(values, reverse=True))
        self.assertEqual(self.header("Recall@5").get_attribute("aria-sort"), "descending")

    def test_the_first_tab_skips_to_the_results(self):
        self.find("body").send_keys(Keys.TAB)
        focused = self.browser.switch_to.active_element
        self.assertEqual(focused.text, "Skip to the results")
        focused.send_keys(Keys.ENTER)
        self.assertEqual(self.browser.switch_to.active_element.get_attribute("id"), "main")

    def test_a_number_tells_what_regenerates_it(self):
        self.choose(dataset="toolbench", pool="catalogue")
        self.browser.execute_script("document.querySelector('[data-router=oats-s1] a').focus()")
        self.browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
        value = expected({**DEFAULT, "dataset": "toolbench", "pool": "catalogue"})["oats-s1"][1]
        told = self.find("#chosen").text
        for words in [f"Recall@1 of oats-s1: {value}", "toolbench, query, catalogue, minilm, all"]:
            self.assertIn(words, told)
        self.assertTrue(self.find("#regenerate code").text.endswith("--datasets toolbench"))

    def test_links_lead_somewhere(self):
        links = self.browser.execute_script("return [...document.querySelectorAll('a')].map((a) => a.getAttribute('href'))")
        ids = set(self.browser.execute_script("return [...document.querySelectorAll('[id]')].map((e) => e.id)"))
        for link in set(links):
            if link.startswith("#"):
                self.assertIn(link[1:], ids)
            elif not link.startswith("https://"):
                self.assertTrue((PAGE.parent / unquote(link)).exists(), link)
        duplicates = self.browser.execute_script("return document.querySelectorAll('[id]').length") - len(ids)
        self.assertEqual(duplicates, 0)

    def test_every_figure_is_drawn(self):
        figures = self.browser.execute_script(
            "return [...document.images].map((image) => [image.alt, image.complete && image.naturalWidth > 0])"
        )
        self.assertGreater(len(figures), 0)
        self.assertEqual([alt for alt, drawn in figures if not drawn or not alt], [])

    def test_fits_a_phone(self):
        self.window(375, 800)
        self.browser.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        width = self.browser.execute_script("return document.documentElement.scrollWidth")
        self.assertLessEqual(width, 375)

    def test_is_dark_where_dark_is_preferred(self):
        light = self.background()
        self.emulate("dark")
        dark = self.background()
        self.assertNotEqual(light, dark)
        self.find("#theme").click()
        self.assertEqual(self.background(), light)
        self.find("#theme").click()
        self.assertEqual(self.background(), dark)


if __name__ == "__main__":
    unittest.main()
