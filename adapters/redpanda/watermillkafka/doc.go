// Package watermillkafka is for other services: it reads the topic with watermill-kafka's
// subscriber and a Watermill router.
//
// [Unmarshaler] makes Watermill messages of the messages of the topic, and [EventOf] gives a
// handler the event. [Dedupe] is the middleware that every consumer of the topic needs: delivery is
// at least once, so events come again, after a crash of this service or of the publisher. It drops
// what is not above the last handled sequence number of its order.
//
//	subscriber, err := kafka.NewSubscriber(kafka.SubscriberConfig{
//		Brokers: brokers, ConsumerGroup: "billing", OverwriteSaramaConfig: settings,
//		Unmarshaler: watermillkafka.Unmarshaler{},
//	}, logger)
//	…
//	router.AddMiddleware(watermillkafka.Dedupe{Handled: store}.Middleware)
//	router.AddConsumerHandler("billing", "order-events", subscriber, func(m *message.Message) error {
//		event, err := watermillkafka.EventOf(m)
//		…
//	})
//
// The example is a whole program.
//
// # What the middleware needs
//
// The sequence numbers are kept by the service ([Handled]), best where it keeps its effects, and
// written in the same transaction: then each event has its effect exactly once. Then Handled.Set,
// which comes after the handler, has nothing left to do. Otherwise a crash between the effect and
// Set has the event come again. [Memory] is for trying: it forgets all with the process.
//
// Settings of sarama that matter: Version must be set, at least to V2_8_0_0;
// Consumer.Offsets.Initial is what a new consumer group begins with, and OffsetOldest gives it all
// that the topic holds. The subscriber saves an offset after the handler has succeeded. It takes an
// offset that the topic no longer holds for Initial, without a word.
//
// # What others write
//
// watermill-kafka reads a partition no further when an Unmarshaler fails. So this one never does: a
// message that is no event gets through, EventOf says what is wrong with it, and Dedupe drops it
// and tells OnStranger.
//
// # Order
//
// All events of an order are in one partition, and the subscriber hands out one message of a
// partition at a time. So a handler gets the events of an order one after the other, and as many at
// a time as there are partitions. A message that the handler refuses comes again until it succeeds,
// and holds up its partition: put middleware.Retry and middleware.PoisonQueue of Watermill in front
// of Dedupe where that is not wanted.
//
// # Another module
//
// This module is called orderflow until it has an address that the go command can fetch it from.
// Until then, another module uses its packages from a copy beside it:
//
//	git clone … ../orderflow
//	go mod edit -require=orderflow@v0.0.0 -replace=orderflow=../orderflow
//	go mod tidy
//
// The packages that are meant for it: this one, and domain/eventsourcing for the type of events. It
// compiles the clients of this package, and nothing else of the service.
package watermillkafka
