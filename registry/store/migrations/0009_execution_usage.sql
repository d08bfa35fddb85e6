-- What an execution cost, however it ended: {cpu_us, memory_peak_bytes, host_calls, egress_bytes, ingress_bytes, cold} as JSON.
ALTER TABLE extension_execution_log ADD COLUMN usage TEXT;
