// A back end in Go: issues a token, sends a message, and takes webhooks. The server calls an address of this machine
// only with `--hook-allow 127.0.0.1`. It needs ROOST_API=http://127.0.0.1:8200, ROOST_KEY=rk_… and HOOK_PORT=9000.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

func call(method, request string) (answer struct{ Secret, Token, MessageId, Message string }) {
	asked, _ := http.NewRequest("POST", os.Getenv("ROOST_API")+"/roost.v1."+method, strings.NewReader(request))
	asked.Header.Set("Authorization", "Bearer "+os.Getenv("ROOST_KEY"))
	asked.Header.Set("Content-Type", "application/json")
	// The number of an order, for example: if the answer is lost, the request is repeated with it.
	asked.Header.Set("Idempotency-Key", fmt.Sprint("parcel-", time.Now().UnixNano()))
	response, err := (&http.Client{Timeout: 10 * time.Second}).Do(asked)
	if err == nil && json.NewDecoder(response.Body).Decode(&answer) == nil && response.StatusCode == 200 {
		return answer
	}
	panic(fmt.Sprint(method, ": ", err, answer.Message))
}

// isSigned verifies a signature of Standard Webhooks. While a secret is changed, there are two.
func isSigned(key []byte, head http.Header, body []byte) bool {
	var sentAt int64
	fmt.Sscan(head.Get("Webhook-Timestamp"), &sentAt)
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%d.%s", head.Get("Webhook-Id"), sentAt, body)
	wanted := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	isEqual := func(signature string) bool { return hmac.Equal([]byte(signature), wanted) }
	isRecent := time.Since(time.Unix(sentAt, 0)).Abs() < 5*time.Minute
	return isRecent && slices.ContainsFunc(strings.Fields(head.Get("Webhook-Signature")), isEqual)
}

func main() {
	port := os.Getenv("HOOK_PORT")
	hook := `{"name":"go","url":"http://127.0.0.1:` + port + `/","events":["message.stored"],"rotateSecret":true}`
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(call("Admin/SetWebhook", hook).Secret, "whsec_"))
	fmt.Println("token", call("Accounts/IssueToken", `{"account":"alice"}`).Token)
	fmt.Println("sent", call("Messages/Send", `{"to":"alice","body":"Your parcel is on its way."}`).MessageId)
	panic(http.ListenAndServe("127.0.0.1:"+port, http.HandlerFunc(func(answer http.ResponseWriter, asked *http.Request) {
		body, _ := io.ReadAll(http.MaxBytesReader(answer, asked.Body, 4<<20))
		if !isSigned(key, asked.Header, body) {
			answer.WriteHeader(http.StatusUnauthorized)
			return
		}
		// The same event may come again: what it leads to has to be done once for its id.
		fmt.Printf("%s\n", body)
	})))
}
