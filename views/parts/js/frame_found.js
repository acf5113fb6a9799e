// What was found on an image and what should be there: spots and predicted reflections, asked for once they are to be seen.

/**
 * `pane`: {eye, ask, signal, look(), image(), idle(): whether nobody looks long enough, several(): whether images are put
 * together, spotsAt(number), predictionsAt(number): addresses, shown: the panel of the overlays, drawn(): all is here}.
 */
export function finds({eye, ask, signal, look, image, idle, several, spotsAt, predictionsAt, shown, drawn}) {
  async function read(name, address, take) {
    const number = image()
    shown().note(name, "…")
    try {
      const found = await (await ask(address(number), signal)).json()
      if (number !== image()) return
      shown().note(name, take(found, number))
      drawn()
    } catch (error) {
      if (error.name !== "AbortError" && number === image()) shown().note(name, error.message)
    }
  }
  const wanted = (name) => look().show.has(name) && image() != null && !eye[name] && !idle()
  return {
    spots() {
      if (!wanted("spots")) return
      read("spots", spotsAt, (found, number) => {
        eye.spots = {image: number, found: found.spots, method: found.method, count: found.count}
        shown().listed(found.listed)
        return found.more ? `${found.count}, the ${found.spots.length} highest drawn` : `${found.count}`
      })
    },
    predictions() {
      if (!wanted("predictions")) return
      // Programs give places in the file's own arrangement, which is not the one that is drawn.
      if (eye.about?.panels) return void shown().note("predictions", "not where panels are moved")
      if (several()) return void shown().note("predictions", "of one image alone")
      read("predictions", predictionsAt, (found, number) => {
        eye.predictions = {image: number, lattices: found.lattices, by: found.by, text: found.text}
        const lattices = `${found.lattices.length} ${found.lattices.length === 1 ? "lattice" : "lattices"}`
        return found.count ? `${found.count} of ${lattices}${found.more ? ", not all drawn" : ""}` : "none"
      })
    },
  }
}
