package bootstrap

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"time"

	"orderflow/adapters/embedded"
	"orderflow/adapters/eventjson"
	"orderflow/application/command"
	"orderflow/application/personal"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// PublishPersonal says what the publisher does with personal fields when there is a service key.
type PublishPersonal string

// The ways to publish personal fields.
const (
	// PublishOmit publishes null in place of each personal field.
	PublishOmit PublishPersonal = "omit"
	// PublishSealed publishes sealed fields as they are stored. Only processes with the keys can
	// read them.
	PublishSealed PublishPersonal = "sealed"
	// PublishPlain publishes personal fields as texts. What was published is not erased with the
	// subject.
	PublishPlain PublishPersonal = "plain"
)

// keysSuffix is what the directory of the keys has after the name of the data directory.
const keysSuffix = ".keys"

// keysDir is where the embedded store keeps the keys of subjects: beside the data and not in it, so
// that a copy of the data has no keys.
func (c Config) keysDir() string {
	if c.PersonalKeys != "" {
		return c.PersonalKeys
	}
	return c.Data + keysSuffix
}

// validatePersonal returns what is wrong with the settings of personal data.
func (c Config) validatePersonal(bad func(setting, format string, args ...any)) {
	switch c.PublishPersonal {
	case PublishOmit, PublishSealed, PublishPlain:
	default:
		bad("publish-personal", "%q is none of %s, %s and %s", c.PublishPersonal, PublishOmit, PublishSealed, PublishPlain)
	}
	if c.PersonalKeys != "" && c.Store != StoreEmbedded {
		bad("personal-keys", "with --store=%s the keys are in the keyspace", c.Store)
	}
	switch {
	case c.CustomerIDs != CustomerIDsPlain && c.CustomerIDs != CustomerIDsHashed:
		bad("customer-ids", "%q is neither %s nor %s", c.CustomerIDs, CustomerIDsPlain, CustomerIDsHashed)
	case c.CustomerIDs == CustomerIDsHashed && c.PersonalKey == "":
		bad("personal-key", "none given, but --customer-ids=%s needs it", CustomerIDsHashed)
	}
	if c.PersonalKey == "" || c.Source != SourceRedpanda {
		return
	}
	if c.PublishPersonal != PublishSealed {
		bad("publish-personal", "%s, but with --source=%s the projections need sealed fields: give %s",
			c.PublishPersonal, SourceRedpanda, PublishSealed)
	}
	if !c.Redpanda.Metadata {
		bad("topic-metadata", "must be on with --source=%s and --personal-key, because the metadata names the subject", SourceRedpanda)
	}
}

// readServiceKey reads the service key: 32 bytes as hexadecimal digits or base64. It is nil without
// a path.
func readServiceKey(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	info, err := os.Stat(path)
	if err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, &SettingError{"personal-key", fmt.Sprintf(
			"%s can be read by others (%s): take that right away, for example with chmod 600", path, info.Mode().Perm())}
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, &SettingError{"personal-key", err.Error()}
	}
	text = bytes.TrimSpace(text)
	for _, decode := range []func(string) ([]byte, error){
		hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString,
		base64.URLEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
	} {
		if key, err := decode(string(text)); err == nil && len(key) == personal.KeyBytes {
			return key, nil
		}
	}
	return nil, &SettingError{"personal-key", fmt.Sprintf(
		"%s does not hold %d bytes as hexadecimal digits or base64", path, personal.KeyBytes)}
}

// openPersonal opens the keys of personal data. The keyring is nil without a service key. Then a
// store that has been used with one is refused: its sealed fields could not be read, and new ones
// would not be sealed.
func openPersonal(
	ctx context.Context, config Config, key []byte, store *storage, log *slog.Logger,
) (*personal.Keyring, error) {
	if err := openKeys(ctx, config, store, log); err != nil {
		return nil, fmt.Errorf("keys of personal data: %w", err)
	}
	if key == nil {
		if store.keys == nil {
			return nil, nil
		}
		used, err := personal.Used(ctx, store.keys)
		if err == nil && used {
			err = &SettingError{"personal-key", "none given, but personal data in this store is sealed"}
		}
		return nil, err
	}
	ring, err := personal.NewKeyring(key, store.keys, time.Now)
	if err != nil {
		return nil, err
	}
	return ring, ring.Check(ctx, config.Passive)
}

// openKeys opens the keys of the embedded store, if there are any or will be.
func openKeys(ctx context.Context, config Config, store *storage, log *slog.Logger) error {
	if config.Store != StoreEmbedded {
		return nil
	}
	dir := config.keysDir()
	if _, err := os.Stat(dir); config.PersonalKey == "" && errors.Is(err, os.ErrNotExist) {
		return nil
	}
	keys, err := embedded.OpenKeys(ctx, embedded.Options{Dir: dir, Logger: log})
	if err != nil {
		return err
	}
	store.keys = keys
	store.closers = append(store.closers, io.Closer(keys))
	store.run = append(store.run, untilFailed(keys))
	return nil
}

// untilFailed runs until nothing can be written any more. Then the process stops, so that a restart
// checks what is on disk.
func untilFailed(store interface {
	Failed() <-chan struct{}
	Err() error
},
) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return nil
		case <-store.Failed():
			return store.Err()
		}
	}
}

// openSeal returns how personal fields are sealed. It is nil without a service key.
func openSeal(ring *personal.Keyring) *eventjson.Seal {
	if ring == nil {
		return nil
	}
	return eventjson.NewSeal(ring)
}

// subjects are those of the command handlers. It is nil without a service key.
func (a *App) subjects() command.Subjects {
	if a.keyring == nil {
		return nil
	}
	return a.keyring
}

// personalPublisher publishes personal fields as the configuration says. Without a service key it
// is the publisher itself.
func (a *App) personalPublisher(next ports.Publisher) ports.Publisher {
	switch {
	case a.keyring == nil || a.config.PublishPersonal == PublishSealed:
		return next
	case a.config.PublishPersonal == PublishPlain:
		return personal.Publisher(next, a.codec.Open)
	default:
		return personal.Publisher(next, a.codec.Omit)
	}
}

// compared returns what of a payload is compared with the topic. With a service key, personal
// fields are not: they may be published in another form, and they can be erased.
func (a *App) compared() func(eventsourcing.Record) []byte {
	if a.keyring == nil {
		return nil
	}
	return func(r eventsourcing.Record) []byte {
		if omitted, err := a.codec.Omit(r); err == nil {
			return omitted.Payload
		}
		return r.Payload
	}
}
