"""A client of Roost in Python 3.9 or later, with the standard library alone, for those who write one.

    ROOST_TOKEN=$(roost token --account alice) python3 scripts/examples/client.py tcp://127.0.0.1:8100

It is made by proto/README.md alone, whose sections the comments name. It comes back after a lost connection, gets what
it missed, and repeats a talk until the server has answered it. `tls://HOST:PORT` is TLS. Lines of its input are:

    talk ACCOUNT TEXT     say GROUP TEXT     create NAME ACCOUNT...     join GROUP     leave GROUP
"""
import asyncio, json, os, random, re, ssl, struct, sys, uuid
from urllib.parse import urlsplit

# Protobuf, https://protobuf.dev/programming-guides/encoding. A message is a dict; its table names its fields by their
# numbers. A kind is a scalar, or the table of a message; in a list, the field is repeated.
TABLES = {
    "Header": {1: ("command", str), 3: ("sequence", int), 4: ("flag", int), 5: ("status", int), 6: ("dest", str)},
    "ErrorResp": {1: ("message", str)}, "Empty": {},
    "LoginReq": {1: ("token", str), 5: ("device", str)}, "LoginResp": {2: ("account", str)},
    "MessageReq": {1: ("type", int), 2: ("body", str), 4: ("clientId", str)},
    "MessageResp": {1: ("messageId", int)},
    "MessagePush": {1: ("messageId", int), 2: ("type", int), 3: ("body", str), 5: ("sender", str),
                    6: ("sendTime", int), 7: ("previousId", int)},
    "MessageIndexReq": {1: ("messageId", int)}, "MessageIndexResp": {1: ("indexes", ["MessageIndex"])},
    "MessageIndex": {1: ("messageId", int), 3: ("sendTime", int), 4: ("accountB", str), 5: ("group", str)},
    "MessageContentReq": {1: ("messageIds", [int])}, "MessageContentResp": {1: ("contents", ["MessageContent"])},
    "MessageContent": {1: ("messageId", int), 2: ("type", int), 3: ("body", str)},
    "MessageAckReq": {1: ("messageId", int)},
    "GroupCreateReq": {1: ("name", str), 5: ("members", [str])},
    "GroupCreateResp": {1: ("group", str), 2: ("leftOut", [str])},
    "GroupCreateNotify": {1: ("group", str), 2: ("members", [str])},
    "GroupJoinReq": {1: ("account", str), 2: ("group", str)},
    "GroupJoinNotify": {1: ("group", str), 2: ("account", str)},
}
# What the commands ask and answer (section 5).
COMMANDS = {
    "login.signin": ("LoginReq", "LoginResp"),
    "chat.user.talk": ("MessageReq", "MessageResp"), "chat.group.talk": ("MessageReq", "MessageResp"),
    "chat.offline.index": ("MessageIndexReq", "MessageIndexResp"), "chat.talk.ack": ("MessageAckReq", "Empty"),
    "chat.offline.content": ("MessageContentReq", "MessageContentResp"),
    "chat.group.create": ("GroupCreateReq", "GroupCreateResp"),
    "chat.group.join": ("GroupJoinReq", "Empty"), "chat.group.quit": ("GroupJoinReq", "Empty"),
}
NOTICES = {"chat.group.create": "GroupCreateNotify", "chat.group.join": "GroupJoinNotify",
           "chat.group.quit": "GroupJoinNotify"}
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
PUSH = 2  # a header's flag

class ProtocolFault(Exception):
    """The other side sent what the protocol does not allow."""

class Lost(Exception):
    """The connection ended before the answer came."""

class Refused(Exception):
    """A request was answered with a failure (section 4). `status` says whether to repeat it."""
    def __init__(self, status, sentence):
        super().__init__(f"{status} {sentence}")
        self.status = status

def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)

def read_varint(data, at):
    value = 0
    for count, byte in enumerate(data[at:at + 10]):
        value |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            return value & (2**64 - 1), at + count + 1
    raise ProtocolFault("a number leaves its message, or has more than ten bytes")

def encode(table, values):
    """The bytes of a message; fields that are absent or zero are left out."""
    out = b""
    for number, (name, kind) in TABLES[table].items():
        value = values.get(name)
        if not value:
            continue
        if kind is int:
            out += varint(number << 3 | VARINT) + varint(value)
            continue
        # Numbers of a list are packed: one value. No message that this client sends has another one in it.
        items = [b"".join(map(varint, value))] if kind == [int] else value if kind == [str] else [value]
        for item in items:
            item = item.encode() if isinstance(item, str) else item
            out += varint(number << 3 | LENGTH) + varint(len(item)) + item
    return out

def decode(table, data):
    """The values of a message: zero where a field is absent. Unknown fields are left out (section 9)."""
    values = {name: [] if isinstance(kind, list) else kind() for name, kind in TABLES[table].values()}
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        if tag & 7 == VARINT:
            content, at = read_varint(data, at)
        else:
            if tag & 7 == LENGTH:
                length, at = read_varint(data, at)
            else:
                length = {FIXED32: 4, FIXED64: 8}.get(tag & 7, len(data))
            content, at = data[at:at + length], at + length
            if at > len(data):
                raise ProtocolFault("a value leaves its message, or has a type that does not exist")
        name, kind = TABLES[table].get(tag >> 3, (None, None))
        if name is None:
            continue
        is_list = isinstance(kind, list)
        kind = kind[0] if is_list else kind
        if (kind is int) != isinstance(content, int):
            raise ProtocolFault(f"{table}.{name} has the wrong type")
        if kind is int:
            value = content - 2**64 if content >= 2**63 else content
        else:
            value = content.decode() if kind is str else decode(kind, content)
        if is_list:
            values[name].append(value)
        else:
            values[name] = value
    return values

# Frames and packets (sections 1 and 2).
LOGIC, BASIC = b"\xc3\x11\xa3\x65", b"\xc3\x15\xa7\x65"
PING = BASIC + struct.pack(">HH", 1, 0)
BINARY, CLOSE, PING_FRAME, PONG_FRAME = 0x02, 0x08, 0x09, 0x0A
FRAME_BYTES_MAX, HEARTBEAT_S, ANSWER_S = 16 * 2**20, 25, 10

def sized(data):
    return struct.pack(">I", len(data)) + data

class Connection:
    """One connection, from its dial to its end. `pushed` gets the header and the body of each push."""

    def __init__(self, reader, writer, pushed):
        self.reader, self.writer, self.pushed = reader, writer, pushed
        self.loop, self.sequence, self.waiting = asyncio.get_running_loop(), 0, {}
        self.has_heard, self.reason = True, None
        self.tasks = [asyncio.create_task(self.read()), asyncio.create_task(self.beat())]

    @classmethod
    async def dial(cls, url, pushed):
        where = urlsplit(url)
        tls = ssl.create_default_context() if where.scheme == "tls" else None
        streams = await asyncio.wait_for(asyncio.open_connection(where.hostname, where.port, ssl=tls), ANSWER_S)
        return cls(*streams, pushed)

    def send(self, opcode, payload):
        self.writer.write(struct.pack(">BI", opcode, len(payload)) + payload)

    async def request(self, command, values, dest=""):
        """The answer's values. Raises Refused, or Lost if the connection ends, or no answer comes in time."""
        if self.reason is not None:
            raise Lost(self.reason)
        self.sequence = sequence = (self.sequence + 1) % 2**32
        asked, answered = COMMANDS[command]
        header = encode("Header", {"command": command, "sequence": sequence, "dest": dest})
        answer = self.loop.create_future()
        self.waiting[sequence] = answer, answered
        timer = self.loop.call_later(ANSWER_S, self.end, "1006 no answer came")
        self.send(BINARY, LOGIC + sized(header) + sized(encode(asked, values)))
        try:
            return await answer
        finally:
            timer.cancel()
            del self.waiting[sequence]

    async def read(self):
        """Reads frames until the connection ends; `1006` is an end without a reason (section 7)."""
        try:
            while True:
                opcode, length = struct.unpack(">BI", await self.reader.readexactly(5))
                if length > FRAME_BYTES_MAX:
                    raise ProtocolFault("the frame is too large")
                payload = await self.reader.readexactly(length)
                self.has_heard = True
                if opcode == CLOSE:
                    return self.end(payload.decode(errors="replace"))
                if opcode == PING_FRAME:
                    self.send(PONG_FRAME, payload)
                elif opcode == BINARY:
                    if payload:
                        self.packet(payload)
                elif opcode != PONG_FRAME:
                    raise ProtocolFault(f"opcode {opcode}")
        except (OSError, asyncio.IncompleteReadError) as error:
            self.end(f"1006 {error}")
        except (ProtocolFault, struct.error, UnicodeDecodeError) as fault:
            self.end(f"1002 {fault}")

    def packet(self, data):
        if data[:4] == BASIC:
            return  # the answer to a heartbeat
        (header_bytes,) = struct.unpack_from(">I", data, 4)
        (body_bytes,) = struct.unpack_from(">I", data, 8 + header_bytes)
        if data[:4] != LOGIC or 12 + header_bytes + body_bytes != len(data):
            raise ProtocolFault("the packet is malformed")
        header, body = decode("Header", data[8:8 + header_bytes]), data[12 + header_bytes:]
        answer, table = self.waiting.get(header["sequence"], (None, None))
        if header["flag"] == PUSH:
            self.pushed(header, body)
        elif answer is not None and not answer.done():
            if header["status"] == 0:
                answer.set_result(decode(table, body))
            else:
                answer.set_exception(Refused(header["status"], decode("ErrorResp", body)["message"]))

    async def beat(self):
        """Pings, and ends a connection that nothing was heard of since the last ping."""
        while self.has_heard:
            self.has_heard = False
            self.send(BINARY, PING)
            await asyncio.sleep(HEARTBEAT_S)
        self.end("1006 no heartbeat came back")

    def end(self, reason):
        """Ends it for this reason, the first one that is given."""
        if self.reason is not None:
            return
        self.reason = reason
        self.writer.close()
        for answer, _ in self.waiting.values():
            if not answer.done():
                answer.set_exception(Lost(reason))
        for task in self.tasks:
            if task is not asyncio.current_task():
                task.cancel()

# A client (section 6).
BACK_OFF_S, BACK_OFF_S_MAX, SETTLE_S = 0.25, 10, 1
CONTENTS_MAX, FOR_GOOD = 200, {"1002", "1009", "4001"}

def return_delay(tries, reason=""):
    """Seconds until a client comes back; a random part, so that not all of them come at once (section 7)."""
    if reason.startswith("1012"):
        spread = re.search(r"; (\d+)$", reason)
        return random.uniform(0, min(int(spread[1]) / 1000, 60) if spread else 5)
    return random.uniform(0.5, 1) * min(BACK_OFF_S * 2**min(tries, 10), BACK_OFF_S_MAX)

class Client:
    """An account on one device. `token` returns a token; `show` gets what happens, as (name, values)."""

    def __init__(self, url, token, device, show):
        self.url, self.token, self.device, self.account, self.show = url, token, device, "", show
        self.connection, self.signed_in = None, asyncio.Event()
        # Everything up to `cursor` was shown; and of later messages, these.
        self.cursor, self.seen = 0, set()
        self.is_behind, self.is_settling = asyncio.Event(), False

    async def run(self):
        """Stays signed in; returns when that is over for good, with the reason."""
        follower, tries = asyncio.create_task(self.follow()), 0
        while True:
            try:
                self.connection = connection = await Connection.dial(self.url, self.pushed)
                login = {"token": self.token(), "device": self.device}
                self.account = (await connection.request("login.signin", login))["account"]
                tries = 0
                self.signed_in.set()
                self.show("online", {"account": self.account})
                self.is_behind.set()
                await asyncio.wait([connection.tasks[0], follower], return_when=asyncio.FIRST_COMPLETED)
                if follower.done():
                    follower.result()  # raises what ended it
                reason = connection.reason
            except Refused as refusal:
                reason = str(refusal)
                if refusal.status < 300:
                    return reason
            except (OSError, Lost, asyncio.TimeoutError) as error:
                reason = str(error) or "no connection"
            self.signed_in.clear()
            if self.connection is not None:
                self.connection.end("1000 over")
            if reason[:4] in FOR_GOOD:
                return reason
            self.show("offline", {"reason": reason})
            await asyncio.sleep(return_delay(tries, reason))
            tries += 1

    async def ask(self, command, values, dest=""):
        """A request that is repeated until it is answered; give it only what may be done twice. Raises Refused."""
        tries = 0
        while True:
            await self.signed_in.wait()
            try:
                return await self.connection.request(command, values, dest)
            except Refused as refusal:
                if refusal.status < 300:
                    raise
                if refusal.status >= 400:
                    self.connection.end("1006 the session is lost")
            except Lost:
                pass
            await asyncio.sleep(return_delay(tries))
            tries += 1

    async def talk(self, dest, text, to_group=False):
        """Returns a message's id once it is stored: once, however often it is sent, because of its clientId."""
        command = "chat.group.talk" if to_group else "chat.user.talk"
        answer = await self.ask(command, {"type": 1, "body": text, "clientId": str(uuid.uuid4())}, dest)
        # The next message of the group names this one as the one before it.
        self.seen.add(answer["messageId"])
        return answer["messageId"]

    async def create(self, name, members):
        """The id of a new group. Not repeated: that would make another one."""
        await self.signed_in.wait()
        return (await self.connection.request("chat.group.create", {"name": name, "members": members}))["group"]

    async def join(self, group, command="chat.group.join"):
        """Joins an open group; with the command `chat.group.quit`, leaves one."""
        await self.ask(command, {"account": self.account, "group": group}, group)

    def pushed(self, header, body):
        command, dest = header["command"], header["dest"]
        if command in ("chat.user.talk", "chat.group.talk"):
            message = decode("MessagePush", body)
            message["group"] = dest if command == "chat.group.talk" else ""
            if message["sender"] == self.account and dest != self.account:
                # Another device of this account sent it: the index of what was received does not have it.
                self.deliver(message)
            elif message["previousId"] <= self.cursor or message["previousId"] in self.seen:
                self.deliver(message)
                if not self.is_settling:
                    self.is_settling = True
                    asyncio.get_running_loop().call_later(SETTLE_S, self.settle)
            else:
                self.is_behind.set()
        elif command == "chat.sync":
            self.is_behind.set()
        elif command in NOTICES:
            self.show(command, decode(NOTICES[command], body))

    def deliver(self, message):
        """Shows each message once: a push and the index may both have it."""
        if message["messageId"] > self.cursor and message["messageId"] not in self.seen:
            self.seen.add(message["messageId"])
            self.show("message", message)

    def settle(self):
        """Pushes do not say that nothing older is under way; the index does. Asked once for what comes in a second."""
        self.is_settling = False
        self.is_behind.set()

    async def follow(self):
        """Reads the index to its end when it may say more, shows what was not pushed, and acknowledges (section 5)."""
        while True:
            await self.is_behind.wait()
            self.is_behind.clear()
            while indexes := (await self.ask("chat.offline.index", {"messageId": self.cursor}))["indexes"]:
                unseen = [each for each in indexes if each["messageId"] not in self.seen]
                for at in range(0, len(unseen), CONTENTS_MAX):
                    part = {each["messageId"]: each for each in unseen[at:at + CONTENTS_MAX]}
                    answer = await self.ask("chat.offline.content", {"messageIds": list(part)})
                    for content in answer["contents"]:
                        entry = part[content["messageId"]]
                        self.deliver({**content, "group": entry["group"], "sender": entry["accountB"],
                                      "sendTime": entry["sendTime"]})
                self.cursor = indexes[-1]["messageId"]
                self.seen = {each for each in self.seen if each > self.cursor}
                await self.ask("chat.talk.ack", {"messageId": self.cursor})

def show(name, values):
    """Prints what happens as JSON: texts of others may hold line breaks and control characters."""
    print(name, json.dumps(values), flush=True)

async def main():
    url = sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:8100"
    client = Client(url, lambda: os.environ["ROOST_TOKEN"], os.environ.get("ROOST_DEVICE", "python"), show)
    commands = {
        "talk": client.talk,
        "say": lambda group, text: client.talk(group, text, to_group=True),
        "create": lambda name, members: client.create(name, members.split()),
        "join": lambda group, _: client.join(group),
        "leave": lambda group, _: client.join(group, "chat.group.quit"),
    }

    async def obey():
        while line := await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
            command, first, rest = [*line.rstrip("\n").split(" ", 2), "", ""][:3]
            try:
                if command in commands:
                    show("done", {"command": command, "result": await commands[command](first, rest)})
                else:
                    show("unknown", {"command": command})
            except (Refused, Lost) as error:
                show("refused", {"command": command, "reason": str(error)})

    life, input_ends = asyncio.create_task(client.run()), asyncio.create_task(obey())
    await asyncio.wait([life, input_ends], return_when=asyncio.FIRST_COMPLETED)
    if life.done():
        show("over", {"reason": life.result()})
        os._exit(1)  # the thread that reads the input would wait for another line

if __name__ == "__main__":
    asyncio.run(main())
