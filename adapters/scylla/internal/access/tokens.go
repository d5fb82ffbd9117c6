package access

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"orderflow/adapters/scylla/internal/cluster"
	"orderflow/ports"
)

// partition is the key of the one partition that all tokens share.
const partition = "tokens"

const (
	selectTokens = `SELECT name, token_id, hash, scopes, created_by, created_at, expires_at, revoked_at FROM access_tokens WHERE bucket = ?`
	updateToken  = `UPDATE access_tokens SET token_id = ?, hash = ?, scopes = ?, created_by = ?, created_at = ?, expires_at = ?, revoked_at = ?
		WHERE bucket = ? AND name = ? IF token_id = ?`
)

// SaveToken implements [ports.TokenStore].
func (s *Access) SaveToken(ctx context.Context, token ports.AccessToken, replaces string) error {
	if err := s.saveToken(ctx, token, replaces); err != nil {
		return fmt.Errorf("save token %s: %w", token.Name, err)
	}
	return nil
}

// saveToken saves in the same way as an append commits: when the outcome is unknown, a serial read
// shows it, and if nothing happened the same statement is sent again.
func (s *Access) saveToken(ctx context.Context, token ports.AccessToken, replaces string) error {
	if err := s.c.Enter(ctx); err != nil {
		return err
	}
	defer s.c.Leave()
	condition := any(nil) // there is no token yet
	if replaces != "" {
		condition = replaces
	}
	args := []any{
		token.ID, token.Hash[:], joined(token.Scopes), token.CreatedBy, token.CreatedAt.UnixMilli(), token.ExpiresAt.UnixMilli(),
		token.RevokedAt.UnixMilli(), partition, token.Name, condition,
	}
	var failure error
	onItsWay := false
	for range cluster.CommitAttempts {
		applied, found, err := s.c.Conditional(ctx, updateToken, args...)
		// A refusal that shows the id of this very token may be one of its second copy, when the
		// driver has sent it twice.
		id, _ := found["token_id"].(string)
		switch {
		case applied:
			return nil
		case err == nil && failure == nil && id != token.ID:
			return ports.ErrTokenTaken
		case err != nil && cluster.NotApplied(err, cluster.ConditionalWrite):
			return cluster.Undecided(err, onItsWay)
		case err != nil:
			failure, onItsWay = err, onItsWay || !cluster.Answered(err)
		}
		stored, err := s.settled(ctx, token.Name)
		switch {
		case err != nil:
			return cluster.Undecided(err, true)
		case stored.ID == token.ID && stored.Hash == token.Hash && stored.RevokedAt.Equal(token.RevokedAt):
			return nil
		case stored.ID != replaces:
			return ports.ErrTokenTaken
		}
	}
	return cluster.Undecided(cmp.Or(failure, errOvertaken), onItsWay)
}

var errOvertaken = errors.New("another save came before the outcome was known")

// settled returns the token that a name has now. It is zero when there is none.
func (s *Access) settled(ctx context.Context, name string) (token ports.AccessToken, err error) {
	err = s.c.Insist(ctx, cluster.LookAttempts, func() error {
		tokens, err := s.read(ctx, ` AND name = ?`, name)
		if len(tokens) > 0 {
			token = tokens[0]
		}
		return err
	})
	return token, err
}

// Tokens implements [ports.TokenStore]. It reads at the serial level, which sees every earlier
// save.
func (s *Access) Tokens(ctx context.Context) ([]ports.AccessToken, error) {
	if err := s.c.Enter(ctx); err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	defer s.c.Leave()
	tokens, err := s.read(ctx, "")
	if err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	return tokens, nil
}

func (s *Access) read(ctx context.Context, condition string, args ...any) (tokens []ports.AccessToken, err error) {
	iter := s.c.Query(ctx, selectTokens+condition, append([]any{partition}, args...)...).
		Consistency(s.c.Config.SerialConsistency).PageSize(2 * ports.MaxTokens).Iter()
	var token ports.AccessToken
	var hash []byte
	var scopes string
	var created, expires, revoked int64
	short := false
	for iter.Scan(&token.Name, &token.ID, &hash, &scopes, &token.CreatedBy, &created, &expires, &revoked) {
		short = short || len(hash) != len(token.Hash)
		copy(token.Hash[:], hash)
		token.Scopes = split(scopes)
		token.CreatedAt, token.ExpiresAt, token.RevokedAt = fromMillis(created), fromMillis(expires), fromMillis(revoked)
		tokens = append(tokens, token)
	}
	if err := iter.Close(); err != nil {
		return nil, cluster.Translate(ctx, err, cluster.Read)
	}
	if short {
		return nil, fmt.Errorf("%w: a hash has the wrong length", ports.ErrCorrupt)
	}
	return tokens, nil
}

func joined(scopes []ports.Scope) string {
	var names []string
	for _, scope := range scopes {
		names = append(names, string(scope))
	}
	return strings.Join(names, " ")
}

func split(text string) (scopes []ports.Scope) {
	for name := range strings.FieldsSeq(text) {
		scopes = append(scopes, ports.Scope(name))
	}
	return slices.Clip(scopes)
}

func fromMillis(millis int64) time.Time { return time.UnixMilli(millis).UTC() }
