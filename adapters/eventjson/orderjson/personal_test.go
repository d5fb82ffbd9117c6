package orderjson_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"orderflow/adapters/eventjson"
	"orderflow/adapters/eventjson/orderjson"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/ports"
)

// oneKey gives every subject the same key.
type oneKey struct{}

func (oneKey) SubjectCipher(ports.Subject, bool) (cipher.AEAD, error) {
	block, err := aes.NewCipher(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// canary is a text that is found wherever it is.
func canary(path string) string { return "canary-" + strings.ReplaceAll(path, ".", "-") }

// plant writes a canary into every text of an event, and returns how each text is declared, by its
// path.
func plant(t *testing.T, value reflect.Value, path, declared string, found map[string]string) {
	t.Helper()
	switch value.Kind() {
	case reflect.String:
		found[path] = declared
		value.SetString(canary(path))
	case reflect.Struct:
		for field, inner := range value.Fields() {
			plant(t, inner, path+"."+field.Name, field.Tag.Get("personal"), found)
		}
	case reflect.Slice:
		value.Set(reflect.MakeSlice(value.Type(), 1, 1))
		plant(t, value.Index(0), path+".0", declared, found)
	case reflect.Int64:
	default:
		t.Fatalf("%s is of kind %s, which this test does not know", path, value.Kind())
	}
}

// Every text of every event is declared, and the codec does what is declared.
func TestPersonal_everyTextIsDeclaredAndSealed(t *testing.T) {
	t.Parallel()
	codec := orderjson.New().Sealed(eventjson.NewSeal(oneKey{}))
	declared := declaredEvents(t)
	for _, typ := range []reflect.Type{
		reflect.TypeFor[order.OrderCreated](), reflect.TypeFor[order.OrderItemsUpdated](), reflect.TypeFor[order.OrderConfirmed](),
		reflect.TypeFor[order.OrderShipped](), reflect.TypeFor[order.OrderDelivered](), reflect.TypeFor[order.OrderCancelled](),
	} {
		delete(declared, typ.Name())
		texts := map[string]string{}
		value := reflect.New(typ).Elem()
		plant(t, value, typ.Name(), "", texts)
		e := envelope(value.Interface().(order.Event))
		e.Metadata = map[string]string{ports.MetadataSubject: "s-1"}
		record, err := codec.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		for path, how := range texts {
			open := bytes.Contains(record.Payload, []byte(canary(path)))
			switch {
			case how != "sealed" && how != "subject" && how != "no":
				t.Errorf("%s is declared as %q; say whether it is personal", path, how)
			case open == (how == "sealed"):
				t.Errorf("%s is declared as %q, and stored is %s", path, how, record.Payload)
			}
		}
		if back, err := codec.Decode(record); err != nil || !reflect.DeepEqual(back.Event, e.Event) {
			t.Errorf("%s comes back as %+v, error %v", record.Payload, back.Event, err)
		}
	}
	if len(declared) > 0 {
		t.Errorf("this test does not know the events %v", declared)
	}
}

// What an earlier version of the program stored open is read as it is.
func TestPersonal_readsTheCorpus(t *testing.T) {
	t.Parallel()
	plain, sealed := orderjson.New(), orderjson.New().Sealed(eventjson.NewSeal(oneKey{}))
	for name, file := range corpus(t) {
		record := stored(file.EventType, file.EventVersion, string(file.Payload))
		want, err := plain.Decode(record)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := sealed.Decode(record); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, error %v", name, got, err)
		}
	}
}

// erasedKeys has no key any more.
type erasedKeys struct{}

func (erasedKeys) SubjectCipher(subject ports.Subject, _ bool) (cipher.AEAD, error) {
	return nil, fmt.Errorf("%s: %w", subject, ports.ErrSubjectErased)
}

// The fold of an order goes on over erased fields.
func TestPersonal_erasedFieldsAreATextOfTheirOwn(t *testing.T) {
	t.Parallel()
	seals, erased := orderjson.New().Sealed(eventjson.NewSeal(oneKey{})), orderjson.New().Sealed(eventjson.NewSeal(erasedKeys{}))
	var state order.Order
	for _, event := range []order.Event{
		order.OrderCreated{CustomerID: "c-1", Currency: "EUR"},
		order.OrderConfirmed{PaymentReference: "P"},
		order.OrderShipped{Carrier: "C", TrackingNumber: "T"},
		order.OrderDelivered{},
		order.OrderCancelled{Reason: "R"},
	} {
		e := envelope(event)
		e.Metadata = map[string]string{ports.MetadataSubject: "s-1"}
		record, err := seals.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		back, err := erased.Decode(record)
		if err != nil {
			t.Fatal(err)
		}
		state = order.Evolve(state, back.Event)
	}
	const gone = eventsourcing.Erased
	want := order.Order{
		Status: order.Cancelled, CustomerID: "c-1", Currency: "EUR", Items: []order.Item{},
		PaymentReference: gone, Carrier: gone, TrackingNumber: gone, CancelReason: gone,
	}
	if !reflect.DeepEqual(state, want) {
		t.Errorf("the state is %+v, want %+v", state, want)
	}
}

// No command can write the text that stands for an erased one.
func TestPersonal_noCommandWritesTheErasedText(t *testing.T) {
	t.Parallel()
	id := header().AggregateID
	for _, c := range []order.Command{
		order.ConfirmOrder{OrderID: id, PaymentReference: eventsourcing.Erased},
		order.ShipOrder{OrderID: id, Carrier: eventsourcing.Erased, TrackingNumber: "T"},
		order.ShipOrder{OrderID: id, Carrier: "C", TrackingNumber: eventsourcing.Erased},
		order.CancelOrder{OrderID: id, Reason: eventsourcing.Erased},
	} {
		if order.Check(c) == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}
