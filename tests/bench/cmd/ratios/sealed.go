package main

import "io"

// sealedTable compares commands whose personal data is sealed with the same ones without a key.
func sealedTable(out io.Writer, results []result) error {
	const benchmark, cpu = "Sealed", "cpu-us/command"
	paths := values(results, benchmark, "path")
	if len(paths) == 0 {
		return nil
	}
	t := newTable(out, "Commands with personal data, 64 writers (aim: sealed 0.85 of plain)",
		"path", "customers", "plain "+speed, "sealed "+speed, "sealed ÷ plain", "CPU, sealed ÷ plain")
	for _, path := range paths {
		for _, customers := range values(results, benchmark, "customers") {
			of := func(system, metric string) []float64 {
				return rounds(results, benchmark, metric, map[string]string{"path": path, "customers": customers, "system": system})
			}
			plain, sealed := of("plain", speed), of("sealed", speed)
			t.row(path, customers, thousands(median(plain)), thousands(median(sealed)), spread(ratios(sealed, plain)),
				spread(ratios(of("sealed", cpu), of("plain", cpu))))
		}
	}
	return t.end()
}
