// Bundles the TypeScript.
//
//     node build.mjs FOLDER    what is shipped: the pages
//     node build.mjs           the test programs, in web/build, which is not committed

import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";

import { build } from "esbuild";

const PAGES = { "character-model": "pages/character_model" };
const shared = { bundle: true, format: "esm", target: "es2022", logLevel: "warning", loader: { ".txt": "text" } };

async function buildTests() {
  const options = { ...shared, outdir: "build" };
  await build({ ...options, entryPoints: ["tests/node.ts"], platform: "node", outExtension: { ".js": ".mjs" } });
  await build({ ...options, entryPoints: ["tests/browser.ts"] });
}

async function buildPages(folder) {
  await mkdir(folder, { recursive: true });
  for (const [name, source] of Object.entries(PAGES)) {
    const entryPoints = [
      { in: `${source}/page.ts`, out: name },
      { in: `${source}/worker.ts`, out: `${name}-worker` },
      { in: `${source}/page.css`, out: name },
    ];
    await build({ ...shared, entryPoints, outdir: folder, minify: true, charset: "utf8", legalComments: "eof" });
    await copyFile(`${source}/page.html`, join(folder, `${name}.html`));
  }
}

const folder = process.argv[2];
await (folder === undefined ? buildTests() : buildPages(folder));
