package keepapi

import (
	"errors"
	"net/http"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/ports"
)

const paramDir = "dir"

// backupDocument is the answer to a backup.
type backupDocument struct {
	_ struct{} `additionalProperties:"true"`

	Dir     string `json:"dir" example:"/backups/monday" doc:"The directory of the backup."`
	Events  uint64 `json:"events" doc:"How many events were durable before it began; it may hold some more."`
	Files   int    `json:"files" doc:"How many files it has."`
	Bytes   int64  `json:"bytes" doc:"The size of all its files."`
	Created string `json:"created" format:"date-time" doc:"When it was begun."`
}

func (r routes) backup() endpoint.Operation {
	return endpoint.Operation{
		Scope: ports.ScopeAdmin,
		ID:    "backup", Method: http.MethodPost, Path: "/v1/backup", Tag: tag,
		Summary: "Copy the whole store into a directory",
		Description: "The directory is on the machine of the service. It must not exist, or be empty. " +
			"The copy has every command that was acknowledged before the request.",
		Parameters: []endpoint.Parameter{{
			Name: paramDir, In: endpoint.InQuery, Description: "The absolute path of the directory. It is required.",
			Schema: endpoint.Schema{Type: endpoint.TypeString, MinLength: 1, MaxLength: 4096},
		}},
		Answers: []endpoint.Answer{{
			Status: http.StatusOK, Description: "The backup is complete.", Document: backupDocument{},
		}},
		Problems:  []int{400, 403, 409, 500, 503},
		Unbounded: true,
		Run:       r.runBackup,
	}
}

func (r routes) runBackup(c *endpoint.Call) (endpoint.Reply, error) {
	if !c.Has(paramDir) {
		return endpoint.Reply{}, endpoint.Invalid(endpoint.CodeInvalidParameter,
			endpoint.FieldError{Field: paramDir, Message: "is required"})
	}
	report, err := r.Backups.Backup(c.Context(), c.Text(paramDir))
	refused := (*ports.RefusedError)(nil)
	switch {
	case errors.As(err, &refused):
		return endpoint.Reply{}, endpoint.NewProblem(http.StatusConflict, endpoint.CodeRefused, refused.Reason)
	case err != nil:
		return endpoint.Reply{}, err
	}
	return endpoint.Reply{Body: backupDocument{
		Dir: report.Dir, Events: report.Events, Files: report.Files, Bytes: report.Bytes,
		Created: endpoint.Timestamp(report.Created),
	}}, nil
}
