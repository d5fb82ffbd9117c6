# An image that contains the Orderflow binary and nothing else.
#
#   docker build -t orderflow .
#   docker run --rm -p 127.0.0.1:8080:8080 -v orderflow:/data orderflow serve --insecure
#
# --insecure is right where the port is published to this machine only. Elsewhere use --auth=tokens.
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# The same source gives the same bytes: paths and the state of the checkout are left out.
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags='-s -w' -o /out/orderflow ./bootstrap/orderflow && mkdir /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/orderflow /orderflow
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
ENV ORDERFLOW_LISTEN=0.0.0.0:8080 ORDERFLOW_DATA=/data
EXPOSE 8080
VOLUME /data
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=5 CMD ["/orderflow", "consumers", "--check=ready", "--url=http://127.0.0.1:8080"]
ENTRYPOINT ["/orderflow"]
CMD ["serve"]
