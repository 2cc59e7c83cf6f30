// Sends an operator's request to a running process: to a standalone server by the socket in its data folder, to a
// member of a cluster by a link, to a registry node by its API. Errors name the process.

import { registryToken } from "../../auth/registry-token.ts";
import { systemRandom } from "../../base/random.ts";
import { TimerWheel } from "../../base/timer-wheel.ts";
import { askOverLink } from "../../link/control-link.ts";
import {
  answerIn,
  controlAnswer,
  type ControlFields,
  ControlRefused,
  controlRequest,
} from "../../observe/control-commands.ts";
import { Code } from "../../registry/codes.ts";
import { NodeClient, NodeFailure } from "../../registry/client/node-client.ts";
import type { NodeTrust } from "../../registry/client/node-request.ts";
import { systemTimers } from "../../base/timers.ts";
import { Flusher } from "../../transport/flusher.ts";
import type { NodeTls } from "../../transport/tls/node-tls.ts";
import { codeOf, sentenceOf } from "../failure.ts";
import { StartError } from "../usage-error.ts";
import { controlSocketPath } from "./control-socket.ts";

const answerMsMax = 10_000;

/** The answer of a process of another version. */
export const otherVersion = "this version does not understand the answer of the process";

/** How a process can be reached. */
export type ControlPlace =
  | { readonly kind: "socket"; readonly folder: string }
  | {
      readonly kind: "link";
      /** A link address: `host:port` or `tls://host:port`. */
      readonly address: string;
      readonly tls?: NodeTls | undefined;
      /** The id of the expected process; undefined: any process with the key. */
      readonly id: string | undefined;
      readonly clusterKeys: readonly Uint8Array[];
    }
  | {
      readonly kind: "registry";
      readonly url: string;
      /** Verifies an https:// URL; undefined: by the authorities of the system. */
      readonly tls?: NodeTrust | undefined;
      readonly clusterKeys: readonly Uint8Array[];
    };

/** Resolves with the answer to a command: parsed JSON, unchecked. Throws StartError. */
export async function askProcess(place: ControlPlace, command: string, fields?: ControlFields): Promise<unknown> {
  const request = controlRequest(command, fields);
  try {
    switch (place.kind) {
      case "socket":
        return controlAnswer(await askSocket(place.folder, request, command));
      case "link":
        return controlAnswer(await askLink(place, request));
      case "registry":
        return await askRegistry(place, request);
    }
  } catch (error) {
    if (error instanceof ControlRefused) throw new StartError(`${shownPlace(place)}: ${error.message}`);
    throw error;
  }
}

async function askSocket(folder: string, request: string, command: string): Promise<string> {
  const path = controlSocketPath(folder);
  try {
    const response = await fetch("http://roost/control", {
      method: "POST",
      body: request,
      unix: path,
      signal: AbortSignal.timeout(answerMsMax),
    });
    const text = await response.text();
    if (response.status !== 200) throw new ControlRefused(`HTTP status ${response.status} ${text.trim()}`);
    return text;
  } catch (error) {
    if (error instanceof ControlRefused) throw error;
    throw new StartError(socketSentence(path, error, command));
  }
}

function socketSentence(path: string, error: unknown, command: string): string {
  const others =
    command === "limits"
      ? "start it, name its folder with --data, or a process of a cluster with --node (roost limits --role " +
        "standalone shows the defaults)"
      : "start it, name its folder with --data, or the registry of a cluster with --discovery";
  switch (codeOf(error)) {
    case "ENOENT":
    case "ENOTDIR":
      return `no server uses this data folder: there is no ${path}; ${others}`;
    case "ECONNREFUSED":
      return `no server uses this data folder: nothing listens at ${path}; ${others}`;
    case "EACCES":
    case "EPERM":
      return `only the user of the server and root may connect to ${path}; use sudo`;
    default:
      return error instanceof DOMException
        ? `the server did not answer at ${path} within ${answerMsMax / 1_000} s`
        : `the request to ${path} failed: ${sentenceOf(error)}`;
  }
}

async function askLink(
  { address, tls, id, clusterKeys }: ControlPlace & { kind: "link" },
  request: string,
): Promise<string> {
  const wheel = new TimerWheel();
  wheel.start();
  try {
    return await askOverLink(request, {
      address,
      tls,
      id,
      clusterKeys,
      random: systemRandom,
      timers: systemTimers,
      wheel,
      flusher: new Flusher(),
    });
  } catch (error) {
    throw new StartError(`the request to the process at ${address} failed: ${sentenceOf(error)}`);
  } finally {
    wheel.stop();
  }
}

async function askRegistry(
  { url, tls, clusterKeys }: ControlPlace & { kind: "registry" },
  request: string,
): Promise<unknown> {
  const tokens = clusterKeys.map(registryToken);
  // With a key, only nodes that prove to know it are asked.
  const client = new NodeClient(systemTimers.after, () => tokens, clusterKeys.length > 0, tls);
  const parameters = new URLSearchParams({ request });
  try {
    const call = { method: "POST", endpoint: "control", parameters, limitMs: answerMsMax } as const;
    const { code, message, data } = await client.ask(url, call, new AbortController().signal);
    if (code !== Code.Ok) throw new ControlRefused(message);
    return answerIn(data);
  } catch (error) {
    if (error instanceof NodeFailure) throw new StartError(`the request to the registry node failed: ${error.message}`);
    throw error;
  }
}

function shownPlace(place: ControlPlace): string {
  if (place.kind === "socket") return controlSocketPath(place.folder);
  return place.kind === "link" ? place.address : place.url;
}
