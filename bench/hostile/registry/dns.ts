// A registry's DNS: changes that may cost it what it remembers, and connections that keep everybody else's out.

import { HttpConnection } from "../../registry/http-connection.ts";
import { DnsQuery, RecordType } from "../../registry/dns-query.ts";
import { instancesOf, registerAll, registerRequest } from "../../registry/instances.ts";
import type { Attack, Stage } from "../attack.ts";
import { forwarded } from "../attacker-address.ts";
import { crowd } from "../crowd.ts";
import { RawSocket } from "../raw-client.ts";

const endpoints = 20_000;
const changesPerSecond = 150;
const queriesPerSecond = 50;
const connections = 256;
/** Shorter than the time after which a silent connection is closed. */
const askMs = 4_000;
const large = "hostile-large";

/** A query with the two bytes of its length before it (RFC 1035, 4.2.2). */
function framed(asked: DnsQuery): Buffer {
  const datagram = asked.datagram(1, undefined);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(datagram.length);
  return Buffer.concat([length, datagram]);
}

async function change({ place }: Stage): Promise<void> {
  const writer = await HttpConnection.connect(place.registryPort);
  const startMs = performance.now();
  for (let turn = 0; ; turn++) {
    const dueMs = startMs + (turn * 1_000) / changesPerSecond;
    if (dueMs > performance.now()) await Bun.sleep(dueMs - performance.now());
    const request = registerRequest({ appid: "hostile-changing", number: turn % 10 }, { turn: String(turn) });
    if ((await writer.ask(forwarded(place, request)).catch(() => undefined)) === undefined) return;
  }
}

async function ask({ place }: Stage, asked: DnsQuery): Promise<void> {
  const socket = await Bun.udpSocket({
    hostname: "127.0.0.1",
    connect: { hostname: "127.0.0.1", port: place.dnsPort },
  });
  for (let turn = 0; ; turn++) {
    socket.send(asked.datagram(turn & 0xffff, undefined));
    await Bun.sleep(1_000 / queriesPerSecond);
  }
}

export const dnsAttacks: readonly Attack[] = [
  {
    name: "dns-churn",
    what: `${changesPerSecond} changes a second, ${queriesPerSecond} queries for a service of ${endpoints} endpoints`,
    scene: "dns",
    async prepare(stage) {
      await registerAll(stage.place.registryPort, instancesOf(large, stage.many(endpoints)), 16);
      const asked = new DnsQuery(`${large}.service.roost`, RecordType.A);
      return async () => {
        await Promise.all([change(stage), ask(stage, asked)]);
      };
    },
  },
  {
    name: "dns-connections",
    what: `${connections} connections ask once in ${askMs / 1_000} s`,
    scene: "dns-over-tcp",
    async prepare({ place, many }) {
      const asked = framed(new DnsQuery("nothing.service.roost", RecordType.A));
      return () =>
        crowd(many(connections), async () => {
          const socket = await RawSocket.connect(place.dnsPort);
          const again = (): void => void socket.write(asked);
          const timer = setInterval(again, askMs);
          again();
          void socket.ended.then(() => clearInterval(timer));
          return socket;
        });
    },
  },
];
