"use strict";
// Added to a copy of the report: turns every figure and table into a PNG, kept in the page as JSON.
(function () {
  const WIDTH = 1000, TITLE = 44, SCALE = 2, EDGE = 24;
  const css = document.querySelector("style").textContent;

  function titleOf(element) {
    const heading = element.closest("figure, details").querySelector("h3, summary");
    const badges = Array.from(heading.querySelectorAll(".badge")).map((b) => b.textContent.trim());
    const text = heading.firstChild.textContent.trim();
    return badges.length ? text + " (" + badges.join(", ") + ")" : text;
  }

  function figurePng(element) {
    const margin = element.layout.margin || {};
    const layout = Object.assign({}, element.layout, {
      title: {
        text: "<b>" + titleOf(element) + "</b>", font: { size: 16 }, x: 0.01, xanchor: "left",
        y: 1, yref: "container", yanchor: "top", pad: { t: 14 },
      },
      margin: Object.assign({}, margin, { t: (margin.t || 34) + TITLE }),
      paper_bgcolor: "#FFFFFF",
    });
    const size = { format: "png", width: WIDTH, height: element.clientHeight + TITLE, scale: SCALE };
    return Plotly.toImage({ data: element.data, layout: layout }, size);
  }

  async function tablePng(table) {
    const box = document.createElement("div");
    const heading = document.createElement("h3");
    heading.textContent = titleOf(table);
    heading.style.marginTop = "0";
    box.append(heading, table.cloneNode(true));
    box.style.cssText = "position:absolute;left:0;top:0;width:max-content;padding:" + EDGE +
      "px;background:#fff;color:#1f2933;font:15px/1.55 system-ui,'Segoe UI',Roboto,Arial,sans-serif";
    document.body.append(box);
    const size = box.getBoundingClientRect();
    const width = Math.ceil(size.width), height = Math.ceil(size.height);
    const content = new XMLSerializer().serializeToString(box);
    box.remove();
    const style = "<style xmlns='http://www.w3.org/1999/xhtml'>" + css.replace(/&/g, "&amp;")
      .replace(/</g, "&lt;") + "</style>";
    const svg = "<svg xmlns='http://www.w3.org/2000/svg' width='" + width + "' height='" + height +
      "'><foreignObject width='100%' height='100%'>" + content.replace("<h3", style + "<h3") +
      "</foreignObject></svg>";
    const image = new Image();
    const loaded = new Promise((done, failed) => { image.onload = done; image.onerror = failed; });
    image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(svg);
    await loaded;
    const canvas = document.createElement("canvas");
    canvas.width = width * SCALE;
    canvas.height = height * SCALE;
    const context = canvas.getContext("2d");
    context.fillStyle = "#FFFFFF";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.scale(SCALE, SCALE);
    context.drawImage(image, 0, 0);
    return canvas.toDataURL("image/png");
  }

  async function collect() {
    const images = {};
    for (const element of document.querySelectorAll(".chart")) {
      images["figures/" + element.id.replace("figure-", "")] = await figurePng(element);
    }
    document.querySelectorAll("details").forEach((each) => { each.open = true; });
    for (const table of document.querySelectorAll("main table")) {
      images["tables/" + table.id.replace("table-", "")] = await tablePng(table);
    }
    document.body.textContent = "PNG" + JSON.stringify(images) + "PNG";
  }

  function wait() {
    if (document.documentElement.dataset.figuresDrawn === undefined) setTimeout(wait, 50);
    else collect().catch((error) => { document.body.textContent = "FAILED" + error + "FAILED"; });
  }
  wait();
})();
