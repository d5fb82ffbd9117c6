package redpanda

import (
	"github.com/xdg-go/scram"
)

// scramClient is one conversation in which a user proves that it knows its password without sending it.
type scramClient struct {
	mechanism    Mechanism
	conversation *scram.ClientConversation
}

// Begin implements sarama.SCRAMClient.
func (c *scramClient) Begin(username, password, authorizationID string) error {
	hash := scram.SHA512
	if c.mechanism == MechanismScramSHA256 {
		hash = scram.SHA256
	}
	client, err := hash.NewClient(username, password, authorizationID)
	if err != nil {
		return err
	}
	c.conversation = client.NewConversation()
	return nil
}

// Step implements sarama.SCRAMClient.
func (c *scramClient) Step(challenge string) (string, error) { return c.conversation.Step(challenge) }

// Done implements sarama.SCRAMClient.
func (c *scramClient) Done() bool { return c.conversation.Done() }
