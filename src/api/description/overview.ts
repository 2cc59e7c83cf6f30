// What holds for all methods of the HTTP API: the beginning of GET /openapi.json and of GET /docs. `…` is code.

interface Topic {
  readonly title: string;
  readonly text: string;
}

export const overview: readonly Topic[] = [
  {
    title: "Requests",
    text:
      "Each method is a `POST` to its path with a JSON object (ProtoJSON), or with binary protobuf as " +
      "`application/proto`. The API speaks the Connect protocol: `proto/api.proto` gives clients for Go, Kotlin, " +
      "Swift, Python and TypeScript. A request has at most 4 MiB.",
  },
  {
    title: "Keys",
    text:
      "`Authorization: Bearer rk_…` names a key. `roost key create` makes one; a standalone server keeps one for its " +
      "operator in the file `api-key` of its data folder. A key belongs to one app, or to all, and has scopes. A " +
      "refusal says which scope it wanted. A key for all apps names one in the field `app` of each request.",
  },
  {
    title: "As whom",
    text:
      "Without a sender or an actor, the system acts: its name is `@system`, which no client can have, and it may do " +
      "what an owner may. To act as an account, a key needs the scope `messages:as`.",
  },
  {
    title: "Values",
    text:
      "Ids and times are 64 bits long: texts of digits in JSON. Numbers are accepted up to 2^53. Send times are in " +
      "nanoseconds since 1970, all other times in seconds. Fields with their default value (0, empty, false) may be " +
      "left out, and are left out of answers.",
  },
  {
    title: "Errors",
    text:
      'An error is `{"code": "not_found", "message": "…"}`, with a code of Connect and a sentence that says what is ' +
      "wrong. `unavailable`, `resource_exhausted` and `aborted` may be tried again.",
  },
  {
    title: "Repeating safely",
    text:
      "Messages/Send and Groups/Create take a header `Idempotency-Key`: within 24 hours, the same request with the " +
      "same key is answered like the first one and does nothing. The other methods set a state and can be repeated.",
  },
  {
    title: "Time and tracing",
    text:
      "`Connect-Timeout-Ms` bounds the time of a request; a closed connection ends its work. The header " +
      "`x-request-id` of a request (up to 64 of `A-Za-z0-9_.-`), or one that the server makes, is in the answer and " +
      "in the log.",
  },
];
