// The files of the web chat, in memory, in every form in which they are sent: nothing is compressed or decompressed for
// a request. In the executable they are one archive; a server that runs from source bundles them.

import { extname } from "node:path";

/** The forms of a file, the smallest first, with how their names end. */
const forms = { br: ".br", gzip: ".gz", identity: "" } as const;
/** How a form is encoded, as Accept-Encoding and Content-Encoding name it. */
export type Encoding = keyof typeof forms;
const encodings = Object.keys(forms).filter((name): name is Encoding => name in forms);

const types: ReadonlyMap<string, string> = new Map([
  [".css", "text/css; charset=utf-8"],
  [".html", "text/html; charset=utf-8"],
  [".js", "text/javascript; charset=utf-8"],
  [".svg", "image/svg+xml"],
]);

/** A file as it is served. */
export interface SiteFile {
  readonly type: string;
  /** Made of its content; the tag of a form has its encoding behind it. */
  readonly hash: string;
  readonly forms: ReadonlyMap<Encoding, Uint8Array<ArrayBuffer>>;
}

/** By path, without a slash before it. */
export type SiteFiles = ReadonlyMap<string, SiteFile>;

/** Takes the files out of the executable, or bundles them. Rejects with what the bundler says. */
export async function readSiteFiles(): Promise<SiteFiles> {
  const archive = Bun.embeddedFiles.find((file) => "name" in file && String(file.name).startsWith("site-"));
  if (archive === undefined) {
    const { bundleSite } = await import("./bundle.ts");
    return siteFilesOf(new Map(Object.entries(await bundleSite())));
  }
  const files = await new Bun.Archive(await archive.arrayBuffer()).files();
  const read = [...files].map(async ([path, file]) => [path, new Uint8Array(await file.arrayBuffer())] as const);
  return siteFilesOf(new Map(await Promise.all(read)));
}

/** Puts the forms of each file together. Throws for a file of a kind that no page has. */
function siteFilesOf(bytes: ReadonlyMap<string, Uint8Array<ArrayBuffer>>): SiteFiles {
  const files = new Map<string, SiteFile>();
  for (const [path, content] of bytes) {
    if (path.endsWith(forms.gzip) || path.endsWith(forms.br)) continue;
    const type = types.get(extname(path));
    if (type === undefined) throw new Error(`the web chat has a file of a kind without a type: ${path}`);
    const own = new Map<Encoding, Uint8Array<ArrayBuffer>>();
    for (const encoding of encodings) {
      const form = bytes.get(path + forms[encoding]);
      // What compression makes no smaller is sent as it is.
      if (form !== undefined && (encoding === "identity" || form.length < content.length)) own.set(encoding, form);
    }
    files.set(path, { type, hash: Bun.hash(content).toString(36), forms: own });
  }
  return files;
}

/** The smallest form of a file that a request accepts (RFC 9110, 12.5.3), and its encoding. */
export function acceptedForm(
  { forms: own }: SiteFile,
  acceptEncoding: string | null,
): readonly [Encoding, Uint8Array<ArrayBuffer>] | undefined {
  const accepted = new Set<string>();
  for (const part of (acceptEncoding ?? "").toLowerCase().split(",")) {
    const [, coding = "", quality = "1"] = /^\s*([a-z*-]+)\s*(?:;\s*q=([\d.]+)\s*)?$/.exec(part) ?? [];
    if (Number(quality) > 0) accepted.add(coding);
  }
  for (const form of own) if (form[0] === "identity" || accepted.has(form[0]) || accepted.has("*")) return form;
  return undefined;
}
