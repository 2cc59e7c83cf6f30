// Clients that are not ours sign in and talk over TLS: programs in Go and Python, which know the protocol by its
// description only, those of KIM, a browser, and curl.

import { afterEach, describe, expect, test } from "bun:test";
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../scripts/harness/until.ts";
import { Command } from "../../src/wire/commands.ts";
import { MessageReqSchema } from "../../src/wire/gen/pkt_pb.ts";
import { browserTestMsMax, chromium } from "../support/browser.ts";
import { inPage } from "../support/browser-page.ts";
import { KimGoClient, KimStorage, KimWebClient } from "../support/kim-client.ts";
import { TlsStage } from "./tls-stage.ts";

const stage = new TlsStage();
const { authority, ca, folder } = stage;
const programs = join(import.meta.dir, "../support/foreign");
const python = Bun.which("python3");
const go = Bun.which("go");
const curl = Bun.which("curl");

afterEach(() => stage.end());

/** Runs a program to its end; what it wrote. */
async function outputOf(words: readonly string[]): Promise<string> {
  const child = Bun.spawn([...words], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  await child.exited;
  return out + errors;
}

const hostAndPort = (url: string): string => url.replace(/^\w+:\/\//, "");

describe("sign in and talk:", () => {
  const talks = async (program: readonly string[], kind: "ecdsa" | "rsa", name: string): Promise<void> => {
    const { server, token } = await stage.start(authority.leaf({ kind }));
    const tokens = [await token("alice"), await token("bob")];
    for (const [scheme, url] of [
      ["wss", server.ws],
      ["tls", server.tcp],
    ] as const) {
      const said = await outputOf([...program, scheme, hostAndPort(url), authority.root, ...tokens]);
      expect(said.replace("TLS 1.3", "TLSv1.3").split("\n")).toEqual([
        "TLSv1.3",
        "sign-in login.signin status 0 account alice",
        "sign-in login.signin status 0 account bob",
        `bob got hello from ${name} from alice`,
        "",
      ]);
    }
  };

  for (const kind of ["ecdsa", "rsa"] as const) {
    test.skipIf(python === null)(`Python, with a key of the kind ${kind}`, () =>
      talks(["python3", join(programs, "client.py")], kind, "Python"),
    );
    test.skipIf(go === null)(
      `Go, with a key of the kind ${kind}`,
      async () => {
        const program = join(folder, "go-client");
        expect(await outputOf(["go", "build", "-o", program, join(programs, "client.go")])).toBe("");
        await talks([program], kind, "Go");
      },
      240_000,
    );
  }

  test("the clients of KIM", async () => {
    const { server, token } = await stage.start();
    const bob = await KimWebClient.login(server.ws, await token("bob"), new KimStorage(), ca);
    const alice = await KimGoClient.login(server.ws, await token("alice"), ca);
    alice.send(Command.UserTalk, "bob", MessageReqSchema, { type: 1, body: "hello" });
    await alice.read();
    await until(() => bob.messages.length === 1, "it arrives");
    expect(bob.messages[0]).toMatchObject({ body: "hello", sender: "alice" });
    const answer = await bob.talk(Command.UserTalk, "alice", "and back");
    expect(answer.messageId).toBeGreaterThan(0n);
    alice.close();
    await bob.logout();
  });

  test.skipIf(chromium === undefined)(
    "a browser, unless it does not trust the certificate",
    async () => {
      const pair = authority.leaf();
      const { publicKey } = new X509Certificate(readFileSync(pair.certificate));
      const trusted = createHash("sha256")
        .update(publicKey.export({ type: "spki", format: "der" }))
        .digest("base64");
      const { server, token } = await stage.start(pair);
      const [url, alice, bob] = [server.ws, await token("alice"), await token("bob")].map((it) => JSON.stringify(it));
      const talk = `
        const seen = [];
        const on = { message: ({ sender, body }) => seen.push([sender, body]) };
        const bob = await RoostClient.connect({ url: ${url}, token: ${bob}, on });
        const alice = await RoostClient.connect({ url: ${url}, token: ${alice} });
        await alice.talkToUser("bob", { body: "from a page" });
        await until(() => seen.length === 1);
        await Promise.all([alice.close(), bob.close()]);
        return seen;
      `;
      expect(await inPage(talk, undefined, { trusts: [trusted] })).toEqual([["alice", "from a page"]]);
      expect(await inPage(talk)).toEqual({
        error: `Disconnected: disconnected: 1006 no connection to ${server.ws}`,
      });
    },
    2 * browserTestMsMax,
  );
});

test.skipIf(curl === null)("curl is told what listens there", async () => {
  const { server } = await stage.start();
  const url = server.ws.replace("wss:", "https:");
  const answer = await outputOf(["curl", "--silent", "--include", "--cacert", authority.root, `${url}/other`]);
  expect(answer).toStartWith("HTTP/1.1 426 Upgrade Required\r\n");
  expect(answer).toContain("This is a WebSocket server.");
  expect(await outputOf(["curl", "--silent", "--show-error", url])).toContain("unable to get local issuer certificate");
});
