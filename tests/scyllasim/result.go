package scyllasim

import (
	"github.com/datastax/go-cassandra-native-protocol/datatype"
	"github.com/datastax/go-cassandra-native-protocol/message"
)

// resultOf makes a RESULT frame of rows.
func resultOf(cols []*message.ColumnMetadata, rows message.RowSet) *message.RowsResult {
	return &message.RowsResult{
		Metadata: &message.RowsMetadata{ColumnCount: int32(len(cols)), Columns: cols},
		Data:     rows,
	}
}

func columnSpec(t *table, name string, typ datatype.DataType) *message.ColumnMetadata {
	return &message.ColumnMetadata{Keyspace: t.ks.name, Table: t.name, Name: name, Type: typ}
}

func (c *column) spec(t *table) *message.ColumnMetadata { return columnSpec(t, c.name, c.typ.wire()) }
