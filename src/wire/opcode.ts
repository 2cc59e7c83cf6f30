// The opcodes of TCP frames: those of RFC 6455 (proto/README.md, section 1).

export const OpCode = {
  /** Unused: messages are not fragmented. */
  Continuation: 0,
  /** Unused: packets are binary. */
  Text: 1,
  Binary: 2,
  Close: 8,
  Ping: 9,
  Pong: 10,
} as const;
export type OpCode = (typeof OpCode)[keyof typeof OpCode];
