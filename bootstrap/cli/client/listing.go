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
	return PagesOf(ctx, c, path, url.Values{}, limit, each)
}

// PagesOf is Pages with a query. It begins at the cursor of the query, if there is one.
func PagesOf[P interface{ next() string }](
	ctx context.Context, c *Client, path string, query url.Values, limit int, each func(P) (entries int),
) (more bool, err error) {
	for shown := 0; shown < limit; {
		ask := path + "?limit=" + strconv.Itoa(min(limit-shown, PageLimit))
		if len(query) > 0 {
			ask += "&" + query.Encode()
		}
		var page P
		if err := c.Do(ctx, Request{Method: http.MethodGet, Path: ask}, &page); err != nil {
			return false, err
		}
		shown += each(page)
		if page.next() == "" {
			return false, nil
		}
		query.Set("cursor", page.next())
	}
	return true, nil
}
