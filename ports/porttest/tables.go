package porttest

import "orderflow/domain/projection"

// Tables returns every table of the Views suite. Together they have every kind and role of column.
// An adapter whose tables must exist beforehand creates these. The tables of [Lives] are not among
// them.
func Tables() []*projection.Table {
	return []*projection.Table{
		wholeTable(), statusTable(), labelTable(), everyKindTable(), timelineTable(), queueTable(),
	}
}

// thing is the column with the id of a row's aggregate.
const thing = "thing_id"

// wholeTable has one row for each aggregate, under its id.
func wholeTable() *projection.Table {
	return &projection.Table{
		Name: "porttest_whole", Owner: thing,
		Columns: []projection.Column{
			{Name: thing, Kind: projection.UUID, Role: projection.Partition},
			{Name: "status", Kind: projection.Text, Role: projection.Regular},
			{Name: "labels", Kind: projection.Text, Role: projection.Regular},
			{Name: "sequence_number", Kind: projection.BigInt, Role: projection.Regular},
			{Name: "updated_at", Kind: projection.Timestamp, Role: projection.Regular},
		},
	}
}

// statusTable lists aggregates by their status, with one row for each. The row moves when the
// status changes. It has buckets and shards.
func statusTable() *projection.Table {
	return &projection.Table{
		Name: "porttest_by_status", Owner: thing, Bucket: projection.Hour, Shards: 4, Layout: 3,
		Columns: []projection.Column{
			{Name: "status", Kind: projection.Text, Role: projection.Partition},
			{Name: "created_at", Kind: projection.Timestamp, Role: projection.Clustering, Descending: true},
			{Name: thing, Kind: projection.UUID, Role: projection.Clustering},
			{Name: "name", Kind: projection.Text, Role: projection.Regular},
			{Name: "amount", Kind: projection.BigInt, Role: projection.Regular},
			{Name: "sequence_number", Kind: projection.BigInt, Role: projection.Regular},
			{Name: "updated_at", Kind: projection.Timestamp, Role: projection.Regular},
		},
	}
}

// labelTable lists aggregates by their labels, with one row for each label.
func labelTable() *projection.Table {
	return &projection.Table{
		Name: "porttest_by_label", Owner: thing, Bucket: projection.Day,
		Columns: []projection.Column{
			{Name: "label", Kind: projection.Text, Role: projection.Partition},
			{Name: "created_at", Kind: projection.Timestamp, Role: projection.Clustering, Descending: true},
			{Name: thing, Kind: projection.UUID, Role: projection.Clustering},
			{Name: "status", Kind: projection.Text, Role: projection.Regular},
			{Name: "sequence_number", Kind: projection.BigInt, Role: projection.Regular},
		},
	}
}

// everyKindTable has two partition columns, buckets and shards, and a clustering column of each
// kind, two of them descending.
func everyKindTable() *projection.Table {
	return &projection.Table{
		Name: "porttest_every_kind", Owner: "id", Bucket: projection.Day, Shards: 3,
		Columns: []projection.Column{
			{Name: "area", Kind: projection.Text, Role: projection.Partition},
			{Name: "number", Kind: projection.BigInt, Role: projection.Partition},
			{Name: "at", Kind: projection.Timestamp, Role: projection.Clustering, Descending: true},
			{Name: "name", Kind: projection.Text, Role: projection.Clustering},
			{Name: "rank", Kind: projection.BigInt, Role: projection.Clustering, Descending: true},
			{Name: "id", Kind: projection.UUID, Role: projection.Clustering},
			{Name: "text_value", Kind: projection.Text, Role: projection.Regular},
			{Name: "number_value", Kind: projection.BigInt, Role: projection.Regular},
			{Name: "time_value", Kind: projection.Timestamp, Role: projection.Regular},
			{Name: "id_value", Kind: projection.UUID, Role: projection.Regular},
		},
	}
}

// queueTable lists aggregates by their status, oldest first, with few rows in a bucket.
func queueTable() *projection.Table {
	return &projection.Table{
		Name: "porttest_queue", Owner: thing, Bucket: projection.Month, Shards: 2,
		Columns: []projection.Column{
			{Name: "status", Kind: projection.Text, Role: projection.Partition},
			{Name: "created_at", Kind: projection.Timestamp, Role: projection.Clustering},
			{Name: thing, Kind: projection.UUID, Role: projection.Clustering},
			{Name: "sequence_number", Kind: projection.BigInt, Role: projection.Regular},
		},
	}
}

// timelineTable has the clustering columns in the other directions, and no buckets.
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
