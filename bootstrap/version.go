package bootstrap

import "runtime/debug"

// release is the version of this source tree; CHANGELOG.md tells what is in it.
const release = "0.1.0"

// Version returns the release, and the revision when the build knows it.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return release
	}
	version := release
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			version += " (" + s.Value[:min(12, len(s.Value))] + ")"
		}
	}
	return version + " " + info.GoVersion
}
