// Bokeh's figures draw on a canvas, out of reach of style sheets: give them the page's colours by hand.

const COLOURS = {
  light: {text: "#5b6472", strong: "#1d222b", line: "#d9dde3", grid: "#eceef1", back: "#ffffff"},
  dark: {text: "#97a0ae", strong: "#e6e9ee", line: "#333a45", grid: "#262b34", back: "#1a1d24"},
}

/** Colour every figure of the document for the page's theme; only in this browser, nothing is sent.
 *  `fresh`: they are about to be drawn for the first time, so that none is told to draw itself again. */
export function dress(doc, fresh = false) {
  const theme = document.documentElement.dataset.theme === "dark" ? "dark" : "light"
  const c = COLOURS[theme]
  const quiet = {sync: false, silent: fresh}
  for (const model of doc?.all_models ?? []) {
    const set = (values) => {
      const changed = Object.entries(values).filter(([key, value]) => key in model.properties && model.attributes[key] !== value)
      if (changed.length) model.setv(Object.fromEntries(changed), quiet)
    }
    if (/Axis$/.test(model.type)) set({axis_label_text_color: c.text, major_label_text_color: c.text, axis_line_color: c.line, major_tick_line_color: c.line, minor_tick_line_color: null})
    else if (model.type === "Grid") set({grid_line_color: c.grid, grid_line_alpha: 1})
    else if (model.type === "Legend") set({label_text_color: c.text, background_fill_color: null, inactive_fill_color: c.back, border_line_color: null})
    else if (model.type === "Title") set({text_color: c.strong})
    else if (model.type === "Figure") set({background_fill_color: null, border_fill_color: null, outline_line_color: c.line})
  }
}
