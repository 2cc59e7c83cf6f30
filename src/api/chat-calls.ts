// Requests to the chat service of this process.

import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { systemAccount } from "../auth/names.ts";
import { EntryRespSchema, Status } from "../wire/gen/pkt_pb.ts";
import type { CommandName } from "../wire/commands.ts";
import type { ApiCall } from "./api-call.ts";
import type { ApiParts } from "./api-parts.ts";
import { errorOf, invalid } from "./codes.ts";

const noBody = Buffer.alloc(0);

/** A command with its body. */
interface Asked<I extends DescMessage> {
  readonly command: CommandName;
  /** Who asks. */
  readonly account: string;
  readonly dest?: string;
  readonly schema: I;
  readonly request: MessageInitShape<I>;
}

/** Asks as an account; returns the encoded answer. Throws ConnectError. */
export async function ask<I extends DescMessage>(
  { chat, system }: Pick<ApiParts, "chat" | "system">,
  call: ApiCall,
  { command, account, dest = "", schema, request }: Asked<I>,
): Promise<Uint8Array> {
  call.throwIfEnded();
  if (account === systemAccount) await system.made(call.app);
  const answer = await chat.call({
    command,
    app: call.app,
    account,
    dest,
    body: encoded(schema, request),
    receivedMs: call.receivedMs,
    signal: call,
  });
  if (answer.status !== Status.Success) throw errorOf(answer);
  return answer.body;
}

/** The same; returns the decoded answer. */
export async function askFor<I extends DescMessage, O extends DescMessage>(
  parts: Pick<ApiParts, "chat" | "system">,
  call: ApiCall,
  asked: Asked<I>,
  answer: O,
): Promise<MessageShape<O>> {
  return fromBinary(answer, await ask(parts, call, asked));
}

/** Asks for a change; returns its entry. Throws ConnectError. */
export async function change<I extends DescMessage>(
  parts: Pick<ApiParts, "chat" | "system">,
  call: ApiCall,
  asked: Asked<I>,
): Promise<{ readonly entryId: bigint; readonly time: bigint }> {
  const { entryId, time } = await askFor(parts, call, asked, EntryRespSchema);
  return { entryId, time };
}

/** A body of a command. */
export function encoded<I extends DescMessage>(schema: I, request: MessageInitShape<I>): Buffer {
  const { buffer, byteOffset, byteLength } = toBinary(schema, create(schema, request));
  return byteLength === 0 ? noBody : Buffer.from(buffer, byteOffset, byteLength);
}

/** Returns who acts: an account, for which the key needs a scope of its own, or the system. Throws ConnectError. */
export function actorOf(call: ApiCall, field: string, account: string): string {
  return account === "" ? systemAccount : call.actor(field, account);
}

/** Checks that exactly one of several fields is set. Throws InvalidArgument. */
export function requireOneOf(fields: Readonly<Record<string, boolean>>): void {
  const set = Object.values(fields).filter(Boolean).length;
  if (set !== 1) throw invalid(`exactly one of ${Object.keys(fields).join(", ")} must be set, and ${set} are`);
}
