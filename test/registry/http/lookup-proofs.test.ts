// Whom a registry with cluster keys names to clients: gateways that are believed, and no stranger's.

import { afterEach, expect, test } from "bun:test";
import { withProof } from "../../../src/auth/instance-proof.ts";
import { registryToken } from "../../../src/auth/registry-token.ts";
import { at, endAll, TestNode } from "./support.ts";

afterEach(endAll);

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const [key, other] = [bytes("key of this cluster"), bytes("key of another one")];
const headers = { authorization: `Bearer ${registryToken(key)}` };

/** Registers a gateway with a proof by that key for that environment; its metadata says `said`, whatever was proven. */
async function register(
  node: TestNode,
  hostname: string,
  { by = key, env = "prod", service = "wgateway" } = {},
  said: Readonly<Record<string, string>> = {},
): Promise<void> {
  const domain = `wss://${hostname}.example`;
  const metadata = withProof(
    { env, zone: "z1", service, id: hostname, addrs: [domain], metadata: new Map([["domain", domain]]) },
    [by],
  );
  const entries = { ...Object.fromEntries(metadata), ...said };
  const registered = await node.register(
    { appid: "wgateway", hostname, addrs: domain, metadata: JSON.stringify(entries) },
    { headers },
  );
  expect(registered.code).toBe(0);
}

test("lookup names gateways that are proven for its environment, with the URL that they proved", async () => {
  const node = await TestNode.start({ clusterKeys: [other, key] });
  await register(node, "g1");
  await register(node, "stranger", { by: bytes("key of nobody here") });
  await register(node, "staging", { env: "dev" });
  await register(node, "chat-1", { service: "chat" });
  await register(node, "lured", {}, { domain: "ws://evil.example" });
  expect(at((await node.ask("/api/lookup/alice")).json, "domains")).toEqual(["wss://g1.example"]);
});

test("lookup of a registry without keys, which cannot tell, names all", async () => {
  const node = await TestNode.start();
  await register(node, "g1", { by: other });
  expect(at((await node.ask("/api/lookup/alice")).json, "domains")).toEqual(["wss://g1.example"]);
});

test("a gateway of the former release, which has no proof, is named beside the others", async () => {
  const node = await TestNode.start({ clusterKeys: [key] });
  await register(node, "g1");
  await register(node, "g2", {}, { proof: "" });
  const { text } = await node.ask("/api/lookup/alice");
  expect(text).toContain("wss://g1.example");
  expect(text).toContain("wss://g2.example");
});
