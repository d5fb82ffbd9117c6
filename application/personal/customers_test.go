package personal_test

import (
	"bytes"
	"testing"

	"orderflow/application/personal"
)

// A token is stored for ever, so it must never change.
func TestCustomerIDs(t *testing.T) {
	t.Parallel()
	ids, err := personal.NewCustomerIDs(serviceKey)
	if err != nil {
		t.Fatal(err)
	}
	token := ids.Token("ada")
	if token != "c1.58bddc14a6a5be71821f3a9836075170" || !personal.IsCustomerToken(token) {
		t.Errorf("the token is %q", token)
	}
	if again := ids.Token(token); again != token {
		t.Errorf("the token of the token is %q", again)
	}
	if ids.Token("bob") == token {
		t.Error("two customers have one token")
	}
	other, err := personal.NewCustomerIDs(bytes.Repeat([]byte{8}, personal.KeyBytes))
	if err != nil || other.Token("ada") == token {
		t.Errorf("the token does not depend on the service key; error %v", err)
	}
	for _, id := range []string{
		"", "ada", "c1.", token[:len(token)-1], token + "0", "C1." + token[3:], "c1.ABCDEF0123456789ABCDEF0123456789", token[3:],
	} {
		if personal.IsCustomerToken(id) || ids.Token(id) == id {
			t.Errorf("%q is taken for a token", id)
		}
	}
	if _, err := personal.NewCustomerIDs(serviceKey[1:]); err == nil {
		t.Error("a short service key is accepted")
	}
}
