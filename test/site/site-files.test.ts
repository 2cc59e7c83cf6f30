// The files of the web chat: what is in them, how large they are, and which form of one is sent.

import { beforeAll, expect, test } from "bun:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { bundleSite } from "../../src/site/bundle.ts";
import { acceptedForm, readSiteFiles, type SiteFile } from "../../src/site/site-files.ts";

/** What one reader may load, with everything that may be loaded later: all but the texts of the other language. */
const gzipBytesMax = 60 * 1024;

let files: Awaited<ReturnType<typeof bundleSite>>;
beforeAll(async () => {
  files = await bundleSite();
});

const plain = (): string[] => Object.keys(files).filter((path) => !/\.(gz|br)$/.test(path));

test("what one reader loads of the page has at most 60 KiB, compressed with gzip", () => {
  const bytesOf = (paths: readonly string[]): number =>
    paths.reduce((sum, path) => sum + (files[`${path}.gz`]?.length ?? Infinity), 0);
  const texts = plain().filter((path) => /^web\/(?:english|chinese)-\w+\.js$/.test(path));
  expect(texts.length).toBe(2);
  const others = plain().filter((path) => !texts.includes(path));
  const loaded = texts.map((path) => bytesOf([...others, path]));
  console.log(`web chat: ${loaded.join(" or ")} bytes with gzip for a reader, ${bytesOf(plain())} in all files`);
  expect(Math.max(...loaded)).toBeLessThanOrEqual(gzipBytesMax);
});

test("every file is there as it is, with gzip and with Brotli, and all are the same", () => {
  expect(plain().length).toBeGreaterThanOrEqual(3);
  for (const path of plain()) {
    const [own, gzip, brotli] = ["", ".gz", ".br"].map((end) => files[path + end] ?? new Uint8Array());
    expect(gunzipSync(gzip ?? "")).toEqual(Buffer.from(own ?? ""));
    expect(brotliDecompressSync(brotli ?? "")).toEqual(Buffer.from(own ?? ""));
  }
});

test("the page refers to files of its own by relative names, and has neither script nor style in it", () => {
  const html = new TextDecoder().decode(files["index.html"]);
  const references = Array.from(html.matchAll(/(?:src|href)="([^"]*)"/g), ([, reference = ""]) => reference);
  expect(references.length).toBeGreaterThanOrEqual(3);
  for (const reference of references) {
    expect(reference).toMatch(/^\.\/web\/[\w-]+-[0-9a-z]{8}\.\w+$/);
    expect(plain()).toContain(reference.slice(2));
  }
  expect(html).not.toMatch(/<style|<script(?![^>]* src=)|\son\w+=|\sstyle=/);
});

test("files are found by what a page is sent, with a type that no browser has to guess", async () => {
  const site = await readSiteFiles();
  expect([...site.keys()].toSorted()).toEqual(plain().toSorted());
  expect(site.get("index.html")?.type).toBe("text/html; charset=utf-8");
});

const file: SiteFile = {
  type: "text/css",
  hash: "1",
  forms: new Map([
    ["br", new Uint8Array(1)],
    ["gzip", new Uint8Array(2)],
    ["identity", new Uint8Array(3)],
  ]),
};

test.each([
  ["gzip, deflate, br, zstd", "br"],
  ["gzip;q=1.0, br;q=0", "gzip"],
  ["GZIP", "gzip"],
  ["*", "br"],
  ["deflate", "identity"],
  ["gzip;q=0", "identity"],
  ["gzip;q=x, br;;", "identity"],
  ["", "identity"],
  [null, "identity"],
] as const)("of a request with Accept-Encoding %p, the form is %s", (accepts, encoding) => {
  expect(acceptedForm(file, accepts)?.[0]).toBe(encoding);
});

test("a form that is not smaller than the file is not there", () => {
  const small: SiteFile = { ...file, forms: new Map([["identity", new Uint8Array(3)]]) };
  expect(acceptedForm(small, "gzip, br")?.[0]).toBe("identity");
});
