"""What a page shows, through the shadow roots that its parts are drawn in."""

from typing import Any

from playwright.sync_api import Page

_DEEP = """
  const all = (root) => [...root.querySelectorAll("*")].flatMap((e) => [e, ...(e.shadowRoot ? all(e.shadowRoot) : [])])
  const shown = (e) => e.getClientRects().length > 0 && getComputedStyle(e).visibility !== "hidden"
"""

_TEXT = r"""() => {
  const walk = (node) => {
    if (node.nodeType === Node.TEXT_NODE) return node.textContent
    if (!(node instanceof Element) && !(node instanceof ShadowRoot) && node !== document.body) return ""
    const style = node instanceof Element ? getComputedStyle(node) : null
    if (style && (/^(SCRIPT|STYLE)$/.test(node.tagName) || style.display === "none")) return ""
    const root = node.shadowRoot ?? node
    const inside = [...root.childNodes].map(walk).join("")
    return style && style.display !== "inline" ? ` ${inside}\n` : `${inside} `
  }
  return walk(document.body).replace(/[ \t]+/g, " ").replace(/(\s*\n\s*)+/g, "\n")
}"""


def text_of(page: Page) -> str:
    """The words on the page, a line for each block."""
    return str(page.evaluate(_TEXT))


def deep(page: Page, script: str, argument: Any = None) -> Any:
    """Run a function body that may use ``all(root)``, every element under a root, and ``shown(element)``."""
    return page.evaluate(f"(given) => {{ {_DEEP} {script} }}", argument)
