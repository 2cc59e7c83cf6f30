// Servers whose certificate a client refuses, and such as speak no TLS: the application gets the reason, over both
// transports.

import { afterEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { TestAuthority, selfSigned } from "../support/certificates.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { connecting } from "./several-servers.ts";
import { afterwards, endAll } from "./support.ts";

const folder = temporaryFolder("roost-refused-");
const authority = new TestAuthority(folder);
const ca = readFileSync(authority.root, "utf8");

afterEach(endAll);

const pairs = {
  expired: authority.leaf({ from: "20200101000000Z", to: "20210101000000Z" }),
  "for another name": authority.leaf({ names: "DNS:other.example" }),
  "self-signed": selfSigned(folder),
  "of another authority": new TestAuthority(folder).leaf(),
};
const reasons = {
  expired: "certificate has expired",
  "for another name": "its certificate is not for this name",
  "self-signed": "self signed certificate",
  "of another authority": "unable to get local issuer certificate",
};

/** A server of the platform with this certificate; the URL. Ours would refuse to start with some. */
function serve(scheme: "wss" | "tls", { certificate, key }: { certificate: string; key: string }): string {
  const tls = { cert: readFileSync(certificate, "utf8"), key: readFileSync(key, "utf8") };
  const at = { hostname: "127.0.0.1", port: 0, tls };
  const server =
    scheme === "tls"
      ? Bun.listen({ ...at, socket: { data: () => undefined } })
      : Bun.serve({
          ...at,
          fetch: (request, listener) => (listener.upgrade(request) ? undefined : new Response("")),
          websocket: { message: () => undefined },
        });
  afterwards(() => server.stop(true));
  return `${scheme}://127.0.0.1:${server.port}`;
}

describe.each(["wss", "tls"] as const)("over %s", (scheme) => {
  for (const what of ["expired", "for another name", "self-signed", "of another authority"] as const)
    test(`a certificate that is ${what}`, async () => {
      const url = serve(scheme, pairs[what]);
      const ended = await connecting({ url, ca }).client.catch((error: unknown) => error);
      expect(String(ended)).toMatch(/^Disconnected: disconnected: 1006 no (TLS )?connection to /);
      expect(String(ended)).toContain(url.slice(6));
      expect(String(ended)).toContain(reasons[what]);
    });

  test("a server without TLS", async () => {
    const socket = { data: (peer: Bun.Socket) => void peer.end("HTTP/1.1 400 Bad Request\r\n\r\n") };
    const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket });
    afterwards(() => server.stop(true));
    const url = `${scheme}://127.0.0.1:${server.port}`;
    const ended = await connecting({ url, ca }).client.catch((error: unknown) => error);
    expect(String(ended)).toContain(`no ${scheme === "tls" ? "TLS " : ""}connection to `);
    expect(String(ended)).toEndWith(": it does not speak TLS");
  });
});
