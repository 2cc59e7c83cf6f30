// Instances of several services, for tests of what the registry's domain holds.

import { discoveryAppid, type Instance, Status } from "../../../src/registry/instance.ts";
import { Asked } from "./ask.ts";
import { instanceOf } from "./fake-directory.ts";

export const metadata = (entries: Readonly<Record<string, string>>): ReadonlyMap<string, string> =>
  new Map(Object.entries(entries));

export const login1 = instanceOf({
  appid: "login",
  hostname: "login1",
  addrs: ["tcp://10.0.0.1:8100"],
  version: "1.2",
  metadata: metadata({ weight: "7", state: "adult" }),
});

export const login2 = instanceOf({ appid: "login", hostname: "login2", zone: "z2", addrs: ["tcp://10.0.0.2:8100"] });

const gateway = instanceOf({
  appid: "wgateway",
  hostname: "gw1",
  addrs: ["ws://10.0.0.3:8000", "http://[2001:db8::3]:8001", "udp://10.0.0.3:9000"],
});

const waiting = instanceOf({
  appid: "chat",
  hostname: "chat1",
  zone: "z3",
  status: Status.Waiting,
  addrs: ["tcp://10.0.0.4:8100"],
});

export const discovery = instanceOf({ appid: discoveryAppid, hostname: "reg1", addrs: ["http://10.0.0.9:7171"] });
const otherEnv = instanceOf({ appid: "secret", env: "dev", hostname: "dev1", zone: "z9", addrs: ["tcp://10.9.9.9:1"] });
export const all = [login1, login2, gateway, waiting, discovery, otherEnv];
export const soa = "roost 5 SOA ns.roost hostmaster.roost 5";

export function registry(instances: readonly Instance[] = all): Asked {
  return new Asked(instances);
}
