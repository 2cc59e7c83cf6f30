// roost chat: a terminal client.

import { formatAddress } from "../transport/address.ts";
import { runChat } from "./chat/chat-session.ts";
import { isDumbTerminal, standardStreams } from "./command-output.ts";
import type { OptionValues } from "./option-values.ts";
import { readServerAuthorities } from "./tls.ts";
import { makeToken } from "./token.ts";
import { UsageError } from "./usage-error.ts";

const tokenMs = 24 * 3_600_000;

/** Runs the client until the input ends; returns the exit status. */
export async function chat(values: OptionValues): Promise<number> {
  const account = values.required("account", "is required: your account");
  const to = values.optional("to");
  const group = values.optional("group");
  if (to !== undefined && group !== undefined) throw new UsageError("--to and --group are both given; keep one");
  // The default of --discovery does not count.
  const lookup = values.layers("discovery").length > 0 ? values.required("discovery") : [];
  const url = values.optional("url") ?? [localUrl(values)];
  const ofApi = url.find((each) => each.startsWith("http"));
  if (ofApi !== undefined)
    throw new UsageError(
      `${values.sourceOf("url")}: ${ofApi} is no listener for clients; expected ws://, wss://, tcp:// or tls://`,
    );
  const token = values.optional("token") ?? (await tokens(values, account));
  const ca = values.optional("ca");
  return runChat({
    url,
    ...(ca === undefined ? {} : { ca: readServerAuthorities(ca) }),
    lookup,
    token,
    account,
    device: values.optional("device") ?? "",
    to,
    group,
    // A person types there, too, though lines cannot be drawn again.
    commands: values.required("commands") || isDumbTerminal(),
    ...standardStreams(),
  });
}

/** Returns a function that makes tokens. Makes the first token now, so that an unusable key is reported early. */
async function tokens(values: OptionValues, account: string): Promise<() => Promise<string>> {
  let first: string | undefined = (await makeToken(values, account, tokenMs)).token;
  return async () => {
    const token = first ?? (await makeToken(values, account, tokenMs)).token;
    first = undefined;
    return token;
  };
}

/** Returns the URL of the server on this machine. */
export function localUrl(values: OptionValues): string {
  const { host, port } = values.optional("ws") ?? { host: "127.0.0.1", port: 8000 };
  return `ws://${formatAddress(host === "0.0.0.0" ? "127.0.0.1" : host, port)}`;
}
