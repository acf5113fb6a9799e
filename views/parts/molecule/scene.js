// Draws one model with its maps. The page around tells what by messages of our own origin, and hears how far it is.
(() => {
  const COLOURS = {"2fofc": 0x4f8ff7, fofc: 0x3fa66b, "fofc-": 0xd65f5f, anom: 0xe2953c}
  const version = document.currentScript.dataset.viewer
  const said = document.getElementById("said")
  let viewer = null
  let maps = new Map() // kind > {volume, shown: [{ref, sign}], level}
  let asked = 0
  let looks = 0

  const tell = (message) => parent.postMessage({from: "scene", ...message}, location.origin)
  function say(words, failed = false) {
    said.textContent = words
    tell({type: failed ? "failed" : "said", words})
  }

  async function theme(dark) {
    document.documentElement.dataset.theme = dark ? "dark" : "light"
    document.documentElement.style.colorScheme = dark ? "dark" : "light"
    let link = document.getElementById("theme")
    if (!link) {
      link = document.createElement("link")
      link.id = "theme"
      link.rel = "stylesheet"
      document.head.prepend(link)
    }
    const href = `${dark ? "dark" : "light"}.css?v=${version}`
    if (link.getAttribute("href") !== href) link.href = href
    viewer?.plugin.canvas3d?.setProps({renderer: {backgroundColor: dark ? 0x14171c : 0xffffff}})
  }

  /** Is there no graphics card? So it is in remote desktops: then nothing is drawn that only looks better. */
  function plain() {
    const probe = document.createElement("canvas").getContext("webgl")
    const about = probe?.getExtension("WEBGL_debug_renderer_info")
    const name = about ? String(probe.getParameter(about.UNMASKED_RENDERER_WEBGL)) : ""
    probe?.getExtension("WEBGL_lose_context")?.loseContext()
    return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(name)
  }

  async function made() {
    if (viewer) return viewer
    const cheap = plain()
    viewer = await molstar.Viewer.create("app", {
      extensions: [], layoutIsExpanded: false, layoutShowControls: false, layoutShowRemoteState: false,
      layoutShowSequence: false, layoutShowLog: false, layoutShowLeftPanel: false, viewportShowExpand: false,
      viewportShowToggleFullscreen: true, viewportShowSelectionMode: false, viewportShowAnimation: false,
      viewportShowSettings: false, viewportShowControls: false, volumeStreamingDisabled: true,
      allowMajorPerformanceCaveat: true, transparency: "blended", ...(cheap ? {disableAntialiasing: true, pixelScale: 0.75} : {}),
    })
    if (cheap) {
      const off = {name: "off", params: {}}
      viewer.plugin.canvas3d?.setProps({multiSample: {mode: "off"}, postprocessing: {occlusion: off, shadow: off, outline: off, antialiasing: off, sharpening: off}})
    }
    return viewer
  }

  async function got(address, words) {
    const answer = await fetch(address, {credentials: "same-origin"})
    if (answer.ok) return answer
    const problem = await answer.json().catch(() => null)
    throw new Error(problem?.text ?? `${words} could not be read (${answer.status}).`)
  }

  async function show({model, maps: wanted, dark}) {
    const mine = ++asked
    if (!window.molstar) {
      return say("This server has no viewer of models: its operators can add it with the extra “model”. Model and maps can be downloaded.", true)
    }
    try {
      say("Loading the model …")
      const text = await (await got(model.src, "The model")).text()
      await made()
      if (!viewer.plugin.canvas3d) return say("This browser has no WebGL, which models are drawn with.", true)
      await theme(dark)
      await viewer.plugin.clear()
      maps = new Map()
      await structure(text, model.form)
      if (mine !== asked) return
      tell({type: "drawn", what: "model"})
      for (const map of wanted) {
        say(`Loading the map ${map.label} …`)
        try {
          await volume(map)
        } catch (error) {
          tell({type: "map", kind: map.kind, words: String(error.message)})
          continue
        }
        if (mine !== asked) return
        tell({type: "map", kind: map.kind, words: ""})
      }
      said.textContent = ""
      tell({type: "drawn", what: "all"})
    } catch (error) {
      if (mine === asked) say(String(error.message || error), true)
    }
  }

  /** Everything as sticks, and the chain as a ribbon: what crystallographers look at in density. */
  async function structure(text, form) {
    const {builders} = viewer.plugin
    const data = await builders.data.rawData({data: text, label: "Model"})
    const trajectory = await builders.structure.parseTrajectory(data, form)
    const model = await builders.structure.createModel(trajectory)
    const whole = await builders.structure.createStructure(model, {name: "model", params: {}})
    const polymer = await builders.structure.tryCreateComponentStatic(whole, "polymer")
    const all = await builders.structure.tryCreateComponentStatic(whole, "all")
    if (polymer) await builders.structure.representation.addRepresentation(polymer, {type: "cartoon", color: "chain-id", typeParams: {alpha: 0.35}})
    if (all) await builders.structure.representation.addRepresentation(all, {type: "ball-and-stick", color: "element-symbol", typeParams: {sizeFactor: 0.12}})
  }

  async function volume({kind, src, label, level, on}) {
    const bytes = new Uint8Array(await (await got(src, `The map ${label}`)).arrayBuffer())
    const {plugin} = viewer
    const data = await plugin.builders.data.rawData({data: bytes, label})
    const {volume: cell} = await plugin.dataFormats.get("ccp4").parse(plugin, data, {entryId: label})
    maps.set(kind, {cell, shown: [], level, on})
    await contours(kind)
  }

  /** Draw a map anew at its level: a net at +level, and of a difference map another at -level. */
  async function contours(kind) {
    const map = maps.get(kind)
    if (!map) return
    const {plugin} = viewer
    const {StateTransforms} = molstar.lib.plugin
    const {Volume} = molstar.lib.volume
    const signs = kind === "fofc" ? [1, -1] : [1]
    const type = (sign) => ({
      type: {name: "isosurface", params: {...plugin.representation.volume.registry.get("isosurface").defaultValues, isoValue: Volume.IsoValue.relative(sign * map.level), visuals: ["wireframe"], sizeFactor: 1, alpha: 1, tryUseGpu: false}},
      colorTheme: {name: "uniform", params: {value: COLOURS[sign < 0 ? `${kind}-` : kind] ?? COLOURS.anom}},
      sizeTheme: {name: "uniform", params: {value: 1}},
    })
    const update = plugin.build()
    if (!map.on) map.shown.forEach((ref) => update.delete(ref))
    else if (map.shown.length) map.shown.forEach((ref, i) => update.to(ref).update(type(signs[i])))
    else map.made = signs.map((sign) => update.to(map.cell).apply(StateTransforms.Representation.VolumeRepresentation3D, type(sign)))
    await update.commit()
    if (!map.on) map.shown = []
    else if (!map.shown.length) map.shown = map.made.map((one) => one.ref)
    tell({type: "contour", kind, level: map.level, on: map.on, shown: map.shown.length})
  }

  // One change of a contour at a time: while one is drawn only the newest that was asked for waits.
  let busy = false
  const waiting = new Map()
  async function contour({kind, level, on}) {
    waiting.set(kind, {level, on})
    if (busy) return
    busy = true
    while (waiting.size) {
      const [[next, wanted]] = waiting
      waiting.delete(next)
      const map = maps.get(next)
      if (!map) continue
      Object.assign(map, wanted)
      await contours(next)
    }
    busy = false
  }

  function look({x, y, z}) {
    const {plugin} = viewer ?? {}
    if (!plugin?.canvas3d) return
    const {camera} = plugin.canvas3d
    plugin.managers.camera.focusSphere({center: [x, y, z], radius: 4}, {durationMs: 150, extraRadius: 3})
    const mine = ++looks
    const there = () => {
      if (mine !== looks) return
      if (camera.transition.inTransition || Math.hypot(camera.target[0] - x, camera.target[1] - y, camera.target[2] - z) > 0.01) return requestAnimationFrame(there)
      tell({type: "centre", at: [...camera.target]})
    }
    requestAnimationFrame(there)
  }

  addEventListener("message", ({origin, source, data}) => {
    if (origin !== location.origin || source !== parent) return
    if (data?.type === "show") show(data)
    else if (data?.type === "contour") contour(data)
    else if (data?.type === "look") look(data)
    else if (data?.type === "theme") theme(data.dark)
  })
  tell({type: "ready"})
})()
