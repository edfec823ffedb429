"use strict";
(function () {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const options = {
    responsive: true,
    displaylogo: false,
    displayModeBar: "hover",
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
    toImageButtonOptions: { format: "png", scale: 2 },
  };
  const SHORT_PX = 300;
  const timelines = [];
  let following = false;

  // All time series show the same span: zooming one zooms the others.
  function follow(source, change) {
    if (following) return;
    const update = {};
    if ("xaxis.range[0]" in change) {
      update["xaxis.range"] = [change["xaxis.range[0]"], change["xaxis.range[1]"]];
    } else if ("xaxis.range" in change) {
      update["xaxis.range"] = change["xaxis.range"];
    } else if (change["xaxis.autorange"]) {
      update["xaxis.autorange"] = true;
    } else {
      return;
    }
    following = true;
    Promise.all(
      timelines.filter((element) => element !== source).map((e) => Plotly.relayout(e, update))
    ).finally(() => { following = false; });
  }

  function draw(name) {
    const element = document.getElementById("figure-" + name);
    const figure = figures[name];
    // All buttons one above the other would lie over a short figure.
    const few = element.clientHeight < SHORT_PX ? { modeBarButtons: [["toImage"]] } : {};
    const config = Object.assign({}, options, few);
    return Plotly.newPlot(element, figure.data, figure.layout, config).then(() => {
      if (figure.timeline) {
        timelines.push(element);
        element.on("plotly_relayout", (change) => follow(element, change));
      }
    });
  }

  const names = Object.keys(figures);
  names.reduce((before, name) => before.then(() => draw(name)), Promise.resolve()).then(() => {
    document.documentElement.dataset.figuresDrawn = String(names.length);
  });

  function resizeAll() {
    names.forEach((name) => Plotly.Plots.resize(document.getElementById("figure-" + name)));
  }
  window.addEventListener("beforeprint", resizeAll);
  window.addEventListener("afterprint", resizeAll);

  // Tables sort by a click on a heading; numbers are read back from what is shown.
  function worth(text) {
    const plain = text.replace(/[\u202f\s%]/g, "").replace("\u2212", "-");
    return plain !== "" && !isNaN(plain) ? Number(plain) : null;
  }
  function compare(a, b) {
    const left = worth(a), right = worth(b);
    if (left !== null && right !== null) return left - right;
    if (left !== null || right !== null) return left !== null ? -1 : 1;
    return a.localeCompare(b, "en", { numeric: true });
  }
  document.querySelectorAll("table.sortable th").forEach((heading) => {
    heading.addEventListener("click", () => {
      const body = heading.closest("table").tBodies[0];
      const column = heading.cellIndex;
      const ascending = heading.getAttribute("aria-sort") !== "ascending";
      heading.parentNode.querySelectorAll("th").forEach((h) => h.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      const text = (row) => row.cells[column].textContent.trim();
      Array.from(body.rows)
        .sort((a, b) => (ascending ? 1 : -1) * compare(text(a), text(b)))
        .forEach((row) => body.appendChild(row));
    });
  });

  // The contents show where the reader is.
  const links = new Map(
    Array.from(document.querySelectorAll("nav a")).map((a) => [a.getAttribute("href").slice(1), a])
  );
  const seen = new IntersectionObserver((entries) => {
    entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
      links.forEach((link) => link.classList.remove("here"));
      links.get(entry.target.id).classList.add("here");
    });
  }, { rootMargin: "-10% 0px -80% 0px" });
  document.querySelectorAll("section").forEach((section) => seen.observe(section));
})();
