package scyllasim

import (
	"fmt"

	"github.com/datastax/go-cassandra-native-protocol/message"
	"github.com/datastax/go-cassandra-native-protocol/primitive"
)

// cqlError is an answer of the server in an ERROR frame.
type cqlError struct{ msg message.Error }

func (e *cqlError) Error() string { return e.msg.GetErrorMessage() }

func invalid(format string, args ...any) *cqlError {
	return &cqlError{&message.Invalid{ErrorMessage: fmt.Sprintf(format, args...)}}
}

func syntaxErr(format string, args ...any) *cqlError {
	return &cqlError{&message.SyntaxError{ErrorMessage: fmt.Sprintf(format, args...)}}
}

func configErr(format string, args ...any) *cqlError {
	return &cqlError{&message.ConfigError{ErrorMessage: fmt.Sprintf(format, args...)}}
}

// unsupported is the error for CQL that a real server may accept and this one does not.
func unsupported(format string, args ...any) *cqlError {
	return invalid("scyllasim does not support %s", fmt.Sprintf(format, args...))
}

func unavailable(cl primitive.ConsistencyLevel, required, alive int) *cqlError {
	return &cqlError{&message.Unavailable{
		ErrorMessage: fmt.Sprintf("Cannot achieve consistency level for cl %s. Requires %d, alive %d",
			clName(cl), required, alive),
		Consistency: cl, Required: int32(required), Alive: int32(alive),
	}}
}

func readTimeout(t *table, cl primitive.ConsistencyLevel, need int) *cqlError {
	return &cqlError{&message.ReadTimeout{
		ErrorMessage: timeoutText(t, cl, need),
		Consistency:  cl, BlockFor: int32(need),
	}}
}

func writeTimeout(t *table, cl primitive.ConsistencyLevel, need int, kind primitive.WriteType) *cqlError {
	return &cqlError{&message.WriteTimeout{
		ErrorMessage: timeoutText(t, cl, need),
		Consistency:  cl, BlockFor: int32(need), WriteType: kind,
	}}
}

func timeoutText(t *table, cl primitive.ConsistencyLevel, need int) string {
	return fmt.Sprintf("Operation timed out for %s - received only 0 responses from %d CL=%s.",
		t.fullName(), need, clName(cl))
}

func writeFailure(t *table, cl primitive.ConsistencyLevel, need int, kind primitive.WriteType) *cqlError {
	return &cqlError{&message.WriteFailure{
		ErrorMessage: fmt.Sprintf("Operation failed for %s - received 0 responses and %d failures from %d CL=%s.",
			t.fullName(), need, need, clName(cl)),
		Consistency: cl, BlockFor: int32(need), NumFailures: int32(need), WriteType: kind,
	}}
}

var clNames = map[primitive.ConsistencyLevel]string{
	primitive.ConsistencyLevelAny: "ANY", primitive.ConsistencyLevelOne: "ONE", primitive.ConsistencyLevelTwo: "TWO",
	primitive.ConsistencyLevelThree: "THREE", primitive.ConsistencyLevelQuorum: "QUORUM",
	primitive.ConsistencyLevelAll:         "ALL",
	primitive.ConsistencyLevelLocalQuorum: "LOCAL_QUORUM", primitive.ConsistencyLevelEachQuorum: "EACH_QUORUM",
	primitive.ConsistencyLevelSerial: "SERIAL", primitive.ConsistencyLevelLocalSerial: "LOCAL_SERIAL",
	primitive.ConsistencyLevelLocalOne: "LOCAL_ONE",
}

func clName(cl primitive.ConsistencyLevel) string { return clNames[cl] }
