package datadir

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"

	"orderflow/ports"
)

// ManifestName is the file that makes a directory a backup. It is JSON in one line, and the SHA-256
// of that line in the next one.
const ManifestName = "BACKUP"

// backupFormat is the format of backups that this program writes.
const backupFormat = "orderflow backup/1"

// Manifest says what a backup holds.
type Manifest struct {
	Format string `json:"format"`
	// Directory is the format of the data directory, as in VERSION.
	Directory int `json:"directory"`
	// Store is the id of the store that was copied.
	Store   uuid.UUID `json:"store"`
	Created time.Time `json:"created"`
	// Position is that of the last record that was durable before the copy began.
	Position uint64 `json:"position"`
	Files    []File `json:"files"`
}

// File is a file of a backup, with its path in it.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Bytes returns the size of all files.
func (m Manifest) Bytes() (sum int64) {
	for _, f := range m.Files {
		sum += f.Size
	}
	return sum
}

// CreateBackup makes the directory of a backup, which must not exist, or be empty. It is no backup
// before [SealBackup].
func CreateBackup(fs vfs.FS, dir string) error {
	if err := fs.MkdirAll(dir, privateDir); err != nil {
		return err
	}
	names, err := fs.List(dir)
	if err == nil && len(names) > 0 {
		err = fmt.Errorf("%s is not empty: it holds %s; name a directory that does not exist", dir, names[0])
	}
	if err != nil {
		return err
	}
	return syncDir(fs, fs.PathDir(dir))
}

// SealBackup completes the backup in dir, whose files are those of Pebble. It reads all of them.
// After a crash the manifest is there, and everything that it names, or it is not there.
func SealBackup(ctx context.Context, fs vfs.FS, dir string, m Manifest) (Manifest, error) {
	m.Format, m.Directory = backupFormat, formatVersion
	names, err := fs.List(fs.PathJoin(dir, PebbleName))
	if err != nil {
		return m, err
	}
	slices.Sort(names)
	for _, name := range names {
		path := fs.PathJoin(dir, PebbleName, name)
		file := File{Name: PebbleName + "/" + name}
		if file.Size, file.SHA256, err = digest(ctx, fs, path, io.Discard); err != nil {
			return m, err
		}
		m.Files = append(m.Files, file)
	}
	text, err := json.Marshal(m)
	if err != nil {
		return m, err
	}
	sum := sha256.Sum256(text)
	return m, writeFile(fs, dir, ManifestName, fmt.Appendf(text, "\n%x\n", sum))
}

// digest copies a file to out, and returns its size and its SHA-256.
func digest(ctx context.Context, fs vfs.FS, path string, out io.Writer) (size int64, sum string, err error) {
	f, err := fs.Open(path, vfs.SequentialReadsOption)
	if err != nil {
		return 0, "", err
	}
	hash := sha256.New()
	buffer := make([]byte, 256<<10)
	for err == nil {
		if err = ctx.Err(); err != nil {
			break
		}
		var n int
		n, err = f.Read(buffer)
		_, _ = hash.Write(buffer[:n]) // it never fails
		size += int64(n)
		if _, failed := out.Write(buffer[:n]); failed != nil {
			err = failed
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return size, hex.EncodeToString(hash.Sum(nil)), errors.Join(err, f.Close())
}

// ReadManifest reads the manifest of a backup. Errors: [ErrNoBackup]; [ErrNewerFormat];
// ports.ErrCorrupt; those of the file system.
func ReadManifest(fs vfs.FS, dir string) (m Manifest, err error) {
	path := fs.PathJoin(dir, ManifestName)
	content, err := readFile(fs, path)
	if _, missing := fs.Stat(dir); IsNotExist(err) && IsNotExist(missing) {
		return m, fmt.Errorf("%s: %w: there is no such directory", dir, ErrNoBackup)
	}
	if IsNotExist(err) {
		return m, fmt.Errorf("%s: %w: it has no file %s, so the backup was not completed", dir, ErrNoBackup, ManifestName)
	}
	if err != nil {
		return m, err
	}
	text, sum, _ := bytes.Cut(content, []byte("\n"))
	if want := sha256.Sum256(text); string(sum) != fmt.Sprintf("%x\n", want) {
		return m, fmt.Errorf("%w: %s does not have the sum that it says", ports.ErrCorrupt, path)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("%w: %s: %w", ports.ErrCorrupt, path, err)
	}
	if m.Format != backupFormat || m.Directory > formatVersion {
		return m, fmt.Errorf("%s: %w: it is %q of format %d, and this program knows %q of format %d",
			path, ErrNewerFormat, m.Format, m.Directory, backupFormat, formatVersion)
	}
	for _, f := range m.Files {
		base, ok := strings.CutPrefix(f.Name, PebbleName+"/")
		if !ok || base == "" || base != fs.PathBase(base) || strings.Contains(base, "/") || base == ".." {
			return m, fmt.Errorf("%w: %s names the file %q", ports.ErrCorrupt, path, f.Name)
		}
	}
	return m, nil
}

// ErrNoBackup refuses a directory that is no complete backup.
var ErrNoBackup = errors.New("not a backup of orderflow")

// Restore copies the backup in from into the directory dir, which must not exist, or be empty. It
// compares every file with the manifest. The new directory gets a new store id, because what the
// original does after the backup does not happen in it. After an error, and after a crash, dir is
// no data directory. progress is called after each file with the bytes that were copied, and those
// of all files.
//
// Errors: those of [ReadManifest]; [ErrNotOurs] when dir is not empty; the error of ctx.
func Restore(
	ctx context.Context, fs vfs.FS, from, dir string, progress func(done, total uint64),
) (m Manifest, id uuid.UUID, err error) {
	if m, err = ReadManifest(fs, from); err != nil {
		return m, id, err
	}
	if err := fs.MkdirAll(dir, privateDir); err != nil {
		return m, id, err
	}
	names, err := fs.List(dir)
	if err == nil && len(names) > 0 {
		err = fmt.Errorf("%s: %w: it holds %s; name an empty directory, or one that does not exist", dir, ErrNotOurs, names[0])
	}
	if err != nil {
		return m, id, err
	}
	defer func() {
		if err != nil { // the other error says more
			_ = fs.RemoveAll(fs.PathJoin(dir, PebbleName))
			_ = fs.Remove(fs.PathJoin(dir, identityName))
			_ = fs.Remove(fs.PathJoin(dir, watermarkName))
		}
	}()
	pebbleDir := fs.PathJoin(dir, PebbleName)
	if err = fs.MkdirAll(pebbleDir, privateDir); err != nil {
		return m, id, err
	}
	done, total := uint64(0), uint64(m.Bytes())
	for _, file := range m.Files {
		if err = restoreFile(ctx, fs, fs.PathJoin(from, file.Name), fs.PathJoin(dir, file.Name), file); err != nil {
			return m, id, err
		}
		done += uint64(file.Size)
		progress(done, total)
	}
	if err = syncDir(fs, pebbleDir); err != nil {
		return m, id, err
	}
	id = uuid.New()
	if err = writeFile(fs, dir, identityName, []byte(id.String()+"\n")); err != nil {
		return m, id, err
	}
	if err = markRestored(fs, dir, m); err != nil {
		return m, id, err
	}
	// A directory without it is not opened, so it comes last.
	if err = writeFile(fs, dir, versionName, fmt.Appendf(nil, versionFormat, m.Directory)); err == nil {
		err = syncDir(fs, fs.PathDir(dir))
	}
	return m, id, err
}

// markRestored writes the watermark of a restored directory.
func markRestored(fs vfs.FS, dir string, m Manifest) error {
	current, err := pebble.Peek(fs.PathJoin(dir, PebbleName), fs)
	if err != nil {
		return err
	}
	if !current.Exists {
		return fmt.Errorf("%w: the backup has no MANIFEST of Pebble", ports.ErrCorrupt)
	}
	name := fs.PathBase(current.ManifestFilename)
	restored := marks{position: m.Position}
	for _, f := range m.Files {
		if f.Name == PebbleName+"/"+name {
			restored.manifests[0] = manifestMark{name, f.Size}
		}
	}
	return writeFile(fs, dir, watermarkName, restored.append(nil))
}

func restoreFile(ctx context.Context, fs vfs.FS, from, to string, want File) error {
	out, err := fs.Create(to, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	size, sum, err := digest(ctx, fs, from, out)
	if err == nil {
		err = out.Sync()
	}
	if err := errors.Join(err, out.Close()); err != nil {
		return err
	}
	if size != want.Size || sum != want.SHA256 {
		return fmt.Errorf("%w: %s has %d bytes with the SHA-256 %.12s…, and the manifest says %d and %.12s…",
			ports.ErrCorrupt, from, size, sum, want.Size, want.SHA256)
	}
	return nil
}
