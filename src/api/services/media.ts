// Tickets to upload files, and to download those of messages.

import { Code, ConnectError } from "@connectrpc/connect";
import { Command } from "../../wire/commands.ts";
import { Messages } from "../../wire/gen/api_pb.ts";
import * as pkt from "../../wire/gen/pkt_pb.ts";
import type { ApiParts } from "../api-parts.ts";
import { actorOf, askFor, requireOneOf } from "../chat-calls.ts";
import { type Method, unary } from "../method.ts";

export function media(parts: ApiParts): readonly Method[] {
  return [
    unary(Messages.method.media, async ({ account, upload, download }, call) => {
      requireOneOf({ upload: upload !== undefined, download: download !== undefined });
      const request = {
        ...(upload && { upload: { name: upload.name, type: upload.type, size: upload.size } }),
        ...(download && { download: { messageId: download.messageId, id: download.id } }),
      };
      const asked = {
        command: Command.MediaTicket,
        account: actorOf(call, "account", account),
        schema: pkt.MediaTicketReqSchema,
        request,
      };
      const { tickets } = await askFor(parts, call, asked, pkt.MediaTicketRespSchema).catch((error: unknown) => {
        // The method is there; the server was started without a place for files.
        if (error instanceof ConnectError && error.code === Code.Unimplemented)
          throw new ConnectError(error.rawMessage, Code.FailedPrecondition);
        throw error;
      });
      return {
        tickets: tickets.map(({ media: file, method, url, headers, expiresAt }) => ({
          id: file?.id ?? "",
          name: file?.name ?? "",
          type: file?.type ?? "",
          size: file?.size ?? 0n,
          method,
          url,
          headers: headers.map(({ name, value }) => ({ name, value })),
          expiresAt,
        })),
      };
    }),
  ];
}
