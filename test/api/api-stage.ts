// A messenger in this process with the API on a free port, keys that the tests make up, and clients of the package.

import type { Client, Transport } from "@connectrpc/connect";
import { createClient } from "@connectrpc/connect";
import { createTransport } from "@connectrpc/connect/protocol-connect";
import { createFetchClient } from "@connectrpc/connect/protocol";
import type { StandaloneSettings } from "../../src/roles/settings.ts";
import { Accounts, Admin, Conversations, Groups, Messages } from "../../src/wire/gen/api_pb.ts";
import { Messenger } from "../support/messenger.ts";

/** The keys of a stage: their apps and scopes. */
const wishes = {
  all: { app: "app", scopes: ["*"] },
  everyApp: { app: "*", scopes: ["*"] },
  reader: { app: "app", scopes: ["messages:read", "groups:*"] },
  sender: { app: "app", scopes: ["messages:write"] },
  other: { app: "other", scopes: ["*"] },
} as const;
export type KeyName = keyof typeof wishes;

/** Makes a key as an operator does. */
export async function makeKey(messenger: Messenger, app: string, scopes: readonly string[]): Promise<string> {
  const answer: unknown = JSON.parse(
    await messenger.control.obey(JSON.stringify({ command: "key-create", app, scopes, name: "of a test" })),
  );
  const text = /"text":"(rk_\w+)"/.exec(JSON.stringify(answer))?.[1];
  if (text === undefined) throw new Error(`no key was made: ${JSON.stringify(answer)}`);
  return text;
}

export class ApiStage {
  readonly messenger: Messenger;
  readonly url: string;
  /** The texts of the keys. */
  readonly keys: Readonly<Record<KeyName, string>>;

  private constructor(messenger: Messenger, keys: ApiStage["keys"]) {
    this.messenger = messenger;
    this.url = `http://${messenger.api}`;
    this.keys = keys;
  }

  /** `kept`: the keys of a former stage of the same store. */
  static async start(overrides: Partial<StandaloneSettings> = {}, kept?: ApiStage["keys"]): Promise<ApiStage> {
    const messenger = await Messenger.start({ api: { host: "127.0.0.1", port: 0 }, ...overrides });
    if (kept !== undefined) return new ApiStage(messenger, kept);
    const make = (name: KeyName): Promise<string> => makeKey(messenger, wishes[name].app, wishes[name].scopes);
    const [all, everyApp, reader, sender, other] = [
      await make("all"),
      await make("everyApp"),
      await make("reader"),
      await make("sender"),
      await make("other"),
    ];
    return new ApiStage(messenger, { all, everyApp, reader, sender, other });
  }

  /** The package's transport, with a key. */
  transport(key: KeyName = "all", useBinaryFormat = true, headers: Readonly<Record<string, string>> = {}): Transport {
    return createTransport({
      httpClient: createFetchClient(fetch),
      baseUrl: this.url,
      useBinaryFormat,
      interceptors: [
        (next) => (request) => {
          request.header.set("authorization", `Bearer ${this.keys[key]}`);
          // Bun's fetch decodes an answer, and leaves the header that says how it was encoded.
          request.header.set("accept-encoding", "identity");
          for (const [name, value] of Object.entries(headers)) request.header.set(name, value);
          return next(request);
        },
      ],
      acceptCompression: [],
      sendCompression: null,
      compressMinBytes: 1024,
      readMaxBytes: 0xffffffff,
      writeMaxBytes: 0xffffffff,
    });
  }

  messages(...given: Parameters<ApiStage["transport"]>): Client<typeof Messages> {
    return createClient(Messages, this.transport(...given));
  }

  conversations(...given: Parameters<ApiStage["transport"]>): Client<typeof Conversations> {
    return createClient(Conversations, this.transport(...given));
  }

  groups(...given: Parameters<ApiStage["transport"]>): Client<typeof Groups> {
    return createClient(Groups, this.transport(...given));
  }

  accounts(...given: Parameters<ApiStage["transport"]>): Client<typeof Accounts> {
    return createClient(Accounts, this.transport(...given));
  }

  admin(...given: Parameters<ApiStage["transport"]>): Client<typeof Admin> {
    return createClient(Admin, this.transport(...given));
  }

  /** A POST without the package. */
  post(
    path: string,
    body: BodyInit,
    headers: Readonly<Record<string, string>> = {},
    key: KeyName = "all",
  ): Promise<Response> {
    return fetch(`${this.url}/roost.v1.${path}`, {
      method: "POST",
      body,
      headers: { "content-type": "application/json", authorization: `Bearer ${this.keys[key]}`, ...headers },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.messenger.stop();
  }
}
