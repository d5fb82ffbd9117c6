package scylla

import (
	"fmt"
	"strings"

	"orderflow/domain/projection"
)

// TableDDL returns the statement that creates the table of a projection. The consumer and the generation of the view lead the
// partition key, then come the partition columns and the bucket of the table. It is how a new projection gets its piece of CQL.
func TableDDL(table *projection.Table) string {
	columns := []string{"consumer text", "generation int"}
	partition := []string{"consumer", "generation"}
	var clustering, order []string
	for _, c := range table.Columns {
		columns = append(columns, c.Name+" "+cqlType(c.Kind))
		switch c.Role {
		case projection.Partition, projection.Bucket:
			partition = append(partition, c.Name)
		case projection.Clustering:
			clustering = append(clustering, c.Name)
			direction := "ASC"
			if c.Descending {
				direction = "DESC"
			}
			order = append(order, c.Name+" "+direction)
		}
	}
	key := strings.Join(append([]string{"(" + strings.Join(partition, ", ") + ")"}, clustering...), ", ")
	ddl := fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (\n    %s,\n    PRIMARY KEY (%s)\n)",
		table.Name, strings.Join(columns, ",\n    "), key)
	if len(order) > 0 {
		ddl += " WITH CLUSTERING ORDER BY (" + strings.Join(order, ", ") + ")"
	}
	return ddl
}

func cqlType(kind projection.Kind) string {
	return map[projection.Kind]string{
		projection.Text: "text", projection.BigInt: "bigint", projection.Timestamp: "timestamp", projection.UUID: "uuid",
	}[kind]
}
