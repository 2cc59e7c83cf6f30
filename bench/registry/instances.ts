// What the generator registers: instances as the roles of this project describe themselves, and the requests about
// them.

import { assertOk, formRequest, getRequest, HttpPool } from "./http-connection.ts";

export const env = "dev";
export const zone = "zone01";
const port = 8100;

/** One instance: the number tells it from the others of its service. */
export interface BenchInstance {
  readonly appid: string;
  readonly number: number;
}

/** `count` instances of a service. */
export function instancesOf(appid: string, count: number): BenchInstance[] {
  return Array.from({ length: count }, (_, number) => ({ appid, number }));
}

/** POST register; `metadata` comes on top of what every instance has. */
export function registerRequest(instance: BenchInstance, metadata: Readonly<Record<string, string>> = {}): Buffer {
  const hostname = hostnameOf(instance);
  const form = new URLSearchParams({
    ...identityOf(instance),
    region: "region01",
    version: "1.0.0",
    status: "1",
    addrs: `tcp://${addressOf(instance)}:${port}`,
    metadata: JSON.stringify({
      id: hostname,
      incarnation: "4kV0mXqTz1",
      state: "adult",
      protocol: "tcp",
      zone,
      weight: "10",
      ...metadata,
    }),
  });
  return formRequest("/discovery/register", form.toString());
}

/** POST renew. */
export function renewRequest(instance: BenchInstance): Buffer {
  const form = new URLSearchParams(identityOf(instance));
  return formRequest("/discovery/renew", form.toString());
}

/** GET fetch: the UP instances of a service. */
export function fetchRequest(appid: string): Buffer {
  const query = new URLSearchParams({ env, appid, status: "1" });
  return getRequest(`/discovery/fetch?${query.toString()}`);
}

/** Registers them at one node, over this many connections as fast as they are answered; `registered` hears of each. */
export async function registerAll(
  nodePort: number,
  instances: readonly BenchInstance[],
  connections: number,
  registered: () => void = () => undefined,
): Promise<void> {
  const pool = await HttpPool.connect(nodePort, connections);
  let next = 0;
  const work = async (): Promise<void> => {
    for (let instance = instances[next++]; instance !== undefined; instance = instances[next++]) {
      assertOk(await pool.ask(registerRequest(instance)));
      registered();
    }
  };
  await Promise.all(Array.from({ length: connections }, work));
  pool.close();
}

function identityOf(instance: BenchInstance): Record<string, string> {
  return { env, zone, appid: instance.appid, hostname: hostnameOf(instance) };
}

/** Service ids are unique in a zone. */
function hostnameOf({ appid, number }: BenchInstance): string {
  return `${appid.replaceAll(".", "-")}-${number}`;
}

/** Of 10.0.0.0/8; two instances of one service differ. */
function addressOf({ number }: BenchInstance): string {
  return `10.${(number >> 16) & 0xff}.${(number >> 8) & 0xff}.${number & 0xff}`;
}
