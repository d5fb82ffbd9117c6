package operate

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/shell"
)

// tokenDocument is a token in the answers of /v1/tokens.
type tokenDocument struct {
	Token     string    `json:"token"`
	Name      string    `json:"name"`
	ID        string    `json:"id"`
	Scopes    []string  `json:"scopes"`
	CreatedBy string    `json:"created_by"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
	RevokedAt time.Time `json:"revoked_at"`
}

func (sh tools) tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Create, list and revoke the tokens of clients",
		Long: `Manage the tokens with which clients use a service that runs with --auth=tokens.

The roles are viewer (orders:read, stream:read, ops:read), writer (orders:read, orders:write, stream:read), operator (what
a viewer may, and ops:write) and admin (everything).`,
		Args: shell.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(sh.createTokenCommand(), sh.listTokensCommand(), sh.revokeTokenCommand())
	return shell.NeedsNothing.Declare(cmd)
}

// newToken is the body of POST /v1/tokens.
type newToken struct {
	Name      string   `json:"name"`
	Role      string   `json:"role,omitempty"`
	Scopes    []string `json:"scopes,omitempty"`
	ExpiresAt string   `json:"expires_at,omitempty"`
}

func (sh tools) createTokenCommand() *cobra.Command {
	var body newToken
	var expires, reason string
	var output *shell.Output
	cmd := &cobra.Command{
		Use:   "create --name=NAME --role=ROLE",
		Short: "Create a token",
		Long: `Create a token, and print it alone on the last line. It is shown once, and stored nowhere: keep it where secrets belong.

--expires is a duration such as 720h, a number of days such as 90d, or an RFC 3339 time. The name of a token that is revoked
or expired can be used again.`,
		Example: `  orderflow token create --name ci --role writer --expires 90d
  orderflow token create --name shop --scope orders:read --scope stream:read | tail -1 > token`,
		Args: shell.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if body.Name == "" {
				return shell.Bad("name", "it is missing: say which client the token is for")
			}
			if body.Role == "" && len(body.Scopes) == 0 {
				return shell.Bad("role", "it is missing: say viewer, writer, operator or admin, or name scopes with --scope")
			}
			if body.ExpiresAt, err = expiry(expires, time.Now()); err != nil {
				return err
			}
			return sh.Direct(cmd, func(ctx context.Context, c *client.Client) error {
				var document client.Document[tokenDocument]
				if err := c.Do(ctx, client.Request{Method: http.MethodPost, Path: "/v1/tokens", Body: body, Reason: reason}, &document); err != nil {
					return err
				}
				if output.JSON() {
					return sh.PrintJSON(document)
				}
				created := document.Known
				fmt.Fprintf(sh.Out, "%s may use %s%s. It is shown once:\n", created.Name, strings.Join(created.Scopes, ", "), until(created.ExpiresAt))
				_, err := fmt.Fprintln(sh.Out, created.Token)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&body.Name, "name", "", "name of the client")
	cmd.Flags().StringVar(&body.Role, "role", "", "viewer, writer, operator or admin")
	shell.Values(cmd, "role", "viewer", "writer", "operator", "admin")
	cmd.Flags().StringSliceVar(&body.Scopes, "scope", nil, "a scope, in addition to those of the role")
	cmd.Flags().StringVar(&expires, "expires", "", "when it ends: a duration, days such as 90d, or a time (default never)")
	reasonFlag(cmd, &reason)
	output = shell.OutputFlag(cmd, "the answer of POST /v1/tokens, with the token in token")
	return shell.Administers.Declare(cmd)
}

func until(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " until " + t.UTC().Format(time.RFC3339)
}

// expiry returns the time that a text names, as the API takes it.
func expiry(text string, now time.Time) (string, error) {
	if text == "" {
		return "", nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.UTC().Format(time.RFC3339), nil
	}
	var days int
	period, err := time.ParseDuration(text)
	if n, errDays := fmt.Sscanf(text, "%dd", &days); n == 1 && errDays == nil && text == fmt.Sprintf("%dd", days) {
		period, err = time.Duration(days)*24*time.Hour, nil
	}
	if err != nil || period <= 0 {
		return "", shell.Bad("expires", "%q is neither a duration such as 720h or 90d, nor a time such as 2026-03-01T12:00:00Z", text)
	}
	return now.Add(period).UTC().Format(time.RFC3339), nil
}

func reasonFlag(cmd *cobra.Command, reason *string) {
	cmd.Flags().StringVar(reason, "reason", "", "why, for the log of operations")
}

func (sh tools) listTokensCommand() *cobra.Command {
	var output *shell.Output
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the tokens, with their rights",
		Args:  shell.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.Direct(cmd, func(ctx context.Context, c *client.Client) error {
				var answer struct {
					Tokens []client.Document[tokenDocument] `json:"tokens"`
				}
				if err := c.Do(ctx, client.Request{Method: http.MethodGet, Path: "/v1/tokens"}, &answer); err != nil {
					return err
				}
				list := listing{none: "there are no tokens", header: "NAME\tID\tSTATE\tSCOPES\tCREATED\tBY"}
				for _, document := range answer.Tokens {
					t := document.Known
					add(&list, "", document, "%s\t%s\t%s\t%s\t%s\t%s", t.Name, t.ID, t.state(time.Now()), strings.Join(t.Scopes, ","),
						t.CreatedAt.Format(time.RFC3339), t.CreatedBy)
				}
				return sh.print(&list, "tokens", output)
			})
		},
	}
	output = shell.OutputFlag(cmd, "the answer of GET /v1/tokens")
	return shell.Administers.Declare(cmd)
}

func (t tokenDocument) state(now time.Time) string {
	switch {
	case !t.RevokedAt.IsZero():
		return "revoked"
	case t.ExpiresAt.IsZero():
		return "valid"
	case !t.ExpiresAt.After(now):
		return "expired"
	default:
		return "until " + t.ExpiresAt.Format(time.RFC3339)
	}
}

func (sh tools) revokeTokenCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "revoke NAME",
		Short: "Revoke a token",
		Long:  `Revoke a token. It takes effect in every process within 5 seconds.`,
		Args:  needs("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.Direct(cmd, func(ctx context.Context, c *client.Client) error {
				if err := c.Do(ctx, client.Request{
					Method: http.MethodPost, Path: "/v1/tokens/" + url.PathEscape(args[0]) + "/revoke", Reason: reason,
				}, nil); err != nil {
					return err
				}
				_, err := fmt.Fprintf(sh.Out, "%s is revoked\n", args[0])
				return err
			})
		},
	}
	reasonFlag(cmd, &reason)
	return shell.Administers.Declare(cmd)
}
