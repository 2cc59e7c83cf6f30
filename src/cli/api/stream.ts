// Reads a stream of the Connect protocol (https://connectrpc.com/docs/protocol#streaming-rpcs): messages, each after a
// byte of flags and its length in four bytes, then one message with the flag `end`, which holds the error if there is
// one.
//
//   0         1                 5
//   | flags   | length, BE      | JSON of `length` bytes |

const headBytes = 5;
const endFlag = 0x02;
/** A message that is longer is refused before memory is taken for it. */
const messageBytesMax = 16 * 1024 * 1024;

/** A stream that breaks the protocol. */
export class BrokenStream extends Error {
  override readonly name = "BrokenStream";
}

/** The JSON of a message; `isEnd`: of the last one, which is no message of the method. */
interface StreamedMessage {
  readonly json: string;
  readonly isEnd: boolean;
}

/** Yields the messages of a body. Throws BrokenStream if it breaks off before its end, or a message is too long. */
export async function* streamedMessages(body: ReadableStream<Uint8Array>): AsyncGenerator<StreamedMessage> {
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of body) {
    held = held.length === 0 ? Buffer.from(chunk) : Buffer.concat([held, chunk]);
    let at = 0;
    while (held.length - at >= headBytes) {
      const length = held.readUInt32BE(at + 1);
      if (length > messageBytesMax)
        throw new BrokenStream(`a message of ${length} bytes; expected at most ${messageBytesMax}`);
      if (held.length - at < headBytes + length) break;
      const isEnd = ((held[at] ?? 0) & endFlag) !== 0;
      yield { json: held.toString("utf8", at + headBytes, at + headBytes + length), isEnd };
      if (isEnd) return;
      at += headBytes + length;
    }
    held = held.subarray(at);
  }
  throw new BrokenStream("it broke off before its end");
}

/** The body of a request to a method that streams its answer: the message in the same envelope. */
export function enveloped(json: string): Buffer<ArrayBuffer> {
  const bytes = Buffer.from(json);
  const head = Buffer.alloc(headBytes);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}
