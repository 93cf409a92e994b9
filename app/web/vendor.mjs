// Copies the browser files of the pinned packages, with their licences, to static/vendor (git-ignored).
import { copyFileSync, mkdirSync } from "node:fs";

const files = {
  "echarts/dist/echarts.min.js": "echarts.min.js",
  "echarts/LICENSE": "echarts.LICENSE",
  "echarts/NOTICE": "echarts.NOTICE",
  "zrender/LICENSE": "zrender.LICENSE",
  "tslib/LICENSE.txt": "tslib.LICENSE",
  "htmx.org/dist/htmx.min.js": "htmx.min.js",
  "htmx.org/LICENSE": "htmx.LICENSE",
};

mkdirSync("static/vendor", { recursive: true });
for (const [from, to] of Object.entries(files)) copyFileSync(`node_modules/${from}`, `static/vendor/${to}`);
console.log(`static/vendor: ${Object.keys(files).length} files`);
