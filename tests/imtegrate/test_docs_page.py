"""`/docs` as a person sees it, in a real Chromium without a screen."""

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from editing import DOCUMENT, Edited, patched
from running import KEYS, Serving, running, unknown_token

ARTEFACTS: Final = Path(os.environ.get("IMTEGRATE_ARTEFACTS", DOCUMENT.parent / "artefacts"))
"""Where screenshots are kept for whoever wants to look."""

PATIENCE: Final = 30
"""Seconds that the page may take for anything; a machine under load is slow."""

NAME: Final = "/components/schemas/ApiKeyCreate/properties/name"

COUNTING: Final = """
window.counts = [];
window.asked = () => performance.getEntriesByType("resource").length;
document.addEventListener("visibilitychange", () => {
    // What was asked in front is answered a second later.
    if (document.hidden) setTimeout(() => counts.push(asked()), 1000);
    else counts.push(asked());
});
"""
"""Counts what the page has asked when it has gone behind another, and when it comes back."""

FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",  # Chromium refuses to be root's with it
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    # What Chromium asks its maker for by itself is not the page's doing.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,1600",
)


class Page:
    """The page in a browser, and what a person does with it."""

    def __init__(self, driver: Chrome, url: str) -> None:
        self.driver = driver
        self.url = url
        self._requests: list[str] = []
        driver.get(f"{url}/docs")

    def find(self, selector: str) -> WebElement:
        """The first element of a CSS selector, once it is there."""
        found: WebElement = self._wait(lambda: self.driver.find_element(By.CSS_SELECTOR, selector))
        return found

    def wait_for(self, selector: str, text: str) -> str:
        """Wait until the element's text holds another; the whole text."""
        shown: str = self._wait(lambda: text in (now := self.find(selector).text) and now, f"{text!r} in {selector}")
        return shown

    def click(self, selector: str) -> None:
        """Click in the middle of the view, where nothing sticks out over it."""
        element = self.find(selector)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def fill(self, selector: str, text: str) -> None:
        """Type over what stands in a field."""
        self.find(selector).send_keys(Keys.CONTROL, "a")
        self.find(selector).send_keys(text)

    def authorize(self, token: str) -> None:
        """Give a token, the way the page offers it."""
        self.click(".btn.authorize")
        self.fill(".auth-container input", token)
        self.click(".auth-container .authorize.button, .auth-btn-wrapper .authorize")
        self.click(".auth-btn-wrapper .btn-done")

    def make_key(self, body: str) -> tuple[str, str]:
        """Fill in the form, and send it: the status and the answer that are shown, not those the document lists."""
        self.fill(".body-param__text", body)
        if self.driver.find_elements(By.CSS_SELECTOR, ".btn-clear"):
            self.click(".btn-clear")
        return self.execute()

    def execute(self) -> tuple[str, str]:
        """Send the form as it is: the status, and the answer with all that is shown of it."""
        self.click(".btn.execute")
        shown = self.wait_for(".live-responses-table", "Response body")
        return self.find(".live-responses-table tbody .response-col_status").text.split()[0], shown

    def screenshot(self, name: str) -> None:
        """Keep what is seen."""
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        assert self.driver.save_screenshot(str(ARTEFACTS / name))

    def requests(self) -> list[str]:
        """The URL of every request so far, but for `data:`, and the browser's own first tab: they ask nobody."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self._requests.append(message["params"]["request"]["url"])
        return [url for url in self._requests if not url.startswith(("data:", "chrome"))]

    def complaints(self) -> list[dict[str, Any]]:
        """What the console says: errors of scripts, and what the policy kept out; refused keys are no news there."""
        return [
            entry
            for entry in self.driver.get_log("browser")
            if not re.search(rf"{KEYS} .*status of 4", entry["message"])
        ]

    def _wait(self, found: Any, what: str = "") -> Any:
        def stale_or_missing(_driver: Chrome) -> Any:
            return found()

        return WebDriverWait(self.driver, PATIENCE).until(stale_or_missing, what)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """A Chromium; one for all tests, as its start is what costs."""
    programs = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    assert all(programs.values()), "the page is tested in Chromium: apt-get install chromium chromium-driver"
    options = ChromeOptions()
    options.binary_location = str(programs["chromium"])
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    chrome = Chrome(options, Service(str(programs["chromedriver"])))
    try:
        yield chrome
    finally:
        chrome.quit()


@contextmanager
def opened(driver: Chrome, url: str) -> Iterator[Page]:
    """The page of a service; at the end nothing else was asked, and the console has nothing to say."""
    for kind in ("performance", "browser"):
        driver.get_log(kind)
    page = Page(driver, url)
    page.find(".opblock")
    yield page
    hosts = {urlsplit(asked).netloc for asked in page.requests()}
    complaints = page.complaints()
    driver.get("about:blank")  # it asks the service nothing more
    assert hosts == {urlsplit(url).netloc}
    assert complaints == []


def test_a_key_is_made_by_filling_in_the_form(driver: Chrome, dev: Serving) -> None:
    """Without a token, the form as it opens makes a key: 201, and the token, are seen."""
    with opened(driver, dev.running.url) as page:
        status, shown = page.make_key('{"name": "made by hand"}')
        assert status == "201"
        assert '"token": "imt_test_' in shown
        assert "Authorization" not in page.find(".curl").text
        page.driver.execute_script("document.querySelector('.opblock').scrollIntoView()")
        page.screenshot("docs.png")


def test_the_example_of_the_form_makes_a_key(driver: Chrome, dev: Serving) -> None:
    """What the form proposes is a body that the service takes."""
    with opened(driver, dev.running.url) as page:
        assert page.execute()[0] == "201"


@pytest.mark.parametrize("written", ["{}", "Bearer {}"])
def test_a_token_is_sent(driver: Chrome, serving: Serving, written: str) -> None:
    """Under `serve` the form without a token sees 401; with one, pasted with its scheme or without, 201."""
    with opened(driver, serving.running.url) as page:
        assert page.make_key('{"name": "made by hand"}')[0] == "401"
        page.authorize(written.format(serving.token))
        status, shown = page.make_key('{"name": "made by hand"}')
        assert status == "201"
        assert '"token": "imt_test_' in shown


def test_tokens_are_judged(driver: Chrome, dev: Serving) -> None:
    """Under `dev` a good token makes a key, 201; a revoked one, and one that nobody made, see 401."""
    good, revoked = dev.key(scopes=["*"]), dev.key(scopes=["*"])
    dev.revoke(revoked)
    for token, status in ((good["token"], "201"), (revoked["token"], "401"), (unknown_token(), "401")):
        with opened(driver, dev.running.url) as page:
            page.authorize(token)
            assert page.make_key('{"name": "made by hand", "env": "test"}')[0] == status


def test_a_fault_is_seen_with_its_place(driver: Chrome, dev: Serving) -> None:
    """A name that is too short sees 422, and where and what is wrong."""
    with opened(driver, dev.running.url) as page:
        status, shown = page.make_key('{"name": ""}')
        assert status == "422"
        assert '"name"' in shown
        assert '"string_too_short"' in shown
        page.screenshot("docs-422.png")


def test_any_document_is_shown_and_tried(driver: Chrome, tmp_path: Path) -> None:
    """Below a base path, of a server elsewhere, each operation that is tried asks this server and no other."""
    path = tmp_path / "openapi.json"
    answer = {"200": {"description": "ok", "content": {"application/json": {"schema": {"const": "seen"}}}}}
    header = {"name": "authorization", "in": "header", "required": True, "schema": {"type": "string"}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Things </title> & more", "version": "1"},
        "servers": [{"url": "https://{where}.example.com/base/v2", "variables": {"where": {"default": "api"}}}],
        "components": {"parameters": {"authorization": header}},
        "paths": {
            "/things": {
                "parameters": [{"$ref": "#/components/parameters/authorization"}],
                "servers": [{"url": "https://elsewhere.example.com"}],
                "get": {"operationId": "list", "responses": answer},
            },
            "/others": {"get": {"operationId": "others", "responses": answer}},
        },
    }
    path.write_text(json.dumps(document))
    with running("mock", "--spec", path, cwd=tmp_path) as service, opened(driver, service.url) as page:
        assert page.driver.title == "Things </title> & more"
        page.authorize("anything")
        page.click("#operations-default-list .opblock-summary-control")
        status, shown = page.execute()
        assert status == "200"
        assert '"seen"' in shown
        assert "Authorization: Bearer anything" in page.find(".curl").text
        assert page.find(".request-url").text.endswith(f"{service.url}/base/v2/things")
        assert not [asked for asked in page.requests() if "/docs/changes" in asked]


@pytest.mark.parametrize("path", ["", "/start.js", "/copy.js", "/page.css", "/swagger-ui.css", "/swagger-ui-bundle.js"])
def test_the_page_is_kept_by_browsers(serving: Serving, path: str) -> None:
    """Whoever has a part of the page is told 304; HEAD has the headers of GET; no part is taken for another type."""
    whole = serving.http.get(f"/docs{path}")
    assert whole.status_code == 200
    assert whole.headers["x-content-type-options"] == "nosniff"
    again = serving.http.get(f"/docs{path}", headers={"If-None-Match": whole.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = serving.http.head(f"/docs{path}")
    own = {"date": "", "x-request-id": ""}
    assert {**head.headers, **own} == {**whole.headers, **own}


def test_the_page_may_ask_this_server_alone(serving: Serving) -> None:
    """Its policy lets it run its own scripts alone, ask its own server alone, and stand in no frame."""
    headers = serving.http.get("/docs").headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert headers["referrer-policy"] == "no-referrer"


def test_changes_are_for_dev_alone(serving: Serving, dev: Serving) -> None:
    """What an edit changed is told under `dev`; `serve` has no such thing, though it reloads."""
    assert serving.http.get("/docs/changes").status_code == 404
    told = dev.http.get("/docs/changes")
    assert told.json() == {"edition": dev.http.get("/openapi.json").headers["etag"], "changes": [], "faults": []}
    assert dev.http.get("/docs/changes", headers={"If-None-Match": told.headers["etag"]}).status_code == 304


@pytest.fixture
def edited(tmp_path: Path) -> Iterator[Edited]:
    """`dev`, and a document to edit."""
    path = tmp_path / "openapi.json"
    path.write_bytes(DOCUMENT.read_bytes())
    with running("dev", "--spec", path, cwd=tmp_path) as service:
        yield Edited(service, path)


def test_it_follows_edits(driver: Chrome, edited: Edited) -> None:
    """An edit is seen without a reload: the new limit, and what changed; what was typed before stays."""
    with opened(driver, edited.service.url) as page:
        page.driver.execute_script("window.untouched = true")
        page.fill(".body-param__text", '{"name": "typed before"}')
        edited.edit([("replace", f"{NAME}/maxLength", 77)])
        assert "breaks" in page.wait_for("#news", "at most 77 characters")
        assert page.driver.execute_script("return window.untouched")
        assert page.find(".body-param__text").get_attribute("value") == '{"name": "typed before"}'
        page.click(".opblock-section-request-body .tab li:last-child button")
        page.wait_for(".opblock-section-request-body", "77")
        page.screenshot("docs-edited.png")


def test_it_asks_only_while_it_is_seen(driver: Chrome, dev: Serving) -> None:
    """Behind another tab the page asks nothing; in front again it goes on; meanwhile what was typed stays."""
    with opened(driver, dev.running.url) as page:
        page.fill(".body-param__text", '{"name": "typed"}')
        driver.execute_script(COUNTING)
        mine = driver.current_window_handle
        driver.switch_to.new_window("tab")
        time.sleep(4)  # four questions, if it asked
        driver.close()
        driver.switch_to.window(mine)
        WebDriverWait(driver, PATIENCE).until(lambda _: driver.execute_script("return counts.length") == 2)
        settled, in_front_again = driver.execute_script("return counts")
        assert in_front_again == settled
        WebDriverWait(driver, PATIENCE).until(lambda _: driver.execute_script("return asked()") > settled)
        assert page.find(".body-param__text").get_attribute("value") == '{"name": "typed"}'


def test_it_shows_what_keeps_an_edit_out(driver: Chrome, edited: Edited) -> None:
    """A broken edit is told with its place and mend, and the page shows the document in force; until it is mended."""
    with opened(driver, edited.service.url) as page:
        edited.write(json.dumps(patched(edited.published, [("replace", f"{NAME}/maxLength", "many")])))
        assert NAME in page.wait_for("#news", "not in force")
        page.screenshot("docs-broken.png")
        edited.edit([("replace", f"{NAME}/maxLength", 9)])
        page.wait_for("#news", "what callers notice")


def test_a_narrow_screen_shows_it_whole(driver: Chrome, tmp_path: Path) -> None:
    """At 320 pixels a key is made, and nothing stands beside the screen, be the title one long word (WCAG 1.4.10)."""
    document = patched(json.loads(DOCUMENT.read_text()), [("replace", "/info/title", "Keys" * 40)])
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    narrow = {"width": 320, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", narrow)
    try:
        with running("dev", cwd=tmp_path) as service, opened(driver, service.url) as page:
            status, _ = page.make_key('{"name": "narrow"}')
            page.screenshot("docs-narrow.png")
            assert status == "201"
            root = driver.find_element(By.CSS_SELECTOR, "html")
            assert root.get_property("scrollWidth") == root.get_property("clientWidth")
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
