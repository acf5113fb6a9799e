// The keys of the viewer, shown with "?".
const {h, icon} = await import(`./dom.js${new URL(import.meta.url).search}`)

const KEYS = [
  ["Images", [[", . ← →", "previous, next"], ["Shift ← →", "ten back, ten on"], ["Home End", "first, last"], ["Space", "play, pause"], ["f", "follow the newest"], ["Alt or Shift + wheel", "step"]]],
  ["View", [["wheel, pinch", "zoom to the pointer"], ["drag", "move"], ["+ −", "zoom"], ["0 or double click", "whole image"], ["1", "one screen pixel a pixel"], ["counts", "are written from 24 screen pixels a pixel"]]],
  ["Contrast", [["a", "automatic"], ["l", "linear, logarithmic, square root"], ["i", "dark or bright spots"]]],
  ["Over the image", [["r", "resolution rings"], ["c", "ice bands"], ["b", "beam centre"], ["e", "detector edge"], ["s", "spots found"], ["k", "predicted reflections, hkl under the pointer"], ["o", "overloads"], ["m", "masked pixels"]]],
  ["Measure", [["p", "line profile"], ["x", "box"], ["d", "radial average"], ["h", "histogram"], ["v", "compare with the next image"], ["Esc", "put the tool away"]]],
]

/** A dialog with all keys: {element, toggle}. */
export function helpBox() {
  const close = h("button.plain.square", {type: "button", "aria-label": "Close", onclick: () => element.close()}, icon("close"))
  const element = h("dialog.f-help", {"aria-label": "Keys of the viewer"}, h("header.f-row", {}, h("h3", {}, "Keys of the viewer"), h("span.gap"), close),
    h("div.f-keys", {}, KEYS.map(([title, rows]) => h("section", {}, h("h4", {}, title), h("dl", {}, rows.map(([key, words]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, words)]))))))
  element.addEventListener("click", (event) => { if (event.target === element) element.close() })
  return {element, toggle: () => (element.open ? element.close() : element.showModal())}
}
