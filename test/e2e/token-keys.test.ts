// The file of the token keys changes under a running server.

import { expect, test } from "bun:test";
import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { secretsFromFile } from "../../src/auth/secret.ts";
import { signToken, TokenVerifier } from "../../src/auth/token.ts";
import { CloseCode } from "../../src/wire/close-reason.ts";
import { Command } from "../../src/wire/commands.ts";
import { MessagePushSchema } from "../../src/wire/gen/pkt_pb.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { talk } from "../support/commands.ts";
import { freePorts } from "../../scripts/harness/free-ports.ts";
import { run, ServerProcess } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { WireClient } from "../support/wire-client.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder("roost-token-keys-");

test("SIGHUP reads the token keys again: a removed key ends its connections, a bad file changes nothing", async () => {
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

const signed = (key: string, account: string, app: string): Promise<string> =>
  signToken(new TextEncoder().encode(key), { account, app, ttlSeconds: 600 });

test("each gateway of a cluster reads its own: a key ends its connections where it was taken away", async () => {
  const stage = await ClusterStage.start({ gateways: 2 });
  try {
    const { cluster } = stage;
    const [old, fresh] = [readFileSync(stage.path("secret"), "utf8").trim(), "the next key of the tokens"];
    const write = (...lines: string[]): void => writeFileSync(stage.path("secret"), lines.join("\n"), { mode: 0o600 });
    const hup = async (name: string, told: RegExp): Promise<void> => {
      cluster.process(name)?.signal("SIGHUP");
      await stage.says(name, told);
    };
    const signIn = async (gateway: number, key: string, account: string): Promise<WireClient> => {
      const client = await stage.stranger(gateway);
      await client.signIn(await signed(key, account, "app"));
      return client;
    };
    const [ann, bob] = [await signIn(0, old, "ann"), await signIn(1, old, "bob")];
    write(old, fresh);
    for (const name of cluster.names("gateway"))
      await hup(name, /read again \([0-9a-f]{8} [0-9a-f]{8}\); .* end by it: 0;/);
    const [cay, dan] = [await signIn(0, fresh, "cay"), await signIn(1, fresh, "dan")];
    write(fresh);
    await hup("gateway-1", /read again \([0-9a-f]{8}\); connections that end by it: 1;/);
    expect((await ann.ending()).code).toBe(CloseCode.Unauthorised);
    await expect(signIn(0, old, "ann")).rejects.toThrow("the token's signature is wrong");
    // The other one still has the former file.
    expect(bob.isClosed).toBe(false);
    await signIn(1, old, "ann");
    await hup("gateway-2", /read again \([0-9a-f]{8}\); connections that end by it: 2;/);
    expect((await bob.ending()).code).toBe(CloseCode.Unauthorised);
    expect([cay.isClosed, dan.isClosed]).toEqual([false, false]);
    // A gateway reports what it ends to the login node: the device is free at once.
    await signIn(0, fresh, "bob");
    write("short");
    await hup("gateway-1", /the keys of the client tokens were not changed/);
    expect(cay.isClosed).toBe(false);
    await signIn(0, fresh, "eve");
  } finally {
    await stage.close();
  }
}, 60_000);

test("a chat node issues tokens with the key that its file has since the last SIGHUP", async () => {
  const [port] = await freePorts(1);
  const path = join(folder, "secret-of-chat");
  const write = (key: string): void => writeFileSync(path, key, { mode: 0o600 });
  const [old, next] = ["the key that signs tokens at first", "the key that signs tokens later"];
  write(old);
  const slips = { "chat-1": { "--api": `127.0.0.1:${port}`, "--secret-file": path } };
  const stage = await ClusterStage.start({}, { slips });
  try {
    const { cluster } = stage;
    const where = ["--discovery", cluster.registry.join(","), "--cluster-key-file", stage.path("cluster-key")];
    const wish = ["key", "create", "--app", "app", "--scope", "accounts:token", "--name", "test"];
    const key = (await run([...wish, ...where], stage.folder)).out.trim();
    const isSignedWith = async (text: string): Promise<boolean> => {
      const response = await fetch(`http://127.0.0.1:${port}/roost.v1.Accounts/IssueToken`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        body: '{"account":"ann"}',
      });
      const { token }: { token?: unknown } = Object(await response.json());
      const verifier = new TokenVerifier([new TextEncoder().encode(text)], () => Date.now());
      return (await verifier.verify(String(token))).ok;
    };
    expect(await isSignedWith(old)).toBe(true);
    write(next);
    cluster.process("chat-1")?.signal("SIGHUP");
    await stage.says("chat-1", /the keys of the client tokens were read again/);
    expect(await isSignedWith(next)).toBe(true);
    write("short");
    cluster.process("chat-1")?.signal("SIGHUP");
    await stage.says("chat-1", /the keys of the client tokens were not changed/);
    expect(await isSignedWith(next)).toBe(true);
  } finally {
    await stage.close();
  }
}, 60_000);

test("a token without app is refused with a hint, and --default-app of another process changes nothing", async () => {
  const slips = { "gateway-2": { "--default-app": "kim" } };
  const stage = await ClusterStage.start({ gateways: 2 }, { slips });
  try {
    const key = readFileSync(stage.path("secret"), "utf8").trim();
    const token = await signed(key, "ann", "");
    const refused = await stage.stranger(0);
    await expect(refused.signIn(token)).rejects.toThrow(
      "the token has no app, and this server has none for such tokens (--default-app)",
    );
    const [ann, bob] = [await stage.stranger(1), await stage.stranger(0)];
    await ann.signIn(token);
    await bob.signIn(await signed(key, "bob", "kim"));
    await talk(ann, "bob", "we are of one app");
    expect((await bob.pushed(Command.UserTalk, MessagePushSchema))[0]?.body).toBe("we are of one app");
    expect(await refused.ending()).toMatchObject({ code: CloseCode.Unauthorised });
  } finally {
    await stage.close();
  }
}, 60_000);
