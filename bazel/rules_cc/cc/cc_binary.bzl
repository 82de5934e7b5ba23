"""Re-exports the native cc_binary."""

cc_binary = native.cc_binary
