// Package servers finds the real servers that Integration tests run on.
//
// The order is the same for every kind of server: addresses in the environment; else a container of the test binary's own, when Docker
// runs and the tests are not -short; else the test is skipped and says what is missing. With REQUIRE_INTEGRATION=1 it fails instead.
//
//	SCYLLA_HOSTS                   ScyllaDB, "host:port,...": any cluster, used by others at the same time or not
//	ORDERFLOW_TEST_SCYLLA_IMAGE    the image of a container for it
//	ORDERFLOW_TEST_SCYLLA_FLAGS    the arguments it starts with; {address} and {port} are where its clients will find it
//	KAFKA_BROKERS                  Redpanda or Apache Kafka, "host:port,...": scripts/kafka run starts one and sets it
//	ORDERFLOW_TEST_KAFKA_IMAGE     the image of a container for it, and its arguments
//	ORDERFLOW_TEST_KAFKA_FLAGS
//
// A container is started by the first test that asks for it, serves all tests of the binary, and ends behind the last one if TestMain
// runs them through [Main]. An image that is not there is pulled, which may take [patience]; what has not answered by then counts as
// missing. Should the tests be killed, the containers are removed by the one that testcontainers runs for that.
package servers
