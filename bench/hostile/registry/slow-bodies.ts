// Requests whose bodies never come: as many as there are descriptors.

import type { Attack } from "../attack.ts";
import { forwarded } from "../attacker-address.ts";
import { crowd } from "../crowd.ts";
import { RawSocket } from "../raw-client.ts";

const posts = 1_100;
const announcedBytes = 100_000;

export const slowBodies: Attack = {
  name: "slow-bodies",
  what: `${posts} POSTs announce ${announcedBytes} bytes and send one, to a node with 1,024 open files`,
  scene: "registry-few-files",
  async prepare({ place, many }) {
    const head = [
      "POST /discovery/register HTTP/1.1",
      "Host: localhost",
      "Content-Type: application/x-www-form-urlencoded",
      `Content-Length: ${announcedBytes}`,
    ];
    const request = Buffer.from(`${head.join("\r\n")}\r\n\r\na`);
    return () =>
      crowd(many(posts), async () => {
        const socket = await RawSocket.connect(place.registryPort);
        void socket.write(forwarded(place, request));
        return socket;
      });
  },
};
