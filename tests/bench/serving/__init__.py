"""What the benchmarks of the server share: a cheap client, processes and their CPU time, requests, other servers."""
