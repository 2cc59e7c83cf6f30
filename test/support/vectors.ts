// The golden bytes of proto/vectors/packets.json, typed. An independent encoder made them.

import vectors from "../../proto/vectors/packets.json";

export interface PacketVector {
  readonly name: string;
  readonly kind: string;
  readonly hex: string;
  readonly bodyHex: string;
  readonly code?: number;
  readonly header?: {
    readonly command: string;
    readonly channelId: string;
    readonly sequence: number;
    readonly flag: number;
    readonly status: number;
    readonly dest: string;
    readonly meta: readonly { readonly key: string; readonly value: string; readonly type: number }[];
  };
  readonly bodyType?: string;
  readonly body?: object;
}

export interface FrameVector {
  /** The packet's name; null for a control frame. */
  readonly packet: string | null;
  readonly opcode?: number;
  readonly hex: string;
}

export const packetVectors: readonly PacketVector[] = vectors.packets;
export const frameVectors: readonly FrameVector[] = vectors.frames;
export const malformedVectors: readonly { readonly name: string; readonly hex: string }[] = vectors.malformed;

export const bytesOf = (hex: string): Buffer => Buffer.from(hex, "hex");
