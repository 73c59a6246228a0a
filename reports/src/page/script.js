// Enhances, never carries: the page says everything without it.
(() => {
  "use strict";
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Copy buttons.
  const copy = async (button) => {
    const text = button.dataset.copy;
    let done = false;
    try { await navigator.clipboard.writeText(text); done = true; } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      done = document.execCommand("copy");
      area.remove();
    }
    button.textContent = done ? "Copied" : "Select and copy";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  };
  for (const button of all("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }

  // A link into a closed part opens it.
  const openTo = (element) => {
    for (let at = element; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  };
  const follow = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target) { openTo(target); target.scrollIntoView(); }
  };
  addEventListener("hashchange", follow);
  follow();

  // Paper shows what is closed.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = all("details:not([open])");
    for (const details of closed) details.open = true;
  });
  addEventListener("afterprint", () => { for (const details of closed) details.open = false; });

  // One vertical line through all panels of a timeline; arrow keys step through its events.
  const svgNames = "http://www.w3.org/2000/svg";
  for (const block of all(".timeline")) {
    const panels = all("svg[data-x0]", block).map((svg) => {
      const line = document.createElementNS(svgNames, "line");
      line.setAttribute("class", "cross");
      line.setAttribute("y1", "0");
      line.setAttribute("y2", String(svg.viewBox.baseVal.height));
      line.style.display = "none";
      svg.append(line);
      return { svg, line, x0: +svg.dataset.x0, x1: +svg.dataset.x1 };
    });
    const readout = block.querySelector(".readout");
    if (!panels.length || !readout) continue;
    const { t0, t1 } = panels[0].svg.dataset;
    const [start, end] = [+t0, +t1];
    const events = all(`[data-story="${block.dataset.run}"] li[data-at]`)
      .map((item) => ({ at: +item.dataset.at, text: item.textContent.trim() }));
    let step = -1;
    const show = (time, text) => {
      for (const { line, x0, x1 } of panels) {
        const x = x0 + (x1 - x0) * (time - start) / (end - start);
        line.setAttribute("x1", x.toFixed(1));
        line.setAttribute("x2", x.toFixed(1));
        line.style.display = "";
      }
      readout.textContent = text || `${(time / 1e9).toFixed(3)} s`;
    };
    const hide = () => {
      for (const { line } of panels) line.style.display = "none";
      readout.textContent = "";
      step = -1;
    };
    block.addEventListener("pointermove", (event) => {
      const svg = event.target.closest && event.target.closest("svg[data-x0]");
      const panel = panels.find((candidate) => candidate.svg === svg);
      if (!panel) return;
      const box = svg.getBoundingClientRect();
      const x = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
      const share = (x - panel.x0) / (panel.x1 - panel.x0);
      if (share < 0 || share > 1) hide(); else show(start + share * (end - start));
    });
    block.addEventListener("pointerleave", hide);
    block.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { hide(); return; }
      if (!events.length || (event.key !== "ArrowRight" && event.key !== "ArrowLeft")) return;
      event.preventDefault();
      step = Math.max(0, Math.min(events.length - 1, step + (event.key === "ArrowRight" ? 1 : -1)));
      show(events[step].at, `${step + 1}: ${events[step].text}`);
    });
  }
})();
