import { listenTcp } from "../../../src/transport/tcp.ts";
import { TestAuthority } from "../../support/certificates.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { DialledClient } from "../stage.ts";
import { describeTransport } from "../suite.ts";
import { contextOf, dialSecure, loopback, portOf } from "./tls-stage.ts";

const authority = new TestAuthority(temporaryFolder("roost-tls-tcp-"));
const tls = contextOf(authority.leaf());

describeTransport("TCP with TLS", () => ({
  listen: (acceptor, options) => listenTcp(loopback, acceptor, { ...options, tls }),
  dial: (server, options) =>
    dialSecure(portOf(server), authority.root, (connection) => new DialledClient(connection), options),
}));
