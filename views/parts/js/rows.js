// The rows a table has loaded: a sparse list, found by place and by key.

export class Rows {
  constructor(key, page) {
    this.key = key
    this.page = page
    this.clear()
  }
  clear() {
    this.at = []
    this.place = new Map()
    this.total = null
    this.end = 0 // first place after everything known when the total is not
    this.done = false
    this.pending = [] // new rows for the top that wait until they can appear without moving anything
    this.answered = false
  }
  /** How many places the list has as far as known. */
  get length() {
    if (this.total !== null) return Math.max(0, this.total)
    return this.end + (this.done || !this.answered ? 0 : this.page)
  }
  keyAt(index) {
    return this.at[index]?.[this.key]
  }
  row(key) {
    const index = this.place.get(key)
    return index === undefined ? undefined : this.at[index]
  }
  put(offset, rows, total, done) {
    this.answered = true
    rows.forEach((row, i) => {
      const index = offset + i
      if (index < 0) return
      const before = this.place.get(row[this.key])
      if (before !== undefined && before !== index) delete this.at[before]
      const other = this.keyAt(index)
      if (other !== undefined) this.place.delete(other)
      this.at[index] = row
      this.place.set(row[this.key], index)
    })
    this.end = Math.max(this.end, offset + rows.length)
    this.done ||= Boolean(done)
    this.total = typeof total === "number" ? total - this.pending.length : done ? this.end : this.total
  }
  /** Change loaded rows; returns those that really differ as [index, row, before]. */
  update(rows) {
    const changed = []
    for (const row of rows) {
      const index = this.place.get(row[this.key])
      if (index === undefined) {
        const waiting = this.pending.findIndex((other) => other[this.key] === row[this.key])
        if (waiting >= 0) this.pending[waiting] = {...this.pending[waiting], ...row}
        continue
      }
      const before = this.at[index]
      const now = {...before, ...row}
      if (JSON.stringify(now) === JSON.stringify(before)) continue
      this.at[index] = now
      changed.push([index, now, before])
    }
    return changed
  }
  hold(rows) {
    const fresh = rows.filter((row) => !this.place.has(row[this.key]) && !this.pending.some((other) => other[this.key] === row[this.key]))
    this.pending.unshift(...fresh)
    return fresh.length
  }
  /** Let the waiting rows in at the top; returns their keys. */
  admit() {
    const fresh = this.pending.splice(0).filter((row) => !this.place.has(row[this.key]))
    this.at.unshift(...fresh)
    this.end += fresh.length
    if (this.total !== null) this.total += fresh.length
    this.index()
    return fresh.map((row) => row[this.key])
  }
  remove(keys) {
    const gone = new Set(keys)
    this.pending = this.pending.filter((row) => !gone.has(row[this.key]))
    const places = keys.map((key) => this.place.get(key)).filter((index) => index !== undefined).sort((a, b) => b - a)
    for (const index of places) this.at.splice(index, 1)
    this.end -= places.length
    if (this.total !== null) this.total -= places.length
    this.index()
    return places.length
  }
  index() {
    this.place = new Map()
    this.at.forEach((row, index) => this.place.set(row[this.key], index))
  }
  /** First place in [from, to) that is not loaded, or -1. */
  hole(from, to) {
    for (let i = Math.max(0, from); i < Math.min(to, this.length); i++) if (this.at[i] === undefined) return i
    return -1
  }
}
