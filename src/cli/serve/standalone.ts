// roost serve --role standalone: options to settings.

import { join } from "node:path";
import type { Log } from "../../base/log.ts";
import { startStandalone } from "../../roles/standalone/role.ts";
import { banner } from "../banner.ts";
import { openControlSocket } from "../control/control-socket.ts";
import { holdDataFolder, holdStore, openDataFolder } from "../data-folder.ts";
import { databasePath, isDatabaseFile } from "../engine-url.ts";
import type { OptionValues } from "../option-values.ts";
import { readSecrets } from "../secrets.ts";
import { UsageError } from "../usage-error.ts";
import { version } from "../version.ts";
import { limitsOf } from "./limits.ts";
import { begin, listenersOf, type Serving } from "./serving.ts";

/** Starts everything in one process. */
export async function serveStandalone(values: OptionValues, log: Log): Promise<Serving> {
  if ((values.optional("sessions") ?? "memory:") !== "memory:")
    throw new UsageError(`${values.sourceOf("sessions")} takes memory: in a standalone server`);
  const store = values.optional("store");
  if (store !== undefined && !isDatabaseFile(store))
    throw new UsageError(`${values.sourceOf("store")} takes sqlite:PATH in a standalone server`);
  const limits = limitsOf(values, "standalone", log);
  const settings = {
    ws: values.optional("ws"),
    tcp: values.optional("tcp"),
    monitor: values.optional("monitor"),
    trustedProxies: values.optional("trusted-proxies"),
    readWaitMs: values.required("read-wait"),
    writeWaitMs: values.required("write-wait"),
    loginWaitMs: values.required("login-wait"),
    retentionDays: values.required("retention"),
    defaultApp: values.optional("default-app"),
    id: values.required("id"),
    zone: values.required("zone"),
    adopt: values.required("adopt"),
  };
  const dataOption = values.required("data");
  const dataFolder = openDataFolder(dataOption, log);
  const folder = holdDataFolder(dataFolder);
  const secrets = readSecrets(values, dataFolder, true, log);
  const storePath =
    store === undefined ? join(dataFolder, "messages.db") : databasePath(store, values.sourceOf("store"), log);
  const held = holdStore(storePath, "alone");
  const takeLock = (): void => {
    folder.claim();
    held.claim();
  };
  const running = await begin(
    () =>
      startStandalone({
        ...settings,
        secrets: secrets.keys,
        appKeys: secrets.appKeys,
        readTokenKeys: secrets.again,
        storePath,
        takeLock,
        version,
        limits,
        log,
      }),
    "--ws, --tcp and --monitor",
  );
  const control = await openControlSocket(dataFolder, running.control, log);
  return {
    banner: banner({
      version,
      addresses: running.addresses,
      dataFolder,
      dataOption,
      secretOption: values.optional("secret-file") ?? undefined,
      storePath,
      secretMadeAt: secrets.madeAt,
    }),
    listening: listenersOf(running.addresses),
    limits,
    health: () => running.health(),
    ...(running.reload === undefined ? {} : { reload: running.reload }),
    async drain() {
      await running.drain();
      await control?.close();
      held.release();
      folder.release();
    },
  };
}
