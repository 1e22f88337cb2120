"""The page's languages: which one is shown, that it changes in mid-call, and that no text is missing in any."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from html.parser import HTMLParser
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.pages import serve_files, watch

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PATIENCE_MS = 30_000
LITERAL = re.compile(r'"([\w.-]+)"')
MADE_UP = re.compile(r"`([\w.-]*\$\{[^`]*)`")  # a key that is put together, such as `problem.${code}.title`
COMMENT = re.compile(r"^\s*//.*$", re.MULTILINE)
IMPORT = "(await import('/static/i18n.js'))"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def page(browser: Browser) -> AsyncIterator[Page]:
    page = await browser.new_page()
    await serve_files(page)
    yield page


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def texts(page: Page) -> dict[str, dict[str, Any]]:
    """Every language's texts."""
    languages: dict[str, dict[str, Any]] = await page.evaluate(f"async () => {IMPORT}.LANGUAGES")
    return languages


def sources() -> Iterator[str]:
    """The page's modules, but for the languages themselves."""
    folders: list[Traversable] = [files("web")]
    while folders:
        for entry in folders.pop().iterdir():
            if entry.is_dir() and entry.name != "languages":
                folders.append(entry)
            elif entry.name.endswith(".js"):
                yield COMMENT.sub("", entry.read_text(encoding="utf-8"))


class Keys(HTMLParser):
    """The keys in index.html, each with the English that stands there."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._open: str | None = None
        self.feed(files("web").joinpath("index.html").read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        for slot, attribute in {"data-label": "aria-label", "data-tip": "title", "data-content": "content"}.items():
            if slot in named:
                self.found.append((named[slot], named.get(attribute, "")))
        self._open = named.get("data-text")

    def handle_data(self, data: str) -> None:
        if self._open:
            self.found.append((self._open, data))
        self._open = None


def fillings(text: str | dict[str, str]) -> set[str]:
    forms = [text] if isinstance(text, str) else list(text.values())
    return {name for form in forms for name in re.findall(r"\{(\w+)\}", form)}


async def test_all_languages_have_the_same_texts_with_the_same_gaps(texts: dict[str, dict[str, Any]]) -> None:
    assert {"en", "de"} <= set(texts)
    for code, language in texts.items():
        assert list(language) == list(texts["en"]), code
        for key, text in language.items():
            assert text, (code, key)
            assert fillings(text) == fillings(texts["en"][key]), (code, key)
            assert isinstance(text, str) == isinstance(texts["en"][key], str), (code, key)


async def test_no_text_is_unused_and_none_is_missing(texts: dict[str, dict[str, Any]]) -> None:
    known = set(texts["en"])
    code = "\n".join(sources())
    literals = set(LITERAL.findall(code))
    named = literals | {key for key, _ in Keys().found}
    subjects = {key.split(".")[0] for key in known}
    assert {name for name in named if "." in name and name.split(".")[0] in subjects} <= known
    made = [re.compile(re.sub(r"\\\$\\\{.*?\\\}", "([\\\\w-]+)", re.escape(text))) for text in MADE_UP.findall(code)]

    def is_used(key: str) -> bool:
        """By its own name, or put together of a name that stands in some module."""
        return key in named or any(match[1] in named for match in (each.fullmatch(key) for each in made) if match)

    assert {key for key in known if not is_used(key)} == set()


async def test_every_problem_has_a_title_and_a_text(texts: dict[str, dict[str, Any]]) -> None:
    code = "\n".join(sources())
    problems = set(re.findall(r'new Problem\("([\w-]+)"|texts: (?:known \? code : )?"([\w-]+)"', code))
    for problem in {name for pair in problems for name in pair if name}:
        assert {f"problem.{problem}.title", f"problem.{problem}.text"} <= set(texts["en"])


async def test_the_page_says_in_html_what_its_english_says(texts: dict[str, dict[str, Any]]) -> None:
    for key, text in Keys().found:
        assert text == texts["en"][key], key


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [("de-AT en", "de"), ("fr DE", "de"), ("en-GB de", "en"), ("fr eo", "en"), ("constructor", "en")],
)
async def test_the_first_language_that_the_page_has(page: Page, wanted: str, chosen: str) -> None:
    assert await page.evaluate(f"async (wanted) => {IMPORT}.preferred(wanted)", wanted.split()) == chosen


async def test_numbers_and_plurals_follow_the_language(browser: Browser) -> None:
    page = await browser.new_page(locale="de-DE")
    await serve_files(page)
    script = """async () => {
      const { startLanguage, t, message } = await import('/static/i18n.js');
      const { kbps, percent, count, number } = await import('/static/format.js');
      startLanguage();
      return [kbps(0.75), percent(0.0123), count(12345), number(1.5, 3), t("time.minutes", { count: 1 }),
        t("bitrate.mine", { kbps: 1234.5, since: message("frame.since", { frame: 1200 }) })];
    }"""
    assert await page.evaluate(script) == [
        "0,75", "1,2\u00a0%", "12.345", "1,500", "1 Minute", "Die Leitung trägt 1.234,5 kbit/s ab Frame 1.200.",
    ]  # fmt: skip
    await page.close()


async def test_the_browsers_language_is_the_first_and_ones_own_choice_the_last(browser: Browser, server: str) -> None:
    context = await browser.new_context(locale="de-AT")
    page = await context.new_page()
    complaints = watch(page)
    await page.goto(server)
    root, headline, join = page.locator("html"), page.locator("#headline"), page.locator("#join")
    await expect(root).to_have_attribute("lang", "de")
    await expect(headline).to_have_text("Sprich über eine sehr dünne Leitung.")
    await expect(page.get_by_role("meter", name="Pegel dessen, was du sagst")).to_have_count(1)
    await page.locator("#language").select_option("en")
    await expect(root).to_have_attribute("lang", "en")
    await expect(headline).to_have_text("Talk over a very thin line.")
    await expect(page.get_by_role("meter", name="Level of what you say")).to_have_count(1)
    await page.reload()
    await expect(root).to_have_attribute("lang", "en")
    await expect(join).to_have_text("Join the call")
    assert complaints == []
    await context.close()


async def test_a_call_changes_its_language_and_keeps_what_it_says(browser: Browser, server: str) -> None:
    context = await browser.new_context(locale="en-GB")
    page = await context.new_page()
    complaints = watch(page)
    await page.goto(f"{server}?room=zwei-sprachen&name=Ida&autojoin=1")
    await expect(page.locator("#headline")).to_have_text("Waiting for the other end.", timeout=PATIENCE_MS)
    await page.locator("#denoise").click()
    await expect(page.locator("#denoise-status")).to_contain_text("out of your voice", timeout=PATIENCE_MS)
    await expect(page.locator("#n-rtt-note")).to_contain_text("by WebSocket", timeout=PATIENCE_MS)
    await page.locator("#language").select_option("de")
    await expect(page.locator("#headline")).to_have_text("Warten auf das andere Ende.")
    await expect(page.locator("#status")).to_contain_text("oder sag den Raum an: zwei-sprachen.")
    await expect(page.locator("#denoise-status")).to_contain_text("Deine Stimme wird entrauscht")
    await expect(page.locator("#me-note")).to_have_text("entrauscht")
    await expect(page.locator("#bitrate")).to_have_attribute("aria-valuetext", "6 Kilobit pro Sekunde")
    await expect(page).to_have_title("zwei-sprachen – thinline")
    assert complaints == []
    await context.close()


@pytest.mark.parametrize("locale", ["en", "de"])
async def test_nothing_sticks_out_on_a_small_phone(browser: Browser, server: str, locale: str) -> None:
    context = await browser.new_context(locale=locale, viewport={"width": 360, "height": 740})
    page = await context.new_page()
    await page.goto(f"{server}?room=small-{locale}&name=Ida")
    width = "document.documentElement.scrollWidth"
    assert await page.evaluate(width) <= 360
    await page.locator("#join").click()
    await expect(page.locator("#n-rtt-note")).not_to_be_empty(timeout=PATIENCE_MS)
    assert await page.evaluate(width) <= 360
    fits = "[...document.querySelectorAll('#controls button')].every((b) => b.scrollWidth <= b.clientWidth)"
    assert await page.evaluate(fits)
    await page.locator("#keys-open").click()
    assert await page.evaluate("document.querySelector('#keys').scrollWidth <= 360")
    await context.close()


async def test_a_refusal_is_explained_in_the_users_language(browser: Browser, server: str) -> None:
    context = await browser.new_context(locale="de-DE")
    for name in ("Ida", "Ole", "Tom"):
        page = await context.new_page()
        await page.goto(f"{server}?room=volles-haus&name={name}&autojoin=1")
        shown = page.locator("#problem-title") if name == "Tom" else page.locator("#controls")
        await expect(shown).to_be_visible(timeout=PATIENCE_MS)
    await expect(page.locator("#problem-title")).to_have_text("Dieser Raum ist voll")
    await expect(page.locator("#problem-retry")).to_have_text("Einen anderen Raum wählen")
    await context.close()
