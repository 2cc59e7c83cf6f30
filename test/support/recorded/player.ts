// Replays a recording against a running server: sends what was sent, and compares all that comes back with what came
// then.

import { reasonOf } from "../../../src/base/reason-of.ts";
import { parseBytes, writeBytes, type Segment } from "./byte-text.ts";
import { ByteClient } from "./byte-client.ts";
import { endMark, type Session, type Step } from "./recording.ts";
import { Mismatch, type Values } from "./values.ts";

const waitMsMax = 20_000;
/** Shown of bytes that differ. */
const shownBytes = 48;

/** The server of a replay. */
export interface PlayedServer {
  readonly tcpPort: number;
  readonly wsPort: number;
  /** Does what a step says is done to the server. */
  act(act: NonNullable<Step["server"]>): Promise<void>;
}

/** Replays one session. Rejects with the step and the connection where anything differs. */
export async function play(session: Session, server: PlayedServer, values: Values): Promise<void> {
  const player = new Player(server, values);
  try {
    for (const [number, step] of session.steps.entries())
      await player.play(step).catch(prefixed(`${session.name}, step ${number} (${step.what})`));
    player.expectNothing(session.name);
  } finally {
    player.close();
  }
}

/** Rethrows a failure with the place where it happened. */
const prefixed = (place: string) => (error: unknown) => {
  throw new Error(`${place}: ${reasonOf(error)}`, { cause: error });
};

class Player {
  private readonly server: PlayedServer;
  private readonly values: Values;
  private readonly clients = new Map<string, ByteClient>();

  constructor(server: PlayedServer, values: Values) {
    this.server = server;
    this.values = values;
  }

  async play(step: Step): Promise<void> {
    const { by, open, send, close, server, received, anyOrder } = step;
    if (by !== undefined) {
      const { wsPort, tcpPort } = this.server;
      if (open !== undefined) this.clients.set(by, await ByteClient.connect(open === "tcp" ? tcpPort : wsPort));
      const client = this.client(by);
      if (send !== undefined) client.send(this.bytesOf(parseBytes(send)));
      if (close === true) client.close();
    }
    if (server !== undefined) await this.server.act(server);
    for (const [name, texts] of Object.entries(received)) {
      const client = this.client(name);
      const all = anyOrder === true ? this.expectAnyOrder(client, texts) : this.expectInOrder(client, texts);
      await all.catch(prefixed(name));
    }
  }

  /** Ends the connections that are left. */
  close(): void {
    for (const client of this.clients.values()) client.close();
  }

  /** Fails if anything was received that was not recorded. */
  expectNothing(session: string): void {
    for (const [name, { received }] of this.clients)
      if (received.length > 0) throw new Error(`${session}: ${name} received more: ${shown(received)}`);
  }

  private client(name: string): ByteClient {
    const client = this.clients.get(name);
    if (client === undefined) throw new Error(`the recording does not open ${name}`);
    return client;
  }

  private bytesOf(segments: readonly Segment[]): Buffer {
    return Buffer.concat(segments.map((each) => (Buffer.isBuffer(each) ? each : this.values.bytesOf(each))));
  }

  private async expectInOrder(client: ByteClient, texts: readonly string[]): Promise<void> {
    for (const text of texts) await this.expect(client, text);
  }

  private async expect(client: ByteClient, text: string): Promise<void> {
    if (text === endMark) {
      await within(client, () => client.isEnded || client.received.length > 0, "its end");
      if (client.received.length > 0) throw new Mismatch(`received ${shown(client.received)} instead of its end`);
      return;
    }
    const segments = parseBytes(text);
    let at = 0;
    for (const segment of segments) {
      await within(
        client,
        () => {
          const end = this.match(segment, client.received, at);
          if (end === undefined) return false;
          at = end;
          return true;
        },
        text,
      );
    }
    client.take(at);
  }

  /** Each of the frames, in whatever order they come. */
  private async expectAnyOrder(client: ByteClient, texts: readonly string[]): Promise<void> {
    const left = [...texts];
    while (left.length > 0) {
      const failures: unknown[] = [];
      let found: number | undefined;
      for (const [index, text] of left.entries()) {
        try {
          await this.expect(client, text);
          found = index;
          break;
        } catch (error) {
          if (!(error instanceof Mismatch)) throw error;
          failures.push(error.message);
        }
      }
      if (found === undefined) throw new Mismatch(`none of the answers: ${failures.join("; ")}`);
      left.splice(found, 1);
    }
  }

  /** Where the segment ends that begins at `at`; undefined if it has not been received whole. */
  private match(segment: Segment, bytes: Buffer, at: number): number | undefined {
    if (!Buffer.isBuffer(segment)) return this.values.match(segment, bytes, at);
    const part = bytes.subarray(at, at + segment.length);
    if (segment.compare(part, 0, part.length, 0, part.length) !== 0) {
      const same = [...part].findIndex((byte, index) => byte !== segment[index]);
      const [came, expected] = [shown(bytes.subarray(at + same)), shown(segment.subarray(same))];
      throw new Mismatch(`after ${at + same} bytes: received ${came}, expected ${expected}`);
    }
    return part.length < segment.length ? undefined : at + segment.length;
  }
}

const shown = (bytes: Buffer): string => writeBytes([bytes.subarray(0, shownBytes)]);

/** Waits until `isSo`, which is asked again whenever something has been received. */
async function within(client: ByteClient, isSo: () => boolean, what: string): Promise<void> {
  const late = AbortSignal.timeout(waitMsMax);
  while (!isSo()) {
    if (client.isEnded) throw new Mismatch(`the connection ended; ${shown(client.received)} instead of ${what}`);
    if (late.aborted) throw new Error(`waited ${waitMsMax} ms for ${what}; received ${shown(client.received)}`);
    const timer = Promise.withResolvers<void>();
    const timeout = setTimeout(timer.resolve, 1_000);
    await Promise.race([client.more, timer.promise]);
    clearTimeout(timeout);
  }
}
