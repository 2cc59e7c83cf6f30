// How a node of the registry asks the others: over HTTPS where it can, over HTTP only while plain text is accepted.

import { afterEach, expect, test } from "bun:test";
import { peerSender } from "../../../src/registry/http/peer-sender.ts";
import { contextOf } from "../../transport/tls/tls-stage.ts";
import { type Pair, TestAuthority } from "../../support/certificates.ts";
import { bothPurposes, nodeTls } from "../../support/node-tls.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { endAll, endLater } from "./support.ts";

afterEach(endAll);

const folder = temporaryFolder("roost-peer-sender-");
const [ours, theirs] = [new TestAuthority(folder), new TestAuthority(folder)];
const pair = ours.leaf({ extra: bothPurposes });

/** A server that says how it was asked; with a pair it speaks HTTPS. */
function peer(shown?: Pair, port = 0) {
  const asked: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port,
    ...(shown && { tls: contextOf(shown).settings }),
    fetch: ({ url }) => {
      asked.push(new URL(url).protocol);
      return new Response("well");
    },
  });
  endLater(() => server.stop(true));
  return { asked, port: server.port, url: `http://127.0.0.1:${server.port}/discovery/peer/compare`, server };
}

function sender(isRequired: boolean) {
  const clock = { ms: 0, monotonicMs: () => clock.ms };
  const send = peerSender(clock, nodeTls(pair, ours.root, isRequired));
  const ask = async (url: string): Promise<string> => {
    const answer = await send(url, { method: "POST", headers: {}, body: "x", signal: AbortSignal.timeout(5_000) });
    return answer.text();
  };
  return { clock, ask };
}

test.each([true, false])("peers with certificates are asked over HTTPS (required: %p)", async (isRequired) => {
  const { asked, url } = peer(pair);
  expect(await sender(isRequired).ask(url)).toBe("well");
  expect(asked).toEqual(["https:"]);
});

test("a peer of plain text gets nothing from a node that requires TLS", async () => {
  const { asked, url } = peer();
  await expect(sender(true).ask(url)).rejects.toMatchObject({ code: "EPROTO" });
  expect(asked).toEqual([]);
});

test("a peer of plain text is asked over HTTP while accepted, and over HTTPS again after a minute", async () => {
  const { clock, ask } = sender(false);
  const first = peer();
  for (let count = 0; count < 3; count++) expect(await ask(first.url)).toBe("well");
  expect(first.asked).toEqual(["http:", "http:", "http:"]);
  // It restarts with a certificate, and takes no plain text any more.
  await first.server.stop(true);
  const second = peer(pair, first.port);
  clock.ms += 60_000;
  expect(await ask(second.url)).toBe("well");
  expect(second.asked).toEqual(["https:"]);
});

test("a peer whose certificate is no good is not asked over HTTP, either", async () => {
  const { asked, url } = peer(theirs.leaf({ extra: bothPurposes }));
  await expect(sender(false).ask(url)).rejects.toThrow(/certificate/);
  expect(asked).toEqual([]);
});
