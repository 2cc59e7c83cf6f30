// Makes the files of the web chat, as they are served, from src/web/: scripts/build puts them into the executable, and
// a server that runs from source makes them when the first browser asks.

import { basename, join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants } from "node:zlib";
import { forMinifier, shorten } from "./minify.ts";

/** The bytes of files by their paths. */
type Files = Record<string, Uint8Array<ArrayBuffer>>;

const brotli = promisify(brotliCompress);

/** What of modules of the client library is left in a browser, where nothing but the page's own server is asked. */
const inBrowsers: Readonly<Record<string, string>> = {
  gateways: `export class Gateways {
    isRoundOver = true;
    constructor({ urls: [url] }) { this.url = url; }
    async next() { return this.url; }
    endRound() {}
    lostTo() {}
    stop() {}
  }`,
  "get-text": 'export const getText = () => Promise.reject(new Error("the page asks no registry"));',
  // Whoever has the feature of conversations, as all users of this server, finds the same in entries of the log.
  "group-notices": "export const emitGroupNotice = () => {};",
  "open-web-socket": "export const openWebSocket = (url) => new WebSocket(url);",
  // The page is of the server itself.
  "media/file-url": "export const fileUrl = (url) => url;",
  "media/send": 'export { sendInBrowser as send } from "./send-in-browser.ts";',
  // A browser tells pages nothing of it.
  "tls-trouble": "export const troubleOf = (message) => message;",
  dial: `import { WebSocketTransport } from "./web-socket-transport.ts";
    export const dial = async (url, environment, sink) =>
      new WebSocketTransport(environment.openWebSocket(url), url, environment, sink);`,
};

/**
 * What the bundler would write otherwise for browsers of before 2024, twice as long: it is hidden from it, under names
 * of the same length that no style sheet has.
 */
const hidden = [
  ["light-dark(", "light_dark("],
  ["color-scheme:", "color_scheme:"],
  ["system-ui", "system_ui"],
] as const;

const forStyles: Bun.BunPlugin = {
  name: "for-styles",
  setup(build) {
    build.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      let contents = await Bun.file(path).text();
      for (const [name, cover] of hidden) contents = contents.replaceAll(name, cover);
      return { contents, loader: "css" };
    });
  },
};

/** Leaves out what no page can use: what the library does for tcp://, several servers, Bun and Node alone. */
const forBrowsers: Bun.BunPlugin = {
  name: "for-browsers",
  setup(build) {
    for (const [name, contents] of Object.entries(inBrowsers))
      build.onLoad({ filter: new RegExp(`/src/sdk/${name}\\.ts$`) }, () => ({ contents, loader: "js" }));
  },
};

/**
 * Bundles the page. A file is named after its content, but for index.html, which names all others, relatively: a proxy
 * may serve all of it under a prefix. Each stands for itself, and compressed as `.gz` and `.br`. Rejects with what the
 * bundler says.
 */
export async function bundleSite(): Promise<Files> {
  const root = join(import.meta.dir, "../web");
  const { outputs } = await Bun.build({
    entrypoints: [join(root, "index.html")],
    root,
    target: "browser",
    minify: true,
    splitting: true,
    plugins: [forBrowsers, forMinifier, forStyles],
    define: { "process.env.NODE_ENV": '"production"' },
    naming: { entry: "[name].[ext]", chunk: "web/[name]-[hash].[ext]", asset: "web/[name]-[hash].[ext]" },
  });
  const contents = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const output of outputs)
    contents.set(output.path.replace(/^\.\//, ""), new Uint8Array(await output.arrayBuffer()));
  for (const [path, bytes] of contents) {
    if (!path.endsWith(".css")) continue;
    let text = new TextDecoder().decode(bytes);
    for (const [name, cover] of hidden) text = text.replaceAll(cover, name);
    contents.set(path, new TextEncoder().encode(text));
  }
  const scripts = [...contents].filter(([path]) => path.endsWith(".js"));
  const shortened = await shorten(scripts.map(([, bytes]) => new TextDecoder().decode(bytes)));
  for (const [at, [path]] of scripts.entries()) contents.set(path, new TextEncoder().encode(shortened[at]));
  nameAgain(
    contents,
    scripts.map(([path]) => path),
    shortened.join(""),
  );
  const files: Files = {};
  for (const [path, bytes] of contents) {
    const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } };
    files[path] = bytes;
    // Scripts become 3.6 % smaller than by zlib at its best.
    files[`${path}.gz`] = Bun.gzipSync(bytes, { library: "libdeflate", level: 12 });
    files[`${path}.br`] = new Uint8Array(await brotli(bytes, quality));
  }
  return files;
}

/**
 * Puts hashes of all of the script into the names of its files, also where they are named. The bundler's are of what it
 * made, and how members are shortened depends on all files.
 */
function nameAgain(contents: Map<string, Uint8Array<ArrayBuffer>>, paths: readonly string[], script: string): void {
  const named = (path: string): string => {
    const hash = Bun.hash(path + script)
      .toString(36)
      .padStart(8, "0")
      .slice(-8);
    return paths.includes(path) ? path.replace(/-\w+\.js$/, `-${hash}.js`) : path;
  };
  for (const path of [...paths, "index.html"]) {
    let text = new TextDecoder().decode(contents.get(path));
    for (const other of paths) text = text.replaceAll(basename(other), basename(named(other)));
    contents.delete(path);
    contents.set(named(path), new TextEncoder().encode(text));
  }
}
