package porttest

import (
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
)

// Tables returns every table that the Views suite writes to: those of the real projections and a few of its own, which
// between them have every kind and role of column. An adapter whose tables are made beforehand makes these as well.
func Tables() []*projection.Table {
	var tables []*projection.Table
	for _, p := range views.All() {
		tables = append(tables, p.Table)
	}
	return append(tables, everyKindTable(), timelineTable())
}

// everyKindTable has two partition columns, a bucket, and a clustering column of each kind, two of them descending.
func everyKindTable() *projection.Table {
	return &projection.Table{
		Name: "porttest_every_kind", Owner: "id",
		Columns: []projection.Column{
			{Name: "area", Kind: projection.Text, Role: projection.Partition},
			{Name: "number", Kind: projection.BigInt, Role: projection.Partition},
			{Name: "bucket", Kind: projection.Text, Role: projection.Bucket},
			{Name: "name", Kind: projection.Text, Role: projection.Clustering},
			{Name: "rank", Kind: projection.BigInt, Role: projection.Clustering, Descending: true},
			{Name: "at", Kind: projection.Timestamp, Role: projection.Clustering, Descending: true},
			{Name: "id", Kind: projection.UUID, Role: projection.Clustering},
			{Name: "text_value", Kind: projection.Text, Role: projection.Regular},
			{Name: "number_value", Kind: projection.BigInt, Role: projection.Regular},
			{Name: "time_value", Kind: projection.Timestamp, Role: projection.Regular},
			{Name: "id_value", Kind: projection.UUID, Role: projection.Regular},
		},
	}
}

// timelineTable has the clustering columns in the other directions, and no bucket.
func timelineTable() *projection.Table {
	return &projection.Table{
		Name: "porttest_timeline", Owner: "id",
		Columns: []projection.Column{
			{Name: "owner", Kind: projection.UUID, Role: projection.Partition},
			{Name: "day", Kind: projection.Timestamp, Role: projection.Partition},
			{Name: "title", Kind: projection.Text, Role: projection.Clustering, Descending: true},
			{Name: "rank", Kind: projection.BigInt, Role: projection.Clustering},
			{Name: "at", Kind: projection.Timestamp, Role: projection.Clustering},
			{Name: "id", Kind: projection.UUID, Role: projection.Clustering, Descending: true},
			{Name: "note", Kind: projection.Text, Role: projection.Regular},
		},
	}
}
