package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// PageLimit is how many entries of a listing are asked for at once.
const PageLimit = 200

// Next says where the page after a page of a listing begins. A page embeds it.
type Next struct {
	Cursor string `json:"next_cursor,omitempty"`
}

func (n Next) next() string { return n.Cursor }

// Pages reads a listing page by page, up to so many entries, and calls each with every page. each
// returns how many entries the page has. more reports whether the listing has further ones. path
// has no query.
func Pages[P interface{ next() string }](
	ctx context.Context, c *Client, path string, limit int, each func(P) (entries int),
) (more bool, err error) {
	cursor := ""
	for shown := 0; shown < limit; {
		query := "?limit=" + strconv.Itoa(min(limit-shown, PageLimit))
		if cursor != "" {
			query += "&cursor=" + url.QueryEscape(cursor)
		}
		var page P
		if err := c.Do(ctx, Request{Method: http.MethodGet, Path: path + query}, &page); err != nil {
			return false, err
		}
		shown += each(page)
		if cursor = page.next(); cursor == "" {
			return false, nil
		}
	}
	return true, nil
}
