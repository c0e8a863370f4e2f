// Bundles the TypeScript.
//
//     node build.mjs FOLDER    the pages that are shipped. Each is one file with all that it needs, which opens from a disk;
//                              and the notebook widget
//     node build.mjs           the test programs, in web/build, which is not committed
//
// The kernels must have been built before (build_kernels.py).

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { build } from "esbuild";

// The page of a trace comes first, because the page that trains a model has it inside.
const PAGES = {
  trace: "pages/trace",
  studio: "pages/studio",
  "step-through": "pages/step_through",
  gradients: "pages/gradients",
  adder: "pages/adder",
  hello: "pages/hello",
  attention: "pages/attention",
  "character-model": "pages/character_model",
  confusion: "pages/confusion",
};
const LOADERS = { ".txt": "text", ".py": "text", ".wasm": "binary" };
const shared = { bundle: true, format: "esm", target: "es2022", logLevel: "warning", loader: LOADERS };

async function buildTests() {
  const options = { ...shared, outdir: "build" };
  await build({ ...options, entryPoints: ["tests/node.ts"], platform: "node", outExtension: { ".js": ".mjs" } });
  await build({ ...options, entryPoints: ["tests/browser.ts", "tests/panels.ts"] });
}

/** The text of a bundle. */
async function bundle(entryPoint, options = {}) {
  const result = await build({
    ...shared,
    entryPoints: [entryPoint],
    write: false,
    minify: true,
    charset: "utf8",
    legalComments: "inline",
    ...options,
  });
  return result.outputFiles[0].text;
}

/** Makes `import code from "worker-code"` the text of a worker: a page that is opened from a disk may not load one. */
function workerCode(source) {
  return {
    name: "worker-code",
    setup(esbuild) {
      esbuild.onResolve({ filter: /^worker-code$/ }, () => ({ path: source, namespace: "worker-code" }));
      esbuild.onLoad({ filter: /.*/, namespace: "worker-code" }, async () => ({
        contents: await bundle(source, { format: "iife" }),
        loader: "text",
      }));
    },
  };
}

/** Makes `import page from "trace-page"` the text of the built page. */
function tracePage(folder) {
  return {
    name: "trace-page",
    setup(esbuild) {
      esbuild.onResolve({ filter: /^trace-page$/ }, () => ({ path: "trace.html", namespace: "trace-page" }));
      esbuild.onLoad({ filter: /.*/, namespace: "trace-page" }, async () => ({
        contents: await readFile(join(folder, "trace.html"), "utf8"),
        loader: "text",
      }));
    },
  };
}

/** Puts the parts of a page into the frame that all pages have. */
async function buildPage(name, source, folder) {
  const plugins = [workerCode(`${source}/worker.ts`), tracePage(folder)];
  const script = await bundle(`${source}/page.ts`, { plugins });
  const style = await bundle(`${source}/page.css`);
  const frame = await readFile("pages/shared/page.html", "utf8");
  const content = await readFile(`${source}/page.html`, "utf8");
  const page = frame
    .replace('<link rel="stylesheet" href="page.css" />', () => `<style>${style}</style>`)
    .replace("<main></main>", () => `<main>\n${content}</main>`)
    .replace('<script type="module" src="page.js"></script>', () => {
      return `<script type="module">${script.replaceAll("</script", "<\\/script")}</script>`;
    });
  await writeFile(join(folder, `${name}.html`), page);
}

const folder = process.argv[2];
if (folder === undefined) await buildTests();
else {
  for (const [name, source] of Object.entries(PAGES)) await buildPage(name, source, folder);
  await writeFile(join(folder, "widget.js"), await bundle("widget/widget.ts"));
}
