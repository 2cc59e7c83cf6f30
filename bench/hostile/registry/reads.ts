// Reads of a registry that cost it what the reader likes: large answers that nobody reads, polls that name a thousand
// services.

import { registerAll, registerRequest, instancesOf } from "../../registry/instances.ts";
import { assertOk, getRequest, HttpConnection } from "../../registry/http-connection.ts";
import type { Attack, Stage } from "../attack.ts";
import { forwarded } from "../attacker-address.ts";
import { crowd } from "../crowd.ts";
import { RawSocket } from "../raw-client.ts";

const readers = 1_000;
const instances = 100;
/** A text of an instance's metadata, of which one instance has several. */
const metadataCharacters = 1_000;
const metadataTexts = 12;
const fetchers = 8;
const largeInstances = 10_000;
/** One whose connection was ended comes back after this long. */
const returnMs = 100;
const polls = 3_000;
const services = 1_000;
const service = "hostile.large";

/** Connections that send a request and read nothing. */
function unread({ place }: Stage, count: number, request: Buffer): Promise<void> {
  return crowd(count, async () => {
    const socket = await RawSocket.connect(place.registryPort);
    socket.deafen();
    void socket.write(forwarded(place, request));
    return socket;
  });
}

async function askAgain(reader: HttpConnection, request: Buffer): Promise<never> {
  for (;;) await reader.ask(request);
}

export const registryReads: readonly Attack[] = [
  {
    name: "unread-fetches",
    what: `${readers} connections fetch ${instances} instances with full metadata, and read nothing`,
    scene: "registry",
    async prepare(stage) {
      const { place, many } = stage;
      const writer = await HttpConnection.connect(place.registryPort);
      const texts = Array.from({ length: metadataTexts }, (_, at) => [`text${at}`, "m".repeat(metadataCharacters)]);
      for (const instance of instancesOf(service, many(instances)))
        assertOk(await writer.ask(registerRequest(instance, Object.fromEntries(texts))));
      writer.close();
      const request = getRequest(`/discovery/fetch?env=dev&appid=${service}&status=1`);
      return () => unread(stage, many(readers), request);
    },
  },
  {
    name: "large-fetches",
    what: `${fetchers} connections fetch a service of ${largeInstances} instances again and again`,
    scene: "registry",
    async prepare({ place, many }) {
      await registerAll(place.registryPort, instancesOf(service, many(largeInstances)), 16);
      const request = forwarded(place, getRequest(`/discovery/fetch?env=dev&appid=${service}&status=1`));
      const one = async (): Promise<never> => {
        for (;;) {
          // Until either side ends the connection.
          await HttpConnection.connect(place.registryPort)
            .then((reader) => askAgain(reader, request))
            .catch(() => Bun.sleep(returnMs));
        }
      };
      return async () => {
        await Promise.all(Array.from({ length: many(fetchers) }, one));
      };
    },
  },
  {
    name: "long-polls",
    what: `${polls} long polls name ${services} services each`,
    scene: "registry",
    async prepare(stage) {
      const { place, many } = stage;
      await registerAll(place.registryPort, instancesOf("hostile.polled", 1), 1);
      const names = Array.from({ length: many(services) }, (_, at) => `appid=s${at}&latest_timestamp=0`);
      const request = getRequest(`/discovery/polls?env=dev&hostname=poller&${names.join("&")}`);
      return () => unread(stage, many(polls), request);
    },
  },
];
