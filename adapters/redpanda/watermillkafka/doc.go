// Package watermillkafka is for other services: it reads the topic with watermill-kafka's
// subscriber and a Watermill router.
//
// [Unmarshaler] turns messages of the topic into Watermill messages, and [EventOf] returns the
// event in one. [Dedupe] is the middleware that every consumer of the topic needs. Delivery is at
// least once, so events come again after a crash of the consuming service or of the publisher.
// Dedupe drops each event that is not above the last handled sequence number of its order.
//
//	subscriber, err := kafka.NewSubscriber(kafka.SubscriberConfig{
//		Brokers: brokers, ConsumerGroup: "billing", OverwriteSaramaConfig: settings,
//		Unmarshaler: watermillkafka.Unmarshaler{},
//	}, logger)
//	…
//	router.AddMiddleware(watermillkafka.Dedupe{Handled: store}.Middleware)
//	router.AddConsumerHandler("billing", "order-events", subscriber,
//		func(m *message.Message) error {
//			event, err := watermillkafka.EventOf(m)
//			…
//		})
//
// The example is a whole program.
//
// # What the middleware needs
//
// The service stores the sequence numbers ([Handled]). It should store them with its effects, in
// the same transaction. Then each event has its effect exactly once, and Handled.Set, which is
// called after the handler, has nothing left to do. Otherwise an event comes again after a crash
// between the effect and Set. [Memory] is for trying: it loses everything when the process ends.
//
// Two settings of sarama matter. Version must be set, at least to V2_8_0_0.
// Consumer.Offsets.Initial is where a new consumer group starts; OffsetOldest delivers everything
// that the topic holds. The subscriber saves an offset after the handler has succeeded. When the
// topic no longer holds the offset, the subscriber silently continues at Initial.
//
// # Messages of other programs
//
// watermill-kafka stops reading a partition when an Unmarshaler fails. So this one never fails. A
// message that is no event is passed on, EventOf says what is wrong with it, and Dedupe drops it
// and calls OnStranger.
//
// # Order
//
// All events of an order are in one partition, and the subscriber delivers one message of a
// partition at a time. So a handler gets the events of an order one after the other, and at most as
// many events at a time as there are partitions. A message that the handler refuses comes again
// until it succeeds, and delays its partition. To avoid that, put middleware.Retry and
// middleware.PoisonQueue of Watermill in front of Dedupe.
//
// # Another module
//
// This module is called orderflow until it has an address from which the go command can fetch it.
// Until then, another module uses its packages from a copy beside it:
//
//	git clone … ../orderflow
//	go mod edit -require=orderflow@v0.0.0 -replace=orderflow=../orderflow
//	go mod tidy
//
// Two packages are meant for it: this one, and domain/eventsourcing for the type of events. Only
// the clients of this package are compiled, and nothing else of the service.
package watermillkafka
