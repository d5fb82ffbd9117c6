// Package servers finds the real servers on which integration tests run.
//
// The order is the same for every kind of server. First, addresses in the environment. Otherwise, a
// container of the test binary's own, when Docker runs and the tests are not -short. Otherwise the
// test is skipped and says what is missing; with REQUIRE_INTEGRATION=1 it fails instead.
//
//	SCYLLA_HOSTS                   ScyllaDB, "host:port,...": any cluster, also one in use
//	ORDERFLOW_TEST_SCYLLA_IMAGE    the image of a container for it
//	ORDERFLOW_TEST_SCYLLA_FLAGS    its arguments; {address} and {port} are where clients find it
//	KAFKA_BROKERS                  Redpanda or Apache Kafka, "host:port,...":
//	                               scripts/kafka run starts one and sets it
//	ORDERFLOW_TEST_KAFKA_IMAGE     the image of a container for it, and its arguments
//	ORDERFLOW_TEST_KAFKA_FLAGS
//
// The first test that asks for a container starts it. It serves all tests of the binary. It ends
// after the last one if TestMain runs the tests through [Main]. An image that is not there is
// pulled. A server that has not answered after [patience] counts as missing. When the tests are
// killed, the reaper of testcontainers removes the containers.
package servers
