// roost chat: a terminal client.

import { runChat } from "./chat/chat-session.ts";
import { standardStreams } from "./command-output.ts";
import type { OptionValues } from "./option-values.ts";
import { makeToken } from "./token.ts";
import { UsageError } from "./usage-error.ts";

const tokenMs = 24 * 3_600_000;

/** Talks until the input ends; returns the exit status. */
export async function chat(values: OptionValues): Promise<number> {
  const account = values.required("account", "is required: who are you?");
  const to = values.optional("to");
  const group = values.optional("group");
  if (to !== undefined && group !== undefined) throw new UsageError("--to and --group are both given; keep one");
  // The default registry is nobody's word.
  const lookup = values.layers("discovery").length > 0 ? values.required("discovery") : [];
  const url = values.optional("url") ?? [localUrl(values)];
  const token = values.optional("token") ?? (await tokens(values, account));
  return runChat({
    url,
    lookup,
    token,
    account,
    device: values.optional("device") ?? "",
    to,
    group,
    commands: values.required("commands"),
    ...standardStreams(),
  });
}

/** Makes a token when one is asked for; what is wrong with the key is said now. */
async function tokens(values: OptionValues, account: string): Promise<() => Promise<string>> {
  let first: string | undefined = (await makeToken(values, account, tokenMs)).token;
  return async () => {
    const token = first ?? (await makeToken(values, account, tokenMs)).token;
    first = undefined;
    return token;
  };
}

/** Where the server of this machine listens. */
function localUrl(values: OptionValues): string {
  const address = values.optional("ws");
  const host = address === undefined || address.host === "0.0.0.0" ? "127.0.0.1" : address.host;
  return `ws://${host.includes(":") ? `[${host}]` : host}:${address?.port ?? 8000}`;
}
