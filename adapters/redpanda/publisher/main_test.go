package publisher_test

import (
	"testing"

	"orderflow/adapters/redpanda/internal/topictest"
)

func TestMain(m *testing.M) { topictest.Main(m) }
