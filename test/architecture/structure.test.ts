// The house itself: layers import downwards only, no file is dead, every file says what it is for.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { Glob } from "bun";
import { packageEntries } from "../../scripts/sdk-package.ts";
import { tablesFile, withTables } from "../../scripts/reference-tables.ts";
import { sessionsEngines, storeEngines } from "../../src/options/engines.ts";
import { limitNames, writtenNameOf } from "../../src/base/limits/table.ts";
import { optionTable } from "../../src/options/options.ts";

const root = join(import.meta.dir, "../..");
const files = [...new Glob("src/**/*.{ts,tsx}").scanSync(root)].toSorted();
const text = new Map(files.map((file) => [file, readFileSync(join(root, file), "utf8")]));

/** What each file imports from src/, as paths from the root. */
const imports = new Map(
  [...text].map(([file, source]) => [
    file,
    [...source.matchAll(/(?:from|import|import\()\s*"(\.[^"]+\.tsx?)"/g)].map(([, path = ""]) =>
      relative(root, resolve(root, dirname(file), path)),
    ),
  ]),
);

/** Lower layers first; a layer imports itself and what stands before it. Those in one row do not know each other. */
const layers = [
  ["base"],
  ["wire"],
  ["transport"],
  ["observe"],
  ["auth"],
  ["store", "session"],
  ["media"],
  ["registry"],
  ["link"],
  ["routing", "service"],
  ["hooks"],
  ["options"],
  ["node"],
  ["api", "site"],
  ["roles"],
  ["cli"],
  ["main.ts"],
];
const rankOf = (layer: string): number => layers.findIndex((row) => row.includes(layer));
const layerOf = (file: string): string => file.split("/")[1] ?? "";

test("layers import downwards only", () => {
  const wrong: string[] = [];
  for (const [file, targets] of imports) {
    for (const target of targets.filter((path) => path.startsWith("src/"))) {
      const [from, to] = [layerOf(file), layerOf(target)];
      if (from === to) continue;
      const allowed =
        from === "sdk"
          ? ["wire", "base"].includes(to)
          : from === "web"
            ? to === "sdk"
            : to === "sdk"
              ? from === "cli"
              : rankOf(to) >= 0 && rankOf(to) < rankOf(from);
      if (!allowed) wrong.push(`${file} imports ${target}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("in the web chat, texts know no state, and states no views", () => {
  const parts = ["texts", "state", "views", "main.tsx"];
  const partOf = (file: string): number => parts.indexOf(file.split("/")[2] ?? "");
  const ofWeb = [...imports].filter(([file]) => layerOf(file) === "web");
  expect(ofWeb.filter(([file]) => partOf(file) < 0)).toEqual([]);
  const wrong = ofWeb.flatMap(([file, targets]) =>
    targets
      .filter((target) => layerOf(target) === "web" && partOf(target) > partOf(file))
      .map((to) => `${file}: ${to}`),
  );
  expect(wrong).toEqual([]);
});

test("roles do not import each other; standalone alone assembles several", () => {
  const wrong: string[] = [];
  for (const [file, targets] of imports) {
    const [, layer, role] = file.split("/");
    if (layer !== "roles" || role === "standalone") continue;
    for (const target of targets) {
      const [, targetLayer, targetRole = ""] = target.split("/");
      if (targetLayer === "roles" && targetRole !== role && targetRole !== "settings.ts")
        wrong.push(`${file} imports ${target}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("what a node does over time goes by the clock, the timers and the randomness that it is given", () => {
  const layersOfNodes = /^src\/(service|routing|link|node|roles)\//;
  // These start a process, or open what an operator's command uses.
  const starts = new Set([
    "src/options/engines.ts",
    "src/node/member.ts",
    "src/roles/discovery/start.ts",
    "src/roles/standalone/assembly.ts",
  ]);
  const calls =
    "Date.now performance.now nanoseconds setTimeout setInterval setImmediate Bun.sleep AbortSignal.timeout " +
    "Math.random randomUUID randomBytes getRandomValues";
  const owned = new RegExp(`\\b(${calls.replaceAll(".", "\\.").replaceAll(" ", "|")})\\b|new Date\\(\\)`);
  const system = /\bsystem(Clock|Timers|Random|Runtime)\b/;
  const wrong = files.filter((file) => {
    const source = text.get(file) ?? "";
    return layersOfNodes.test(file) && (owned.test(source) || (!starts.has(file) && system.test(source)));
  });
  expect(wrong).toEqual([]);
});

/** What applications import: their exports are for them. */
const clientEntries = Object.values(packageEntries).map((file) => `src/${file}`);
/** For Bun and Node; no page loads them. */
const withoutPages = ["src/sdk/messenger/file-outbox.ts", "src/sdk/messenger/file-lock.ts"];

test("every file is reached from an entry", () => {
  const reached = new Set<string>();
  const visit = (file: string): void => {
    if (reached.has(file)) return;
    reached.add(file);
    imports.get(file)?.forEach(visit);
  };
  for (const entry of [
    "src/main.ts",
    ...clientEntries,
    "src/hooks/thread/lane-worker.ts",
    "src/store/sqlite/store-worker.ts",
    "src/store/sqlite/backup/backup-worker.ts",
    "src/web/main.tsx",
  ])
    visit(entry);
  // What is generated from proto/ is complete; what nobody loads costs nothing.
  const isGenerated = (file: string): boolean => file.startsWith("src/wire/gen/");
  expect(files.filter((file) => !reached.has(file) && !isGenerated(file))).toEqual([]);
});

/** The files that are loaded with these, before anything is imported on demand. */
function loadedWith(entries: readonly string[]): ReadonlySet<string> {
  const loaded = new Set<string>();
  const load = (file: string): void => {
    if (loaded.has(file)) return;
    loaded.add(file);
    const statements = (text.get(file) ?? "").matchAll(/^(?:import|export) (?!type )[^;]*?from "(\.[^"]+\.tsx?)"/gm);
    for (const [, path = ""] of statements) load(relative(root, resolve(root, dirname(file), path)));
  };
  entries.forEach(load);
  return loaded;
}

test("a login process loads no message store, and an engine is loaded when it is opened", () => {
  const ofLogin = files.filter((path) => path.startsWith("src/roles/login/"));
  const loaded = loadedWith([...ofLogin, "src/options/engines.ts"]);
  expect(loaded.size).toBeGreaterThan(20);
  expect(
    [...loaded].filter((file) => /^src\/(store\/(sqlite|postgres)\/|session\/redis\/redis-sessions)/.test(file)),
  ).toEqual([]);
});

test("the client library needs no package, and of the generated code only its own messages", () => {
  const loaded = loadedWith(files.filter((path) => path.startsWith("src/sdk/") && !withoutPages.includes(path)));
  expect(loaded.has("src/wire/message-codec.ts")).toBe(true);
  const packages = /(?:from|import\() ?"(?!\.)[^"]+"/;
  expect([...loaded].filter((file) => packages.test(text.get(file) ?? ""))).toEqual([]);
  const ofServer = "src/wire/gen/pkt_pb.ts";
  expect(
    files.filter((file) => (loaded.has(file) || layerOf(file) === "sdk") && imports.get(file)?.includes(ofServer)),
  ).toEqual([]);
});

test("what issues certificates is loaded by the one command that issues some", () => {
  const issuing = "src/auth/issue-certificate.ts";
  const users = files.filter((file) => imports.get(file)?.includes(issuing));
  expect(users).toEqual(["src/cli/cert.ts"]);
  expect(loadedWith(["src/main.ts", "src/cli/serve.ts", ...users]).has(issuing)).toBe(false);
  expect(files.filter((file) => text.get(file)?.includes("@peculiar/x509"))).toEqual([issuing]);
});

test("a start loads neither the descriptors of the methods of the API nor the package of their protocol", () => {
  const loaded = loadedWith(["src/cli/serve.ts", "src/cli/serve/standalone.ts", "src/roles/standalone/assembly.ts"]);
  expect(loaded.has("src/api/late-answers.ts")).toBe(true);
  const late = ["src/api/answers.ts", "src/api/description/methods.ts", "src/wire/gen/api_pb.ts"];
  expect(late.filter((file) => !text.has(file) || loaded.has(file))).toEqual([]);
  expect([...loaded].filter((file) => text.get(file)?.includes('from "@connectrpc/'))).toEqual([]);
});

test("the guide names every engine", () => {
  const readme = readFileSync(join(root, tablesFile), "utf8");
  const schemes = [...storeEngines, ...sessionsEngines].flatMap((engine) => engine.help.replace(/[A-Z…]+$/, ""));
  expect(schemes.filter((scheme) => !readme.includes(scheme))).toEqual([]);
});

test("every export is used by another file", () => {
  // The library's entry exports what its users need.
  const wordsOfUsers = new Map<string, ReadonlySet<string>[]>();
  for (const file of [...files, ...new Glob("{test,bench,scripts}/**/*.ts").scanSync(root)]) {
    const source = text.get(file) ?? readFileSync(join(root, file), "utf8");
    const words = new Set(Array.from(source.matchAll(/\w+/g), ([word]) => word));
    for (const [, path = ""] of source.matchAll(/(?:from|import\()\s*"(\.[^"]+\.tsx?)"/g)) {
      const target = relative(root, resolve(root, dirname(file), path));
      wordsOfUsers.set(target, [...(wordsOfUsers.get(target) ?? []), words]);
    }
  }
  // Who imports a namespace that a file exports uses the file in it.
  for (const [file, source] of text) {
    for (const [, name = "", path = ""] of source.matchAll(/^import \* as (\w+) from "(\.[^"]+\.ts)";/gm)) {
      if (!source.includes(`export { ${name} };`)) continue;
      const target = relative(root, resolve(root, dirname(file), path));
      wordsOfUsers.set(target, [...(wordsOfUsers.get(target) ?? []), ...(wordsOfUsers.get(file) ?? [])]);
    }
  }
  const dead: string[] = [];
  for (const [file, source] of text) {
    if (clientEntries.includes(file) || file.includes("/gen/")) continue;
    const exported = /^export (?:async |abstract )*(?:function\*?|const|class|interface|type|let) (\w+)/gm;
    for (const [, name = ""] of source.matchAll(exported))
      if (wordsOfUsers.get(file)?.some((words) => words.has(name)) !== true) dead.push(`${file} exports ${name}`);
  }
  expect(dead).toEqual([]);
});

test("a bound that several layers share stands in base/limits", () => {
  const bounds = new Set<string>();
  for (const [file, source] of text) {
    if (file.startsWith("src/base/limits/")) continue;
    for (const [, name = ""] of source.matchAll(/^export const (\w+(?:Max|Min))\b/gm)) bounds.add(`${file} ${name}`);
  }
  expect(bounds.size).toBeGreaterThan(20);
  const shared: string[] = [];
  for (const [file, source] of text) {
    for (const [, list = "", path = ""] of source.matchAll(/import (?:type )?\{([^}]*)\} from "(\.[^"]+\.tsx?)"/g)) {
      const target = relative(root, resolve(root, dirname(file), path));
      if (layerOf(target) === layerOf(file)) continue;
      for (const name of list.split(",").map((part) => part.trim()))
        if (bounds.has(`${target} ${name}`)) shared.push(`${file} imports ${name} from ${target}`);
    }
  }
  expect(shared).toEqual([]);
});

test("every file opens by saying what it is for, and none hides from the checker", () => {
  const wrong: string[] = [];
  for (const [file, source] of text) {
    if (file.includes("/gen/")) continue;
    if (!source.startsWith("// ")) wrong.push(`${file} opens without a comment`);
    for (const pattern of [/\bas any\b/, /: any[,;)\]>]/, /@ts-/, /\bTODO\b|\bFIXME\b/, /catch( \(\w+\))? \{\s*\}/]) {
      if (pattern.test(source)) wrong.push(`${file} matches ${pattern}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("the top level holds what it should, and versions are pinned", () => {
  const tracked = Bun.spawnSync(["git", "ls-files"], { cwd: root });
  if (tracked.success) {
    const top = new Set(
      tracked.stdout
        .toString()
        .trim()
        .split("\n")
        .map((path) => path.split("/")[0]),
    );
    const wanted =
      ".ci .gitignore LICENSE README.md bench bun.lock bunfig.toml package.json proto scripts src test tsconfig.json";
    expect(top).toEqual(new Set(wanted.split(" ")));
  }
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  for (const version of Object.values({ ...dependencies, ...devDependencies }))
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
});

test("the guide for readers of the code names every package, with its version", () => {
  const guide = readFileSync(join(root, "src/README.md"), "utf8");
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
    expect(guide).toContain(name);
    expect(guide).toContain(String(version));
  }
});

test("the guide for readers of the code names every folder of src and of its parts", () => {
  const guide = readFileSync(join(root, "src/README.md"), "utf8");
  const folders = new Set(
    files.map((file) => file.split("/")).flatMap(([, name = ""]) => (name === "main.ts" ? [] : [name])),
  );
  expect(folders.size).toBeGreaterThan(10);
  expect([...folders].filter((name) => !guide.includes(`\`${name}/`))).toEqual([]);
});

test("the tables of options and limits in the guide for operators are those of the code", () => {
  const guide = readFileSync(join(root, tablesFile), "utf8");
  // scripts/generate writes them.
  expect(guide).toBe(withTables(guide));
  const names = [...optionTable.keys()];
  expect(names.length).toBeGreaterThan(50);
  expect(names.filter((name) => !guide.includes(`\n| \`--${name}\` |`))).toEqual([]);
});

test("every option that a guide names exists", () => {
  // Of systemctl, docker, pg_restore, pg_upgrade and the scripts.
  const others = "all uninstall network clean link postgres postgres-ha redis seconds".split(" ");
  const known = new Set([...optionTable.keys(), ...others, "help"]);
  const wrong: string[] = [];
  for (const guide of ["README.md", tablesFile, "src/registry/README.md", "src/sdk/README.md", "proto/README.md"]) {
    const named = Array.from(readFileSync(join(root, guide), "utf8").matchAll(/(?<=[\s`(])--([a-z][a-z-]*)/g));
    wrong.push(...named.flatMap(([flag, name = ""]) => (known.has(name) ? [] : [`${guide}: ${flag}`])));
  }
  expect(wrong).toEqual([]);
});

test("what the guide for operators says of limits and listeners names limits and options that exist", () => {
  const readme = readFileSync(join(root, tablesFile), "utf8");
  const section = readme.slice(readme.indexOf("\n## Limits\n"), readme.indexOf("\n## Watching it\n"));
  const written = new Set(limitNames.map(writtenNameOf));
  const named = Array.from(section.matchAll(/`([a-z]+(?:-[a-z]+)+)`/g), ([, name = ""]) => name);
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((name) => !written.has(name))).toEqual([]);
  const rows = section.slice(section.indexOf("### The listeners"));
  for (const listener of ["--ws", "--tcp", "--listen", "--dns", "--monitor", "control.sock"])
    expect(rows).toContain(`\`${listener}\``);
});

test("every constant of fixed.ts is used", () => {
  const fixed = "src/base/limits/fixed.ts";
  const names = Array.from((text.get(fixed) ?? "").matchAll(/^export const (\w+)/gm), ([, name = ""]) => name);
  const imported = [...text.values()].flatMap((source) =>
    Array.from(source.matchAll(/import \{([^}]*)\} from "[^"]*\/fixed\.ts"/g), ([, list = ""]) =>
      list.split(",").map((name) => name.trim()),
    ).flat(),
  );
  expect(names.filter((name) => !imported.includes(name))).toEqual([]);
});

test("every limit of the table has a test at its value and one above it", () => {
  const tests = [...new Glob("test/**/*.ts").scanSync(root)].map((file) => readFileSync(join(root, file), "utf8"));
  const tested = new Set(
    tests.flatMap((source) => [...source.matchAll(/\bbound\(\s*"(\w+)"/g)].map(([, name]) => name)),
  );
  expect(limitNames.filter((name) => !tested.has(name))).toEqual([]);
});

test("standard output and standard error are written to in one place of the commands, and in one of the server", () => {
  const writers = new Map([
    ["src/cli/command-output.ts", "makes every line printable"],
    ["src/cli/standard-streams.ts", "gets lines of the log, and the banner"],
    ["src/store/sqlite/backup/backup-worker.ts", "writes the bytes of a backup"],
  ]);
  const writes = [
    /\bprocess\s*(\.|\[)\s*"?(stdout|stderr)/,
    /\bstdout\b.*=\s*process\b/,
    /\bconsole\s*\./,
    /\bwriteSync\(\s*[12]\b/,
    /\bBun\.(stdout|stderr)\b/,
    /\/dev\/(stdout|stderr|fd|tty)\b/,
    /\/proc\/self\/fd\/\$/,
  ];
  const code = (source: string): string => source.replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, "");
  const found = files.filter((file) => writes.some((pattern) => pattern.test(code(text.get(file) ?? ""))));
  expect(new Set(found)).toEqual(new Set(writers.keys()));
});
