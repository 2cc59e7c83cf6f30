// What an operator learns about a file of keys that cannot be used.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { decodeProtectedHeader } from "jose";
import { join } from "node:path";
import { silentLog } from "../../src/base/log.ts";
import { OptionValues } from "../../src/cli/option-values.ts";
import { optionsOf } from "../../src/cli/command-options.ts";
import { makeToken } from "../../src/cli/token.ts";
import { Notes } from "../../src/cli/doctor/finding.ts";
import { readClusterKeys, readGivenSecrets } from "../../src/cli/secrets.ts";
import { jwksText, publicJwk } from "../support/public-keys.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder("roost-secrets-");

test("a file of keys that is missing, or holds none, is named with its option: a gateway has two", () => {
  const empty = join(folder, "empty");
  writeFileSync(empty, "", { mode: 0o600 });
  const missing = join(folder, "missing");
  const flag = new OptionValues(optionsOf.serve, ["--secret-file", missing], { ROOST_CLUSTER_KEY_FILE: empty });
  expect(() => readGivenSecrets(flag, silentLog)).toThrow(`--secret-file: cannot read ${missing}: no such file`);
  expect(() => readClusterKeys(flag, silentLog)).toThrow(`ROOST_CLUSTER_KEY_FILE: the secret file ${empty} is empty`);
});

test("a cluster key file with a key of an app is refused: it was meant for tokens", () => {
  const path = join(folder, "mixed");
  writeFileSync(path, "[shop k] the key of the shop alone\nthe key of the whole cluster\n", { mode: 0o600 });
  const given = new OptionValues(optionsOf.serve, ["--cluster-key-file", path, "--secret-file", path], {});
  expect(() => readClusterKeys(given, silentLog)).toThrow("are for client tokens");
  const { keys, appKeys } = readGivenSecrets(given, silentLog);
  expect([keys.length, appKeys.map(({ app }) => app)]).toEqual([1, ["shop"]]);
  writeFileSync(path, "[shop] jwks=/keys.json issuer=a\nthe key of the whole cluster\n", { mode: 0o600 });
  expect(() => readClusterKeys(given, silentLog)).toThrow("are for client tokens");
});

test("a key that several apps share is reported: whoever has it signs in as users of all of them", () => {
  const path = join(folder, "shared");
  const given = new OptionValues(optionsOf.serve, ["--secret-file", path], {});
  const warningsOf = (...lines: string[]) => {
    const notes = new Notes();
    writeFileSync(path, lines.join("\n"), { mode: 0o600 });
    const { again } = readGivenSecrets(given, notes);
    const atStart = notes.findings.splice(0).map(({ text }) => text);
    again?.();
    expect(notes.findings.map(({ text }) => text)).toEqual(atStart);
    return atStart;
  };
  const [one, two, three] = ["the key of the first one", "the key of the second", "the key of a third one"];
  expect(warningsOf(one, `[shop k] ${two}`, `[bank k] ${three}`, `[shop l] ${two}`)).toEqual([]);
  expect(warningsOf(one, `[shop k] ${two}`, `[b%C3%A4r k] ${two}`, `[bank k] ${three}`)).toEqual([
    `apps share a key, and whoever has it signs in as users of each; give every app a key of its own (path ${path}, ` +
      'apps "shop", "bär")',
  ]);
  expect(warningsOf(one, `[shop k] ${one}`)).toEqual([
    expect.stringContaining('apps "shop", all without keys of their own)'),
  ]);
});

test("roost token says who makes the tokens of an app that has an issuer and no secret", async () => {
  const [path, jwks] = [join(folder, "of-issuers"), join(folder, "keys.json")];
  writeFileSync(jwks, jwksText(publicJwk("EdDSA")), { mode: 0o644 });
  writeFileSync(path, `[shop] jwks=${jwks} issuer=https://id\nthe key of everybody else\n`, { mode: 0o600 });
  const values = new OptionValues(optionsOf.token, ["--secret-file", path, "--app", "shop"], {});
  expect(makeToken(values, "alice", 60_000)).rejects.toThrow("are made by its issuer, https://id");
});

test("roost token signs with the app's own key where it has one", async () => {
  const path = join(folder, "of-apps");
  writeFileSync(path, "[shop k] the key of the shop alone\nthe key of everybody else\n", { mode: 0o600 });
  const tokenFor = async (app: string) => {
    const values = new OptionValues(optionsOf.token, ["--secret-file", path, "--app", app], {});
    return decodeProtectedHeader((await makeToken(values, "alice", 60_000)).token).kid;
  };
  expect([await tokenFor("shop"), await tokenFor("bank")]).toEqual(["k", undefined]);
});
