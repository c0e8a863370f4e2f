// Bundles the TypeScript. Tests are bundled into web/build, which is not committed.

import { build } from "esbuild";

const shared = { bundle: true, format: "esm", target: "es2022", logLevel: "warning", outdir: "build" };

await build({ ...shared, entryPoints: ["tests/node.ts"], platform: "node", outExtension: { ".js": ".mjs" } });
await build({ ...shared, entryPoints: ["tests/browser.ts"] });
