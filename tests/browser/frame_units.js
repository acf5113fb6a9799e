// Checks of the viewer's pure parts, run in a page: each returns a list of what is wrong.
export async function checks(from) {
  const load = (name) => import(`${from}/frame_${name}.js`)
  const [codes, screen, geometry, store] = await Promise.all(["codes", "screen", "geometry", "store"].map(load))
  const wrong = []
  const same = (what, got, wanted) => {
    if (JSON.stringify(got) !== JSON.stringify(wanted)) wrong.push(`${what}: ${JSON.stringify(got)} is not ${JSON.stringify(wanted)}`)
  }
  const near = (what, got, wanted, part = 1e-9) => {
    if (!(Math.abs(got - wanted) <= part * Math.abs(wanted))) wrong.push(`${what}: ${got} is not near ${wanted}`)
  }
  return {
    codes(table) { // [[count, code, what the code begins at]] of the server's own companding
      for (const [count, code, low] of table) {
        same(`code of ${count}`, codes.codeOf(count), code)
        same(`lowest of ${code}`, codes.lowest(code), low)
      }
      same("masked counts", [...codes.encoded(new Uint32Array([0, 7, 4294967295, 500000]), 0xffffffff)], [0, 7, 255, 254])
      return wrong.splice(0)
    },
    contrast() {
      const data = new Uint8Array(10_000).fill(4)
      data.fill(255, 0, 1000)
      data[2000] = 120
      const bins = codes.binned(data)
      same("bins", [bins[4], bins[120], bins[255]], [8999, 1, 1000])
      same("a spot does not stretch the contrast", codes.automatic(bins), {low: 4, high: 13})
      same("nothing but mask", codes.automatic(codes.binned(new Uint8Array(9).fill(255))), {low: 0, high: 1})
      same("codes of a picture without counts", [0, 39, 41, 20_000, 90_000].map((count) => codes.codeOf(count, true)), [0, 0, 1, 250, 254])
      same("and what they begin at", codes.lowest(250, true), 20_000)
      same("its tiles", [...codes.encoded(new Uint16Array([0, 8000, 65535]), 65535, true)], [0, 100, 255])
      const look = {low: 0, high: 100, scale: "linear", map: "grey", invert: true}
      const lut = codes.colours(look, {overload: 65000})
      same("dark spots", [lut[0] >>> 0, lut[codes.codeOf(200)] >>> 0], [0xffffffff, 0xff000000])
      same("an overload has a colour of its own", lut[codes.codeOf(70000)] >>> 0, 0xffaa00ff)
      for (const scale of ["linear", "log", "sqrt"]) {
        const shares = Array.from({length: 255}, (_, code) => codes.share(codes.lowest(code), {low: 3, high: 5000, scale}))
        same(`${scale} begins and ends`, [shares[3], shares[254]], [0, 1])
        if (shares.some((share, i) => i && share < shares[i - 1])) wrong.push(`${scale} goes down`)
      }
      for (const map of Object.keys(codes.MAPS)) {
        const light = ([r, g, b]) => 0.2126 * (r / 255) ** 2.2 + 0.7152 * (g / 255) ** 2.2 + 0.0722 * (b / 255) ** 2.2
        const steps = Array.from({length: 65}, (_, i) => light(codes.colour(map, i / 64)))
        if (steps.some((value, i) => i && value < steps[i - 1] - 1e-3)) wrong.push(`${map} does not grow lighter all the way`)
      }
      return wrong.splice(0)
    },
    spots() { // one bright code among many, at every zoom: it must be on the screen, and masked never hides it
      const [width, height] = [500, 400]
      const data = new Uint8Array(width * height).fill(3)
      data.fill(255, 0, width * 30)
      const at = [[0, 399], [499, 200], [123, 217], [250, 31]]
      for (const [x, y] of at) data[y * width + x] = 200
      for (const scale of [0.05, 0.11, 0.23, 0.5, 0.97, 1, 1.03, 1.9, 7.3]) {
        const [w, h] = [Math.ceil(width * scale), Math.ceil(height * scale)]
        const out = new Uint8Array(w * h)
        screen.sample(out, w, h, {data, width, height, factor: 1}, {scale, ox: 0, oy: 0})
        for (const [x, y] of at) {
          let seen = false
          for (let sy = Math.max(0, Math.floor(y * scale) - 1); sy <= Math.min(h - 1, Math.ceil((y + 1) * scale)); sy++)
            for (let sx = Math.max(0, Math.floor(x * scale) - 1); sx <= Math.min(w - 1, Math.ceil((x + 1) * scale)); sx++) seen ||= out[sy * w + sx] === 200
          if (!seen) wrong.push(`the spot at ${x}, ${y} is lost at ${scale}`)
        }
      }
      return wrong.splice(0)
    },
    async memory() { // ten thousand frames and as many tiles, played through: what is kept stays within its bounds
      const [width, height] = [500, 300]
      const headers = {"X-Frame-Width": width, "X-Frame-Height": height, "X-Frame-Factor": 4, "X-Frame-Full": "2000x1200",
        "X-Tile-X": 0, "X-Tile-Y": 0, "X-Tile-Width": width, "X-Tile-Height": height, "X-Tile-Type": "u2"}
      const real = window.fetch
      window.fetch = async (address) => new Response(new Uint8Array(width * height * (address.startsWith("tile") ? 2 : 1)), {headers})
      const kept = new store.Store()
      let most = 0
      try {
        for (let number = 0; number < 10_000; number++) {
          kept.ahead([number, number + 1, number + 2].map((each) => `frame/${each}`))
          await kept.frame(`frame/${number}`)
          if (number % 4 === 0) await new Promise((done) => kept.tile(`tile/${number}`, done))
          most = Math.max(most, kept.frames.bytes, kept.tiles.bytes)
        }
        await Promise.all([...kept.under.values()].map(({promise}) => promise))
      } finally {
        window.fetch = real
      }
      if (most > 100_000_000) wrong.push(`${most} bytes were kept at once`)
      const held = [...kept.frames.values.values()].reduce((sum, frame) => sum + frame.data.length, 0)
      same("what it says that it keeps", kept.frames.bytes, held)
      if (kept.under.size) wrong.push(`${kept.under.size} are under way for ever`)
      if (!kept.there("frame/9999") || kept.there("frame/1")) wrong.push("the oldest is kept, or the newest is not")
      return wrong.splice(0)
    },
    tiles() { // the same counts as codes of a whole frame and as tiles give the same screen
      const [width, height] = [700, 600]
      const counts = Uint16Array.from({length: width * height}, (_, i) => (i * 7919) % 211)
      const whole = {data: codes.encoded(counts, 65535), width, height, factor: 1}
      const view = {scale: 2.5, ox: -400, oy: -300}
      const [a, b] = [new Uint8Array(500 * 400), new Uint8Array(500 * 400)]
      screen.sample(a, 500, 400, whole, view)
      const wanted = store.tilesOf((x, y, w, h) => `${x} ${y} ${w} ${h}`, {scale: 2.5, x: -400, y: -300}, {width: 500, height: 400}, {width, height})
      for (const {address} of wanted) {
        const [x, y, w, h] = address.split(" ").map(Number)
        const part = new Uint16Array(w * h)
        for (let row = 0; row < h; row++) part.set(counts.subarray((y + row) * width + x, (y + row) * width + x + w), row * w)
        screen.sample(b, 500, 400, {data: codes.encoded(part, 65535), width: w, height: h, factor: 1, x, y}, view)
        const at = store.countAt([{x, y, width: w, height: h, counts: part, masked: 65535}], x + 1, y + 2)
        same("count of a pixel", at.count, counts[(y + 2) * width + x + 1])
      }
      same("tiles of the view", wanted.length, 1)
      same("the screen", a.every((code, i) => code === b[i]), true)
      return wrong.splice(0)
    },
    geometry(given, table, ring) { // [[x, y, d, 2θ in radians]] and [d, radius of its ring in pixels] of the server
      for (const [x, y, d, twoTheta] of table) {
        const found = geometry.at(given, x, y)
        near(`d at ${x}, ${y}`, found.d, d, 1e-6)
        near(`2θ at ${x}, ${y}`, found.twoTheta, twoTheta, 1e-6)
      }
      for (const [d, radius] of ring)
        for (const line of geometry.ring(given, geometry.twoThetaOf(given, d)))
          for (const [x, y] of line) {
            near("a ring goes through its own d", geometry.at(given, x, y).d, d, 1e-6)
            if (radius) near("radius", Math.hypot(x - given.beam[0], y - given.beam[1]), radius, 1e-6)
          }
      same("no ring beyond the wavelength", geometry.twoThetaOf(given, given.wavelength / 2.1), null)
      return wrong.splice(0)
    },
    zoom() {
      const [stage, full] = [{width: 800, height: 600}, {width: 4148, height: 4362}]
      const limits = {least: 0.01, most: 64}
      let view = geometry.viewOf(null, stage, full)
      near("the whole fits", view.scale, 600 / 4362)
      const point = {x: 200, y: 150}
      const fixed = [(point.x - view.x) / view.scale, (point.y - view.y) / view.scale]
      for (const by of [1.5, 3, 0.7, 20]) {
        view = geometry.viewOf(geometry.zoomed(view, by, point, stage, limits), stage, full)
        near("x under the pointer stays", (point.x - view.x) / view.scale, fixed[0])
        near("y under the pointer stays", (point.y - view.y) / view.scale, fixed[1])
      }
      const text = geometry.zoomText({x: 12.34, y: 5, scale: 1.23456})
      same("a zoom as text", [text, geometry.zoomFrom(text), geometry.zoomFrom("1,2"), geometry.zoomFrom("")], ["12.3,5.0,1.235", {x: 12.3, y: 5, scale: 1.235}, null, null])
      return wrong.splice(0)
    },
  }
}
