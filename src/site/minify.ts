// Makes the scripts of the web chat smaller than the bundler does, by a twentieth with gzip: terser shortens more, and
// it renames private members, which TypeScript lets nothing outside of a class use.

import { minify } from "terser";

const privateName = /\bprivate (?:static |async |readonly |get |set |override |\*)*(\w+)/g;
/** Members of interfaces, keys of objects, fields that are not private: at the begin of a line, as formatted. */
const otherName = /^\s+(?:readonly |static )*(\w+)[?!]?:/gm;
const words = /\w+/g;
const strings = /"[^"\n]*"|'[^'\n]*'|`[^`]*`/g;

/** Collects the private names of the modules that a bundle has, and shortens its scripts. */
export class Minifier {
  private readonly privates = new Set<string>();
  private readonly others = new Set<string>();
  /** Several scripts of one page agree on the new names. */
  private readonly names = {};

  /** Has the bundler show the sources. */
  readonly plugin: Bun.BunPlugin = {
    name: "private-names",
    setup: (build) => {
      build.onLoad({ filter: /\/src\/.*\.tsx?$/ }, async ({ path }) => {
        const contents = await Bun.file(path).text();
        for (const [, name = ""] of contents.matchAll(privateName)) this.privates.add(name);
        for (const [, name = ""] of contents.matchAll(otherName)) this.others.add(name);
        return { contents, loader: path.endsWith("x") ? "tsx" : "ts" };
      });
    },
  };

  /** Of scripts that were bundled with the plugin. Rejects if one is none. */
  async shorten(scripts: readonly string[]): Promise<string[]> {
    // A string may name a property: the fields of the protocol's messages are made so.
    const literals = scripts.flatMap((script) => script.match(strings) ?? []);
    const quoted = new Set(literals.flatMap((literal) => literal.match(words) ?? []));
    const own = [...this.privates].filter((name) => !this.others.has(name) && !quoted.has(name));
    const properties = { regex: new RegExp(`^(?:${own.join("|")})$`) };
    const shortened: string[] = [];
    for (const script of scripts) {
      const options = { compress: { passes: 2 }, mangle: { properties }, nameCache: this.names, ecma: 2020 } as const;
      const { code } = await minify(script, { module: true, ...options });
      if (code === undefined) throw new Error("terser returned no script");
      shortened.push(code);
    }
    return shortened;
  }
}
