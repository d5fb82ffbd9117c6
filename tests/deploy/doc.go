// Package deploy checks what the service is deployed with, as far as possible without an image and
// a cluster: Dockerfile and compose.yaml, the manifests for Kubernetes, and the unit of systemd.
// They must agree with each other and with the settings and commands of the binary, and they must
// keep what their comments promise.
//
// The manifests are read into the types of a pinned k8s.io/api, which knows every field. The unit
// is checked by systemd-analyze; without it that test is skipped, and the step deploy of
// scripts/check requires it.
//
// Only 'docker compose up --wait' can show that the images exist, that their servers accept their
// arguments, and that the healthchecks of these images are right. The images have no digests,
// because no registry has been asked for them.
package deploy
