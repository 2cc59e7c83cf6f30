// What an operator is told of a file of keys that cannot be used.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../src/base/log.ts";
import { OptionValues } from "../../src/cli/option-values.ts";
import { optionsOf } from "../../src/cli/options.ts";
import { readClusterKeys, readGivenSecrets } from "../../src/cli/secrets.ts";

const folder = mkdtempSync(join(tmpdir(), "roost-secrets-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a file of keys that is missing, or holds none, is named with its option: a gateway has two", () => {
  const empty = join(folder, "empty");
  writeFileSync(empty, "", { mode: 0o600 });
  const missing = join(folder, "missing");
  const flag = new OptionValues(optionsOf.serve, ["--secret-file", missing], { ROOST_CLUSTER_KEY_FILE: empty });
  expect(() => readGivenSecrets(flag, silentLog)).toThrow(`--secret-file: cannot read ${missing}: no such file exists`);
  expect(() => readClusterKeys(flag, silentLog)).toThrow(`ROOST_CLUSTER_KEY_FILE: the secret file ${empty} is empty`);
});
