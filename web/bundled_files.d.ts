// Files that build.mjs puts into a bundle.

declare module "*.txt" {
  const text: string;
  export default text;
}

declare module "*.wasm" {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}

/** The page of a trace, whose first script element is empty, and takes the trace. */
declare module "trace-page" {
  const text: string;
  export default text;
}

/** The bundled worker of a page. */
declare module "worker-code" {
  const text: string;
  export default text;
}

declare module "*.py" {
  const text: string;
  export default text;
}

declare module "*.css";
