// Makes the scripts of the web chat smaller than the bundler does, by a tenth with gzip: terser shortens more, and it
// renames the members that our own modules declare. What a browser, a server or a later release finds by its name keeps
// it: see `renamable`.

import { join, relative } from "node:path";
import { minify } from "terser";

/** Members of classes and interfaces and keys of objects: at the begin of a line, as formatted. */
const declared = /^ +(?:(?:private|protected|readonly|static|async|override|get|set) )*\*?(\w+)[?!]?(?:[:(<]| = )/gm;
/** A field that a class declares and its constructor sets. */
const field = /^ {2}(?=(?:(?:private|protected|readonly) )*\w+[?!]?: [^=;]+;$)/gm;
const classes = /^(?:export )?(?:abstract )?class [\s\S]*?^\}$/gm;
/** What such errors of the library say is for who calls it wrongly; but a full outbox is told to the reader. */
const mistakes = /\b(new (?:RangeError|TypeError))\((?:"[^"]*"|`[^`]*`)\)/g;
/** The name of a field in the table of a message, and in the bundle, where it is marked. */
const column = /^ {2}\["(?=\w+", )/gm;
const markedColumn = /(["'`])@(\w+)\1/g;
/** Strings that may name a member. */
const strings = /(["'`])(\w+)\1/g;
const subscripts = /\["(\w+)"\]/g;

/** What browsers declare, as options and as the newest members, and what Preact does; tests find what is missing. */
const foreign = new Set([
  ...["block", "dayOfYear", "dependencies", "endings", "exact", "held", "output"],
  ...["progress", "shared", "since", "until", "urls", "class", "ref", "unitDisplay", "maximumFractionDigits"],
]);

/** A variable that is never set: for `void 0`, as which terser writes `undefined`, hundreds of times. */
const nothing = "$";

/** Methods and getters of the library that applications call, and the page does not: classes would keep them. */
export const uncalled: Readonly<Record<string, readonly string[]>> = {
  "sdk/roost-client.ts": ["group", "members", "index"],
  "sdk/community/group-list.ts": ["[Symbol.iterator]"],
  "sdk/community/group.ts": ["setAlias", "withdraw"],
  "sdk/media/files.ts": ["addresses"],
  "sdk/messenger/conversation-list.ts": ["[Symbol.iterator]", "unread"],
  "sdk/messenger/messenger.ts": ["hideMessages"],
  "sdk/messenger/timeline.ts": ["messages"],
};

/** The text of a method or getter in a module, as formatted. */
export const textOfMethod = (name: string): RegExp =>
  new RegExp(`^  (?:async |get )?${RegExp.escape(name)}\\([^]*?^  \\}$`, "m");

/** Has Chromium compile all functions beside the page's thread while a script comes, not each at its first call. */
const compileHint = "//# allFunctionsCalledOnLoad\n";

const root = join(import.meta.dir, "..");
/** Of what a page is made. */
const modules = new Bun.Glob("{sdk,web,wire}/**/*.{ts,tsx}");
/** Declare what waits in a browser to be sent, perhaps by a later release: IndexedDB has the names of members. */
const isKept = (path: string): boolean => /\/(?:indexed-db-outbox|outbox-storage|messages\/media)\.ts$/.test(path);

/**
 * Has the bundler leave out the declarations of fields, which would set each to undefined, and what the page does not
 * call; and mark the names of fields in the tables of messages, by which these are read and written.
 */
export const forMinifier: Bun.BunPlugin = {
  name: "for-minifier",
  setup(build) {
    build.onLoad({ filter: /\/src\/.*\.tsx?$/ }, async ({ path }) => {
      let text = (await Bun.file(path).text())
        .replace(classes, (body) => body.replace(field, "  declare "))
        .replace(path.endsWith("/outbox.ts") ? /$^/ : mistakes, "$1()");
      for (const name of uncalled[relative(root, path)] ?? []) text = text.replace(textOfMethod(name), "");
      const contents = path.includes("/gen/messages/") && !isKept(path) ? text.replace(column, '  ["@') : text;
      return { contents, loader: path.endsWith("x") ? "tsx" : "ts" };
    });
  },
};

/**
 * The members that may have other names in scripts of the bundler. terser keeps besides what browsers call theirs. All
 * others that our modules declare are ours, unless a string may name them, or Preact an event of an element by them.
 */
export async function renamable(scripts: readonly string[]): Promise<ReadonlySet<string>> {
  const own = new Set<string>();
  const outward = new Set(
    scripts.flatMap((script) =>
      Array.from(script.replace(/\bclass:"[^"]*"/g, "").matchAll(strings), ([, , name = ""]) => name),
    ),
  );
  for await (const path of modules.scan(root)) {
    const text = await Bun.file(join(root, path)).text();
    for (const [, name = ""] of text.matchAll(declared)) (isKept(path) ? outward : own).add(name);
    for (const [, name = ""] of text.matchAll(subscripts)) outward.add(name);
  }
  return new Set(
    [...own].filter(
      (name) => !outward.has(name) && !foreign.has(name) && !/^on(?!Open|Ask|Pick|Back|Jump|New)[A-Z]/.test(name),
    ),
  );
}

/** Of scripts bundled with `forMinifier`; those of one page agree on the names. Rejects if one is no script. */
export async function shorten(scripts: readonly string[]): Promise<string[]> {
  const regex = new RegExp(`^(?:${[...(await renamable(scripts))].join("|")})$`);
  const mangle = { reserved: [nothing], properties: { regex } };
  const nameCache = {};
  const shortened = new Map<string, string>();
  // The smallest first: the names of texts follow each other there, which gzip makes less of.
  for (const script of scripts.toSorted((one, other) => one.length - other.length)) {
    // A constant stays on the side of a comparison where it is written: the same texts repeat more often.
    const compress = { passes: 2, inline: 2, unsafe: true, lhs_constants: false };
    const options = { compress, mangle, nameCache, ecma: 2020 } as const;
    const { code } = await minify(script.replace(markedColumn, '/*@__KEY__*/"$2"'), { module: true, ...options });
    if (code === undefined) throw new Error("terser returned no script");
    shortened.set(script, `${compileHint}var ${nothing};${code.replace(/\bvoid 0\b/g, nothing)}`);
  }
  return scripts.map((script) => shortened.get(script) ?? "");
}
