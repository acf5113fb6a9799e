// The module of a component in test_auth_browser.py.
export function render({ model }) {
  const button = document.createElement("button");
  button.className = "bundled";
  const show = () => { button.textContent = `bundled ${model.count}`; };
  button.onclick = () => { model.count += 1; };
  model.on("count", show);
  show();
  return button;
}
