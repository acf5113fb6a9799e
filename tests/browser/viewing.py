"""What tests do with the frame viewer of the gallery."""

from playwright.sync_api import Locator, Page, expect

_DIGEST = """async () => {
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))
  const all = root => [...root.querySelectorAll("*")].flatMap(e => [e, ...(e.shadowRoot ? all(e.shadowRoot) : [])])
  const seen = []
  for (const canvas of all(document).filter(e => e.matches(".f-stage canvas") && e.getClientRects().length)) {
    const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
    let sum = 0
    for (let i = 0; i < data.length; i++) sum = (sum * 31 + data[i]) % 1000000007
    seen.push(sum)
  }
  return seen
}"""


def go(page: Page, query: str) -> None:
    page.goto(f"?page=image{query}")
    drawn(page)
    expect(page.locator(".f-time")).to_contain_text("on screen in")
    expect(page.get_by_text("Geometry consistent").first).to_be_visible()


def drawn(page: Page) -> Locator:
    picture = page.locator(".f-picture").first
    expect(picture).to_have_attribute("data-drawn", "true")
    return picture


def said(page: Page, key: str) -> str:
    return str(page.locator(".f-picture").first.evaluate("(canvas, key) => canvas.dataset[key] ?? ''", key))


def at(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where the centre of a detector pixel is on the page, for the zoom in the link."""
    box = page.locator(".f-picture").first.bounding_box()
    assert box is not None
    middle_x, middle_y, scale = map(float, query(page)["at"].split(","))
    return (
        box["x"] + box["width"] / 2 + (x + 0.5 - middle_x) * scale,
        box["y"] + box["height"] / 2 + (y + 0.5 - middle_y) * scale,
    )


def query(page: Page) -> dict[str, str]:
    found: dict[str, str] = page.evaluate("Object.fromEntries(new URLSearchParams(location.search))")
    return found


def link_says(page: Page, name: str, other_than: str | None) -> str | None:
    """What the link says of ``name`` once it is something else."""
    script = "([name, other]) => new URLSearchParams(location.search).get(name) !== other"
    page.wait_for_function(script, arg=[name, other_than])
    return query(page).get(name)


def digest(page: Page) -> list[int]:
    """A number for each canvas of the picture, once nothing is under way."""
    before: list[int] = []
    for _ in range(40):
        found: list[int] = page.evaluate(_DIGEST)
        if found == before:
            return found
        before = found
        page.wait_for_timeout(250)
    raise AssertionError("the picture does not come to rest")


def dragged(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=5)
    page.mouse.up()
