"""A client that shares nothing with the server but proto/README.md: Python's ssl, the two transports, and the few
packets of a talk. It signs two accounts in, has one talk to the other, and prints what arrives.

    client.py tls|wss host:port ca.crt token-of-alice token-of-bob
"""

import socket
import ssl
import struct
import sys


def varint(number):
    digits = b""
    while number > 127:
        digits += bytes([number & 127 | 128])
        number >>= 7
    return digits + bytes([number])


def text(number, value):
    data = value.encode()
    return varint(number << 3 | 2) + varint(len(data)) + data


def read_varint(data):
    number = 0
    for at, byte in enumerate(data):
        number |= (byte & 127) << 7 * at
        if byte < 128:
            return number, data[at + 1 :]
    raise ValueError("a number without end")


def fields(data):
    """Decodes protobuf: the fields' values by their numbers."""
    found = {}
    while data:
        tag, data = read_varint(data)
        value, data = read_varint(data)
        if tag & 7 == 2:
            value, data = data[:value].decode(), data[value:]
        found[tag >> 3] = value
    return found


class Client:
    def __init__(self, scheme, address, context):
        host, port = address.rsplit(":", 1)
        self.connection = context.wrap_socket(socket.create_connection((host, int(port))), server_hostname=host)
        self.stream = self.connection.makefile("rb")
        self.is_web = scheme == "wss"
        if self.is_web:
            self.connection.sendall(
                f"GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
            )
            while self.stream.readline() != b"\r\n":
                pass

    def send(self, command, dest, sequence, body):
        header = text(1, command) + bytes([3 << 3, sequence]) + text(6, dest)
        packet = struct.pack(">II", 0xC311A365, len(header)) + header + struct.pack(">I", len(body)) + body
        # A WebSocket's frame is masked, here with zeros.
        head = struct.pack(">BI", 2, len(packet))
        if self.is_web:
            head = struct.pack(">BBHI", 0x82, 0x80 | 126, len(packet), 0)
        self.connection.sendall(head + packet)

    def receive(self):
        """Returns the fields of the next packet's header, and those of its body."""
        if self.is_web:
            length = self.stream.read(2)[1]
            if length == 126:
                (length,) = struct.unpack(">H", self.stream.read(2))
        else:
            _, length = struct.unpack(">BI", self.stream.read(5))
        packet = self.stream.read(length)
        magic, header_length = struct.unpack_from(">II", packet)
        assert magic == 0xC311A365, packet
        return fields(packet[8 : 8 + header_length]), fields(packet[12 + header_length :])

    def sign_in(self, token):
        self.send("login.signin", "", 1, text(1, token))
        header, body = self.receive()
        print("sign-in", header[1], "status", header.get(5, 0), "account", body[2])


scheme, address, authority, alice_token, bob_token = sys.argv[1:]
context = ssl.create_default_context(cafile=authority)
alice, bob = (Client(scheme, address, context) for _ in range(2))
print(alice.connection.version())
alice.sign_in(alice_token)
bob.sign_in(bob_token)
alice.send("chat.user.talk", "bob", 2, bytes([1 << 3, 1]) + text(2, "hello from Python"))
_, body = bob.receive()
print("bob got", body[3], "from", body[5])
