// What `roost nodes` shows of an instance's state.

import { expect, test } from "bun:test";
import { withProof } from "../../src/auth/instance-proof.ts";
import { rowsOf } from "../../src/cli/nodes/listing.ts";
import type { Instance } from "../../src/registry/instance.ts";
import { instanceOf } from "../registry/dns/fake-directory.ts";

const key = new TextEncoder().encode("the key of this cluster");

function member(appid: string, hostname: string, isProven: boolean, env = "prod"): Instance {
  const metadata = new Map([["state", "adult"]]);
  const proven = withProof({ env, zone: "z1", service: appid, id: hostname, addrs: [], metadata }, [key]);
  return instanceOf({ env, appid, hostname, metadata: isProven ? proven : metadata });
}

const states = (...instances: readonly Instance[]): Record<string, string> =>
  Object.fromEntries(rowsOf(instances, new Set(), 0n).map(({ id, state }) => [id, state]));

test("members without a proof are marked where others of their environment carry one", () => {
  expect(
    states(
      member("chat", "c1", true),
      member("chat", "c2", false),
      member("login", "l1", false),
      instanceOf({ appid: "tgateway", hostname: "g1" }),
      member("shop", "s1", false),
      member("chat", "elsewhere", false, "dev"),
    ),
  ).toEqual({
    c1: "up (adult)",
    c2: "up (adult, no proof)",
    l1: "up (adult, no proof)",
    g1: "up (no proof)",
    s1: "up (adult)",
    elsewhere: "up (adult)",
  });
});

test("nobody is marked where nobody carries a proof", () => {
  expect(states(member("chat", "c1", false), instanceOf({ appid: "login", hostname: "l1" }))).toEqual({
    c1: "up (adult)",
    l1: "up",
  });
});
