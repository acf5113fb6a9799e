// The one script that Panel loads for every part; the class's name on the Python side chooses the drawing.
// The others are loaded beside it with the same version in their address, so that a browser may keep them for ever.
const query = new URL(import.meta.url).search
const beside = (name) => import(`../../_js/js/${name}.js${query}`)
const [, shell, blocks, table, frame, matrix, choices, scatter, run, file, timeline, quality, model] = await Promise.all(
  ["dom", "shell", "blocks", "table", "frame", "matrix", "choices", "scatter", "run", "file", "timeline", "quality", "model"].map(beside),
)

const part = (render) => ({render})

export default {
  Shell: part(shell.render),
  Blocks: part(blocks.render),
  Table: part(table.render),
  FramePane: part(frame.render),
  Matrix: part(matrix.render),
  Choices: part(choices.render),
  Scatter: part(scatter.render),
  RunBoard: part(run.render),
  FilePane: part(file.render),
  TimelinePlot: part(timeline.render),
  QualityBoard: part(quality.render),
  ModelPane: part(model.render),
}
