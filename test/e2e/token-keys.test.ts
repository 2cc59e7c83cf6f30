// The file of the token keys changes under a running server.

import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { secretsFromFile } from "../../src/auth/secret.ts";
import { signToken } from "../../src/auth/token.ts";
import { ServerProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";
import { WireClient } from "../support/wire-client.ts";

const folder = mkdtempSync(join(tmpdir(), "roost-token-keys-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("SIGHUP reads the token keys again: a key that is gone ends its connections, a bad file changes nothing", async () => {
  const path = join(folder, "secret");
  const [first, second, ofShop] = ["the first key of tokens", "the second key of tokens", "the key of the shop alone"];
  const write = (...lines: string[]): void => writeFileSync(path, lines.join("\n"), { mode: 0o600 });
  write(first, second);
  const server = await ServerProcess.start(folder, ["--secret-file", path, "--default-app", "kim"]);
  const reads = (): number => server.log.match(/the keys of the client tokens were/g)?.length ?? 0;
  const hup = async (): Promise<void> => {
    const before = reads();
    server.signal("SIGHUP");
    await until(() => reads() > before, "the file was looked at");
  };
  const client = async (key: string, app: string): Promise<WireClient> => {
    const made = await WireClient.connect(server.tcp.replace("tcp://", ""));
    await made.signIn(await signToken(new TextEncoder().encode(key), { account: key, app, ttlSeconds: 600 }));
    return made;
  };
  try {
    const [one, two] = [await client(first, "app"), await client(second, "")];
    for (const lines of [[], ["# none"], ["short"], ["[shop] no kid in this line"]]) {
      write(...lines);
      await hup();
    }
    rmSync(path);
    await hup();
    write("a new key that everybody can change");
    chmodSync(path, 0o666);
    await hup();
    expect(server.log.match(/ERROR.*the old keys stay/gi)).toHaveLength(6);
    await expect(client("a new key that everybody can change", "app")).rejects.toThrow("105");
    expect([(await client(first, "a")).isClosed, one.isClosed, two.isClosed]).toEqual([false, false, false]);
    rmSync(path);
    write(`[shop k] ${ofShop}`, second);
    expect(secretsFromFile(path).appKeys).toHaveLength(1);
    await hup();
    await until(() => one.isClosed, "the first key's connection ends");
    expect(two.isClosed).toBe(false);
    expect((await client(ofShop, "shop")).isClosed).toBe(false);
    await expect(client(second, "shop")).rejects.toThrow("signature");
    await expect(client(first, "app")).rejects.toThrow("signature");
    expect(await server.end("SIGTERM")).toBe(0);
  } finally {
    server.signal("SIGKILL");
  }
}, 60_000);
