package bootstrap

import "runtime/debug"

// release is the version of this source tree; CHANGELOG.md tells what is in it.
const release = "0.1.0"

// revision returns the commit of the build, or "" when the build does not know it.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return ""
}

// Version returns the release, and the revision when the build knows it.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return release
	}
	version := release
	if commit := revision(); commit != "" {
		version += " (" + commit + ")"
	}
	return version + " " + info.GoVersion
}
