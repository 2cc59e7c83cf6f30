// roost serve --role standalone: options to settings.

import { existsSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { secretPath } from "../../auth/secret.ts";
import { signingKeyOf } from "../../auth/token-issuer.ts";
import type { Log } from "../../base/log.ts";
import { systemRandom } from "../../base/random.ts";
import { startStandalone } from "../../roles/standalone/start.ts";
import { demoApp, newLinkSecret } from "../../site/test-accounts.ts";
import { banner } from "../banner.ts";
import { openControlSocket } from "../control/control-socket.ts";
import { holdDataFolder, holdStore, makeDataFolder } from "../data-folder.ts";
import { readLocalKey } from "../local-key-file.ts";
import type { OptionValues } from "../option-values.ts";
import { readSecrets } from "../secrets.ts";
import { readS3Credentials } from "../s3-credentials.ts";
import { databasePath } from "../store-place.ts";
import { readNodeTls, readTls, webLink } from "../tls.ts";
import { version } from "../version.ts";
import { leaveBySignal } from "./leaving.ts";
import { limitsOf } from "./limits.ts";
import { clientListeners, tryListeners } from "./listeners.ts";
import { requireSecureApi, requireStandaloneStores } from "./requirements.ts";
import { openPage } from "./open-page.ts";
import { begin, listenersOf, type Serving } from "./serving.ts";

/** Starts everything in one process. A start that fails leaves nothing of what it made. */
export async function serveStandalone(values: OptionValues, log: Log): Promise<Serving> {
  requireStandaloneStores(values);
  const store = values.optional("store");
  // Where the server has been before, a try would only turn clients away.
  if (!existsSync(secretPath(resolve(values.required("data"))))) tryListeners(clientListeners(values));
  // With a key of a failed start in the folder, a command there would sign tokens that the server elsewhere refuses.
  const undo: (() => void)[] = [];
  try {
    return await serveFrom(values, store, log, undo);
  } catch (error) {
    for (const step of undo.toReversed()) step();
    throw error;
  }
}

/** `undo` gets the steps that take back what is made. */
async function serveFrom(
  values: OptionValues,
  store: string | undefined,
  log: Log,
  undo: (() => void)[],
): Promise<Serving> {
  const limits = limitsOf(values, "standalone", log);
  // All values are checked before anything is made.
  const settings = values.settings("standalone");
  const tls = readTls(values, log);
  const nodeTls = readNodeTls(values, "standalone", log);
  requireSecureApi(values, settings.api, tls.tls !== undefined, "--tls-cert");
  const s3Credentials = readS3Credentials(values);
  const dataOption = values.required("data");
  const { path: dataFolder, made } = makeDataFolder(dataOption, log);
  if (made !== undefined) undo.push(() => rmSync(made, { recursive: true, force: true }));
  const folder = holdDataFolder(dataFolder);
  undo.push(() => folder.release());
  const secrets = readSecrets(values, dataFolder, true, log);
  const { madeAt } = secrets;
  if (madeAt !== undefined) undo.push(() => rmSync(madeAt, { force: true }));
  const localKey = readLocalKey(dataFolder, undo);
  const storePath =
    store === undefined ? join(dataFolder, "messages.db") : databasePath(store, values.sourceOf("store"), log);
  const held = holdStore(storePath, "alone");
  undo.push(() => held.release());
  const takeLock = (): void => {
    folder.claim();
    held.claim();
  };
  const hasLink = settings.web && settings.ws !== undefined && signingKeyOf(secrets, demoApp) !== undefined;
  const linkSecret = hasLink ? newLinkSecret(systemRandom) : undefined;
  const running = await begin(
    () =>
      startStandalone({
        ...settings,
        ...tls,
        nodeTls,
        tokenKeys: secrets,
        localKey,
        linkSecret,
        leave: leaveBySignal,
        storePath,
        dataFolder,
        s3Credentials,
        takeLock,
        version,
        limits,
        log,
      }),
    clientListeners(values),
  );
  const control = await openControlSocket(dataFolder, running.control, log);
  const isSecure = tls.tls !== undefined;
  const { ws } = running.addresses;
  const link = ws !== undefined && linkSecret !== undefined ? webLink(ws, isSecure, linkSecret) : undefined;
  let endOpen: (() => void) | undefined;
  return {
    ...running,
    announced() {
      if (!values.required("open")) return;
      if (link === undefined) log.warn("--open: there is no page to open: it needs --ws, --web on and a token secret");
      else endOpen = openPage(link, dataFolder, log);
    },
    banner: banner({
      version,
      addresses: running.addresses,
      link,
      isSecure,
      dataFolder,
      dataOption,
      secretOption: values.optional("secret-file"),
      storePath,
      secretMadeAt: madeAt,
      isNodeSecure: nodeTls !== undefined,
    }),
    listening: listenersOf(running.addresses, {
      clients: isSecure,
      node: nodeTls !== undefined,
      api: isSecure,
    }),
    limits,
    async drain() {
      endOpen?.();
      await running.drain();
      await control?.close();
      held.release();
      folder.release();
    },
  };
}
