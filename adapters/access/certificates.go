package access

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// lookEvery is the time between two looks at the files of certificates.
const lookEvery = 5 * time.Second

// TLSFiles names the files of a server's certificate. Client is empty when clients need no
// certificates.
type TLSFiles struct {
	Cert, Key string
	// Client has the authorities whose certificates clients may show.
	Client string
}

// Certificates keeps the certificate of a server up to date with its files. It is safe for
// concurrent use.
type Certificates struct {
	files TLSFiles
	log   *slog.Logger
	// changed is called with the fingerprint of each new certificate.
	changed func(fingerprint string) error

	mu sync.Mutex
	// config is what connections use. It is never changed, only replaced.
	config *tls.Config
	leaf   *x509.Certificate
	seen   [sha256.Size]byte // of the contents of the files at the last look
	err    error             // why the files cannot be used, if they cannot
}

// OpenCertificates reads a certificate. changed is called when there is another one; it may be nil.
// Errors: the files cannot be read, or do not belong together.
func OpenCertificates(files TLSFiles, log *slog.Logger, changed func(fingerprint string) error) (*Certificates, error) {
	c := &Certificates{files: files, log: log, changed: changed}
	if err := c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

// Config returns the configuration of a listener, whose connections use the newest certificate.
func (c *Certificates) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.config, nil
		},
		// never used, but a listener wants to see that there is a certificate
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errors.New("no certificate") },
	}
}

// Fingerprint returns the SHA-256 of the certificate in use, in hexadecimal digits.
func (c *Certificates) Fingerprint() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum := sha256.Sum256(c.leaf.Raw)
	return hex.EncodeToString(sum[:])
}

// Expires returns when the certificate in use ends.
func (c *Certificates) Expires() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leaf.NotAfter
}

// Err says why the files cannot be used, while the service continues with what they were. It is nil
// when all is well.
func (c *Certificates) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Run looks at the files again and again until ctx ends. When they cannot be used, the certificate
// stays what it was.
func (c *Certificates) Run(ctx context.Context) error {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			c.look()
		case <-ctx.Done():
			return nil
		}
	}
}

// look loads the files if they have changed.
func (c *Certificates) look() {
	before := c.Err()
	switch err := c.load(); {
	case err != nil && (before == nil || before.Error() != err.Error()):
		c.log.Error("the certificate cannot be loaded, and the one before stays in use", "error", err)
	case err == nil && before != nil:
		c.log.Info("the certificate can be loaded again")
	}
}

func (c *Certificates) load() error {
	err := c.read()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	return err
}

// read reads the files and replaces the configuration if they have changed.
func (c *Certificates) read() error {
	cert, errCert := os.ReadFile(c.files.Cert)
	key, errKey := os.ReadFile(c.files.Key)
	var client []byte
	var errClient error
	if c.files.Client != "" {
		client, errClient = os.ReadFile(c.files.Client)
	}
	if err := errors.Join(errCert, errKey, errClient); err != nil {
		return err
	}
	seen := sha256.Sum256(bytes.Join([][]byte{cert, key, client}, []byte{0}))
	c.mu.Lock()
	same := c.config != nil && seen == c.seen
	c.mu.Unlock()
	if same {
		return nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("%s and %s: %w", c.files.Cert, c.files.Key, err)
	}
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, Certificates: []tls.Certificate{pair},
	}
	if client != nil {
		config.ClientAuth, config.ClientCAs = tls.VerifyClientCertIfGiven, x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM(client) {
			return fmt.Errorf("%s: there is no certificate in it", c.files.Client)
		}
	}
	return c.use(config, pair.Leaf, seen)
}

func (c *Certificates) use(config *tls.Config, leaf *x509.Certificate, seen [sha256.Size]byte) error {
	c.mu.Lock()
	first := c.config == nil
	c.config, c.leaf, c.seen = config, leaf, seen
	c.mu.Unlock()
	if first {
		return nil
	}
	c.log.Info("another certificate is in use", "subject", leaf.Subject.String(), "not_after", leaf.NotAfter)
	if c.changed == nil {
		return nil
	}
	return c.changed(c.Fingerprint())
}
