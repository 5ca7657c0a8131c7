// Comforts the page can do without: the address it came from in its examples, buttons that copy, and the contents folded
// on a phone.
"use strict";

for (const code of document.querySelectorAll("pre code")) {
  if (code.textContent.startsWith("curl ")) {
    code.textContent = code.textContent.replace("http://127.0.0.1:8000", window.location.origin);
  }
}

if (navigator.clipboard) {
  for (const pre of document.querySelectorAll("pre")) {
    const sample = document.createElement("div");
    const button = document.createElement("button");
    sample.className = "sample";
    button.className = "copy";
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(pre.textContent);
      button.textContent = "Copied";
      window.setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    pre.replaceWith(sample);
    sample.append(pre, button);
  }
}

const contents = document.querySelector("nav details");
if (window.matchMedia("(max-width: 60rem)").matches) {
  contents.open = false;
  contents.addEventListener("click", (event) => {
    if (event.target.closest("a")) {
      contents.open = false;
    }
  });
}
