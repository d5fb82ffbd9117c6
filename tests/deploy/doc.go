// Package deploy checks Dockerfile and compose.yaml as far as that is possible without building or pulling an image: that they agree
// with each other and with the binary, which settings it knows and which commands, and that they keep what their comments promise.
//
// That the images exist, that their servers take the arguments given to them, and that the healthchecks of other people's images
// tell the truth, only 'docker compose up --wait' can show.
package deploy
