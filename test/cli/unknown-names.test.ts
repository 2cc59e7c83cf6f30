// Names that no option has: what was meant is said where something is near, and variables of other programs are left
// alone.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nearest } from "../../src/base/did-you-mean.ts";
import { OptionValues } from "../../src/cli/option-values.ts";
import { optionsOf } from "../../src/cli/command-options.ts";
import { options } from "../../src/options/options.ts";
import { run } from "../../scripts/harness/server-process.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "roost-names-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const warnings = (variables: Record<string, string>): readonly string[] =>
  new OptionValues(optionsOf.serve, [], variables).warnings;

test("a command line that names no command, or gives one what it does not take, is refused with status 2", async () => {
  const cases: readonly (readonly [words: string, sentence: string])[] = [
    ["tokne", 'unknown command "tokne"; did you mean token?; expected one of serve, token, '],
    ["constructor", 'unknown command "constructor"; '],
    ["--ws off token", '"token" is not an option'],
    ["token --account a --account b", "--account is given twice"],
    ["token --account a --no-ttl", "--no-ttl is not an option here"],
    ["token --account a --ttl=", "--ttl: invalid value"],
    ["token --account a -- b", '"--" is not an option'],
    ["nodes --watch=maybe", '--watch: invalid value "maybe"'],
    ["backup", "FILE is missing"],
    ["backup one two", '"two" is one word too many'],
    ["version now", '"now" is not an option'],
  ];
  for (const [words, sentence] of cases) {
    const { status, out, err } = await run(words.split(" "), folder);
    expect([words, status, out, err]).toEqual([words, 2, "", expect.stringContaining(`roost: ${sentence}`)]);
  }
}, 60_000);

test("the nearest word has at most two differences, of short words fewer", () => {
  const words = Object.keys(options);
  for (const [word, meant] of [
    ["wss", "ws"],
    ["reed-wait", "read-wait"],
    ["raed-wait", "read-wait"],
    ["retenion", "retention"],
    ["secretfile", "secret-file"],
    ["dta", "data"],
    ["x", undefined],
    ["nope-nothing", undefined],
    ["y".repeat(100_000), undefined],
  ] as const)
    expect([word.slice(0, 20), nearest(word, words)]).toEqual([word.slice(0, 20), meant]);
});

describe("a variable", () => {
  test("that is misspelt is a warning that says what was meant", () => {
    expect(warnings({ ROOST_WSS: "127.0.0.1:1" })).toEqual([
      "the variable ROOST_WSS is ignored: no option has this name; did you mean ROOST_WS?",
    ]);
    expect(warnings({ ROOST_ws: "127.0.0.1:1" })[0]).toContain("did you mean ROOST_WS?");
    expect(warnings({ ROOST_RESUE_PORT: "true" })[0]).toContain("did you mean ROOST_REUSE_PORT?");
    expect(warnings({ ROOST_FLAVOUR_OF_TODAY: "mint" })[0]).not.toContain("did you mean");
  });

  test("that names a file that is not there is named itself", () => {
    expect(() => warnings({ ROOST_CONFIG: join(folder, "missing") })).toThrow("ROOST_CONFIG: cannot read ");
  });

  test("of another role or command, internal, empty or foreign is not an option", () => {
    const all = Object.keys(options).map((name) => [`ROOST_${name.toUpperCase().replaceAll("-", "_")}`, "x"] as const);
    const { ROOST_CONFIG: _, ...variables } = Object.fromEntries(all);
    expect(warnings({ ...variables, ROOST_INVOKED_AS: "roost", ROOST_WSS: "", ROOSTER: "x", PATH: "/bin" })).toEqual(
      [],
    );
  });

  test("that Kubernetes makes for a service named roost, or roost-something, is not mentioned", () => {
    for (const service of ["ROOST", "ROOST_CHAT", "ROOST_GATEWAY_2"]) {
      const port = `${service}_PORT`;
      expect(
        warnings({
          [`${service}_SERVICE_HOST`]: "10.0.0.11",
          [`${service}_SERVICE_PORT`]: "8000",
          [`${service}_SERVICE_PORT_WS`]: "8000",
          [port]: "tcp://10.0.0.11:8000",
          [`${port}_8000_TCP`]: "tcp://10.0.0.11:8000",
          [`${port}_8000_TCP_PROTO`]: "tcp",
          [`${port}_8000_TCP_PORT`]: "8000",
          [`${port}_8000_TCP_ADDR`]: "10.0.0.11",
          [`${port}_5353_UDP`]: "udp://10.0.0.11:5353",
        }),
      ).toEqual([]);
    }
    expect(warnings({ ROOST_PORT: "8000" })).toHaveLength(1);
  });
});

test("a misspelt key of the file or flag is refused, with a suggestion", () => {
  const path = join(folder, "roost.toml");
  writeFileSync(path, 'reed-wait = "1m"\n');
  expect(() => new OptionValues(optionsOf.serve, ["--config", path], {})).toThrow(
    "reed-wait is not an option; did you mean read-wait?",
  );
  expect(() => new OptionValues(optionsOf.serve, ["--retenion", "1d"], {})).toThrow("did you mean --retention?");
});

test("messages name the variable or the line that gave a value, and show no secret", () => {
  const values = new OptionValues(optionsOf.serve, ["--ws", "off"], {
    ROOST_WS: "127.0.0.1:1",
    ROOST_STORE: "mysql://root:hunter2@db/x",
  });
  expect([values.sourceOf("ws"), values.sourceOf("store"), values.sourceOf("tcp")]).toEqual([
    "--ws",
    "ROOST_STORE",
    "--tcp",
  ]);
  expect([values.typedAs("ws"), values.typedAs("store")]).toEqual(["--ws", undefined]);
  expect(() => values.optional("store")).toThrow(/^ROOST_STORE: invalid value: expected sqlite:PATH or postgres/);
});
