// A client that shares nothing with the server but proto/README.md: Go's crypto/tls, the two transports, and the few
// packets of a talk. It signs two accounts in, has one talk to the other, and prints what arrives.
//
//	client tls|wss host:port ca.crt token-of-alice token-of-bob
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"os"
)

type client struct {
	conn   *tls.Conn
	reader *bufio.Reader
	isWeb  bool
}

func must(err error) {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

func dial(scheme, address string, pool *x509.CertPool) *client {
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: pool})
	must(err)
	c := &client{conn, bufio.NewReader(conn), scheme == "wss"}
	if c.isWeb {
		_, err = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", address)
		must(err)
		for line := ""; line != "\r\n"; {
			line, err = c.reader.ReadString('\n')
			must(err)
		}
	}
	return c
}

func (c *client) send(packet []byte) {
	head := binary.BigEndian.AppendUint32([]byte{2}, uint32(len(packet)))
	if c.isWeb {
		// Masked with zeros.
		head = append(binary.BigEndian.AppendUint16([]byte{0x82, 0x80 | 126}, uint16(len(packet))), 0, 0, 0, 0)
	}
	_, err := c.conn.Write(append(head, packet...))
	must(err)
}

// receive returns the header's fields and the body's fields of the next packet of the protocol.
func (c *client) receive() (header, body map[int]string) {
	length := 0
	if c.isWeb {
		head := c.take(2)
		length = int(head[1])
		if length == 126 {
			length = int(binary.BigEndian.Uint16(c.take(2)))
		}
	} else {
		length = int(binary.BigEndian.Uint32(c.take(5)[1:]))
	}
	packet := c.take(length)
	if len(packet) < 12 || binary.BigEndian.Uint32(packet) != 0xc311a365 {
		must(fmt.Errorf("unexpected packet %q", packet))
	}
	headerEnd := 8 + binary.BigEndian.Uint32(packet[4:])
	return fields(packet[8:headerEnd]), fields(packet[headerEnd+4:])
}

func (c *client) take(count int) []byte {
	bytes := make([]byte, count)
	_, err := io.ReadFull(c.reader, bytes)
	must(err)
	return bytes
}

// fields decodes protobuf: texts by their numbers; whole numbers as decimal digits.
func fields(message []byte) map[int]string {
	found := map[int]string{}
	for len(message) > 0 {
		tag, size := binary.Uvarint(message)
		value, more := binary.Uvarint(message[size:])
		message = message[size+more:]
		if tag&7 == 2 {
			found[int(tag>>3)] = string(message[:value])
			message = message[value:]
		} else {
			found[int(tag>>3)] = fmt.Sprint(value)
		}
	}
	return found
}

func text(number int, value string) []byte {
	head := binary.AppendUvarint([]byte{byte(number<<3 | 2)}, uint64(len(value)))
	return append(head, value...)
}

func packet(command, dest string, sequence byte, body []byte) []byte {
	header := append(append(text(1, command), 3<<3, sequence), text(6, dest)...)
	bytes := binary.BigEndian.AppendUint32([]byte{0xc3, 0x11, 0xa3, 0x65}, uint32(len(header)))
	bytes = binary.BigEndian.AppendUint32(append(bytes, header...), uint32(len(body)))
	return append(bytes, body...)
}

func (c *client) signIn(token string) {
	c.send(packet("login.signin", "", 1, text(1, token)))
	header, body := c.receive()
	fmt.Println("sign-in", header[1], "status", "0"+header[5], "account", body[2])
}

func main() {
	scheme, address := os.Args[1], os.Args[2]
	pem, err := os.ReadFile(os.Args[3])
	must(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	alice, bob := dial(scheme, address, pool), dial(scheme, address, pool)
	fmt.Println(tls.VersionName(alice.conn.ConnectionState().Version))
	alice.signIn(os.Args[4])
	bob.signIn(os.Args[5])
	alice.send(packet("chat.user.talk", "bob", 2, append([]byte{1 << 3, 1}, text(2, "hello from Go")...)))
	_, body := bob.receive()
	fmt.Println("bob got", body[3], "from", body[5])
}
