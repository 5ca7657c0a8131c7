"""By what a page in a real browser is judged: what sticks out, what is squeezed, what axe finds (WCAG 2.2 AA)."""

from importlib.resources import files
from typing import Any, Literal

from tests.dashboard.browsing import PHONE, WIDE, Tab

NARROWEST = 320
"""CSS pixels at which a page may not need scrolling in two directions (WCAG 2.2, 1.4.10)."""
SIZES = {"wide": WIDE, "phone": PHONE, "narrowest": (NARROWEST, 640)}
SCHEMES: list[Literal["light", "dark"]] = ["light", "dark"]
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")

SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SQUEEZED = """() => [...document.querySelectorAll("body *")].filter((one) => {
  const texts = [...one.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
  const words = texts.map((node) => node.data).join("");
  const box = one.getBoundingClientRect();
  return words.trim().length > 8 && getComputedStyle(one).clipPath === "none" && box.width > 0 && box.width < 40
    && box.height > 90 && !one.closest("thead");
}).map((one) => one.outerHTML.slice(0, 120))"""
TABLES_WITHOUT_HEADERS = """() => [...document.querySelectorAll("table")].filter((table) => {
  const headers = [...(table.tHead?.rows[0]?.cells ?? [])];
  const isHeader = (one) => one.tagName === "TH" && one.scope === "col" && one.textContent.trim();
  return !headers.length || !headers.every(isHeader);
}).map((one) => one.outerHTML.slice(0, 200))"""
DRAWINGS_WITHOUT_WORDS = """() => [...document.querySelectorAll("svg:not(svg svg)")].filter((one) =>
  one.getAttribute("role") !== "img" || !(one.getAttribute("aria-label") || one.querySelector(":scope > title"))
).map((one) => one.outerHTML.slice(0, 120))"""
OPEN_ALL = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"
"""What is folded away is looked at too."""


async def settled(tab: Tab, path: str, status: int, has_script: bool) -> None:
    """Opens a page; one that is told of changes has also fetched its live part."""
    await tab.open(path, status)
    if has_script and await tab.page.locator("[data-live]:not([data-still])").count():
        await tab.is_live()


async def found_by_axe(tab: Tab) -> list[str]:
    """What is against WCAG 2.2 AA, light and dark; for a tab that bypasses the policy on scripts."""
    if not await tab.ask("'axe' in window"):
        await tab.ask(_AXE)
    wrong = []
    for scheme in SCHEMES:
        await tab.page.emulate_media(color_scheme=scheme)
        found = await tab.ask("(tags) => axe.run({runOnly: tags, resultTypes: ['violations']})", _TAGS)
        wrong += [f"{scheme}: {_told(one)}" for one in found["violations"]]
        if len(found["passes"]) <= 10:
            wrong.append(f"{scheme}: axe had little to look at: {len(found['passes'])} rules passed")
    return wrong


def _told(violation: dict[str, Any]) -> str:
    """What axe found, with the first places where."""
    places = [node["html"][:160] for node in violation["nodes"][:3]]
    return f"{violation['id']}: {violation['help']}: {places}"
