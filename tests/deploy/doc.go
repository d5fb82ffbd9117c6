// Package deploy checks Dockerfile and compose.yaml as far as possible without building or pulling
// an image. They must agree with each other and with the settings and commands of the binary, and
// they must keep what their comments promise.
//
// Only 'docker compose up --wait' can show that the images exist, that their servers accept their
// arguments, and that the healthchecks of these images are right.
package deploy
