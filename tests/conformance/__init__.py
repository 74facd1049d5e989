"""What the primitives do, said once, between threads and between processes, the standard library's and ours."""
