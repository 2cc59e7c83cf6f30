// A registry for the tests of its limits. Addresses are those of loopback, each of which counts as one here.

import type { LimitName } from "../../../src/base/limits/table.ts";
import { RawTcp } from "../../support/raw-tcp.ts";
import { askUrl, chat1, encode, endLater, RawConnection, type Reply, serveRegistry, type Values } from "./support.ts";

export type Given = Parameters<typeof serveRegistry>[1];

/** A registry with these limits, in which every address of loopback counts. */
export function serve(given: Given) {
  const registry = serveRegistry(undefined, given, (address) => address);
  const { url, limits, port } = registry;
  const post = (endpoint: string, values: Values): Promise<Reply> =>
    askUrl(`${url}/discovery/${endpoint}`, { method: "POST", body: encode(values) });
  const get = (endpoint: string, values: Values = {}): Promise<Reply> =>
    askUrl(`${url}/discovery/${endpoint}?${encode(values)}`);
  const register = (change: Values = {}): Promise<Reply> =>
    post("register", { ...chat1, status: "1", addrs: "tcp://a:1", ...change });
  /** A client at an address of loopback that sends this, and does not read. */
  const send = (text: string, source = "127.0.0.1"): RawTcp => {
    const client = new RawTcp(port, source);
    endLater(async () => client.close());
    client.write(Buffer.from(text));
    return client;
  };
  const reached = (name: LimitName): number => limits.reached.get(name) ?? 0;
  return { ...registry, post, get, register, send, reached };
}

export const open = (port: number): Promise<RawConnection> => RawConnection.open({ port });

export const names = (count: number, prefix = "s"): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);
